package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// offering begins a conversation with a server that offers these mechanisms.
func offering(auth string) string {
	return `
		S: 220 mx.test
		C: EHLO client.test
		S: 250-mx.test
		S: 250 ` + auth + `
	`
}

// leaving is the rest of a conversation after a login.
const leaving = `
	C: QUIT
	S: 221 bye
`

// enter begins a conversation on a connection that dial makes, and ends it if
// that succeeds.
func enter(t *testing.T, dial func(context.Context, string, string) (net.Conn, error), cfg smtp.Config) error {
	t.Helper()
	return enterCtx(t, t.Context(), dial, cfg)
}

func enterCtx(t *testing.T, ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), cfg smtp.Config) error {
	t.Helper()
	if cfg.Addr == "" {
		cfg.Addr = "localhost:25"
	}
	if cfg.LocalName == "" {
		cfg.LocalName = "client.test"
	}
	conn, err := dial(t.Context(), "tcp", cfg.Addr)
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.NewClient(ctx, conn, cfg)
	if err != nil {
		if _, ok := err.(*delivery.Error); !ok {
			t.Errorf("the error is %#v", err)
		}
		return err
	}
	return c.Quit(ctx)
}

func TestAuth(t *testing.T) {
	for name, tt := range map[string]struct {
		mechanisms []string
		script     string
	}{
		"PLAIN": {nil, offering("AUTH LOGIN PLAIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 235 welcome
		`},
		"LOGIN": {nil, offering("AUTH CRAM-MD5 LOGIN") + `
			C: AUTH LOGIN
			S: 334 VXNlcm5hbWU6
			C: dXNlcg==
			S: 334 UGFzc3dvcmQ6
			C: cGFzcw==
			S: 235 welcome
		`},
		"LOGIN with other prompts": {nil, offering("AUTH LOGIN") + `
			C: AUTH LOGIN
			S: 334 
			C: dXNlcg==
			S: 334
			C: cGFzcw==
			S: 235 welcome
		`},
		"lower case, old form": {nil, offering("auth=login plain") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 235 welcome
		`},
		"both forms": {nil, `
			S: 220 mx.test
			C: EHLO client.test
			S: 250-mx.test
			S: 250-AUTH=LOGIN
			S: 250 AUTH PLAIN
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 235 welcome
		`},
		"order": {[]string{"login", "plain"}, offering("AUTH PLAIN LOGIN") + `
			C: AUTH LOGIN
			S: 334 VXNlcm5hbWU6
			C: dXNlcg==
			S: 334 UGFzc3dvcmQ6
			C: cGFzcw==
			S: 235 welcome
		`},
		"504: the next": {nil, offering("AUTH PLAIN LOGIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 504 5.5.4 not this one
			C: AUTH LOGIN
			S: 334 VXNlcm5hbWU6
			C: dXNlcg==
			S: 334 UGFzc3dvcmQ6
			C: cGFzcw==
			S: 235 welcome
		`},
		"534: the next": {nil, offering("AUTH PLAIN LOGIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 534 5.7.9 too weak
			C: AUTH LOGIN
			S: 334 VXNlcm5hbWU6
			C: dXNlcg==
			S: 334 UGFzc3dvcmQ6
			C: cGFzcw==
			S: 235 welcome
		`},
		"535: one more": {nil, offering("AUTH PLAIN LOGIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 535 no
			C: AUTH LOGIN
			S: 334 VXNlcm5hbWU6
			C: dXNlcg==
			S: 334 UGFzc3dvcmQ6
			C: cGFzcw==
			S: 235 welcome
		`},
	} {
		t.Run(name, func(t *testing.T) {
			p := plays(t, tt.script+leaving)
			if err := enter(t, p.Dial, smtp.Config{Username: "user", Password: "pass", Mechanisms: tt.mechanisms}); err != nil {
				t.Error(err)
			}
			p.done()
		})
	}
}

// After any failure there is no MAIL.
func TestAuthFailures(t *testing.T) {
	for name, tt := range map[string]struct {
		script  string
		outcome delivery.Outcome
		want    error
		code    int
		temp    bool
	}{
		"none offered": {`
			S: 220 mx.test
			C: EHLO client.test
			S: 250 mx.test
			C: QUIT
		`, delivery.NotSent, delivery.ErrAuthUnavailable, 0, false},
		"none usable": {offering("AUTH NTLM GSSAPI") + `
			C: QUIT
		`, delivery.NotSent, delivery.ErrAuthUnavailable, 0, false},
		"535": {offering("AUTH PLAIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 535 5.7.8 no
			C: QUIT
		`, delivery.NotSent, delivery.ErrAuthFailed, 535, false},
		"535 for the password": {offering("AUTH PLAIN LOGIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 535 5.7.8 no
			C: QUIT
		`, delivery.NotSent, delivery.ErrAuthFailed, 535, false},
		"535 twice": {offering("AUTH PLAIN LOGIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 535 5.7.1 not like this
			C: AUTH LOGIN
			S: 334 VXNlcm5hbWU6
			C: dXNlcg==
			S: 535 5.7.1 not like this
			C: QUIT
		`, delivery.NotSent, delivery.ErrAuthFailed, 535, false},
		"504 only": {offering("AUTH PLAIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 504 no
			C: QUIT
		`, delivery.NotSent, delivery.ErrAuthUnavailable, 504, false},
		"530": {offering("AUTH PLAIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 530 STARTTLS first
			C: QUIT
		`, delivery.NotSent, delivery.ErrAuthFailed, 530, false},
		"454": {offering("AUTH PLAIN LOGIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 454 4.7.0 later
			C: QUIT
		`, delivery.Deferred, nil, 454, true},
		"421": {offering("AUTH PLAIN LOGIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 421 bye
		`, delivery.Deferred, nil, 421, true},
		"250 is no success": {offering("AUTH PLAIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 250 ok
		`, delivery.Deferred, delivery.ErrProtocol, 250, true},
		"closed": {offering("AUTH PLAIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			-- close
		`, delivery.Deferred, nil, 0, true},
		"garbage": {offering("AUTH PLAIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: what?
		`, delivery.Deferred, delivery.ErrProtocol, 0, true},
		"PLAIN asked": {offering("AUTH PLAIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 334 
			C: *
			S: 501 cancelled
			C: QUIT
		`, delivery.Deferred, delivery.ErrProtocol, 0, true},
		"LOGIN asks a third time": {offering("AUTH LOGIN") + `
			C: AUTH LOGIN
			S: 334 VXNlcm5hbWU6
			C: dXNlcg==
			S: 334 UGFzc3dvcmQ6
			C: cGFzcw==
			S: 334 UGFzc3dvcmQ6
			C: *
			S: 501 cancelled
			C: QUIT
		`, delivery.Deferred, delivery.ErrProtocol, 0, true},
		"challenge not base64": {offering("AUTH LOGIN") + `
			C: AUTH LOGIN
			S: 334 Username:
			C: *
			S: 501 cancelled
			C: QUIT
		`, delivery.Deferred, delivery.ErrProtocol, 0, true},
		"challenge not base64, then closed": {offering("AUTH LOGIN") + `
			C: AUTH LOGIN
			S: 334 ====
			C: *
			-- close
		`, delivery.Deferred, delivery.ErrProtocol, 0, true},
		"challenge of two lines": {offering("AUTH LOGIN") + `
			C: AUTH LOGIN
			S: 334-VXNl
			S: 334 cm5hbWU6
		`, delivery.Deferred, delivery.ErrProtocol, 334, true},
		"a reply before AUTH": {`
			S: 220 mx.test
			C: EHLO client.test
			S! "250-mx.test\r\n250 AUTH PLAIN\r\n235 welcome\r\n"
		`, delivery.Deferred, delivery.ErrProtocol, 0, true},
		"the command is quoted": {offering("AUTH PLAIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 500 unrecognized: AUTH PLAIN AHVzZXIAcGFzcw== pass cGFzcw==
			C: QUIT
		`, delivery.NotSent, delivery.ErrAuthFailed, 500, false},
		"the command is echoed": {offering("AUTH PLAIN") + `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: AUTH PLAIN AHVzZXIAcGFzcw==
		`, delivery.Deferred, delivery.ErrProtocol, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := plays(t, tt.script)
			r := local(p.Dial)
			r.Username, r.Password = "user", "pass"
			var told strings.Builder
			ctx := delivery.WithHooks(t.Context(), &delivery.Hooks{
				Command: func(_ context.Context, line string) { fmt.Fprintln(&told, line) },
				Reply:   func(_ context.Context, r *delivery.Reply) { fmt.Fprintln(&told, r) },
			})
			res := converseCtx(t, ctx, r, from("b@y.test"), hello)
			p.done()
			rcpt := res.Recipients[0]
			e := rcpt.Err.(*delivery.Error)
			if rcpt.Outcome != tt.outcome || e.Phase != delivery.PhaseAUTH || tt.want != nil && !errors.Is(e, tt.want) || e.Temporary() != tt.temp {
				t.Errorf("%v, %v", rcpt.Outcome, e)
			}
			if e.Reply == nil && tt.code != 0 || e.Reply != nil && e.Reply.Code != tt.code {
				t.Errorf("the reply is %v", e.Reply)
			}
			for _, secret := range []string{"pass", "cGFzcw", "AHVz"} {
				if strings.Contains(told.String(), secret) || strings.Contains(e.Error(), secret) {
					t.Errorf("a credential is told:\n%s%v", told.String(), e)
				}
			}
		})
	}
}

// A response that is too long for the command line waits to be asked for, and a
// password may be long.
func TestAuthLongResponse(t *testing.T) {
	long := strings.Repeat("p", 5000)
	srv := &testsmtp.Server{
		Users:      map[string]string{"user": long},
		Mechanisms: []string{"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"}, RequireAuth: true,
	}
	defer srv.Close()
	for _, mechanism := range srv.Mechanisms {
		if err := enter(t, srv.Dial, smtp.Config{Username: "user", Password: long, Mechanisms: []string{mechanism}}); err != nil {
			t.Error(err)
		}
		if mechanism != "LOGIN" && !strings.Contains(srv.Transcript(), "C: AUTH "+mechanism+"\n") {
			t.Error(srv.Transcript())
		}
	}
}

// RFC 4954 section 4 limits a line of the exchange to 12288 octets; what is
// longer can't be sent, and is no fault of the server.
func TestAuthTooLong(t *testing.T) {
	srv := &testsmtp.Server{Users: map[string]string{"user": ""}, Mechanisms: []string{"PLAIN", "LOGIN", "XOAUTH2"}}
	defer srv.Close()
	for _, mechanism := range srv.Mechanisms {
		for _, n := range []int{9000, 9300, 1 << 20} {
			r := local(srv.Dial)
			r.Username, r.Password, r.Mechanisms = "user", strings.Repeat("p", n), []string{mechanism}
			rcpt := converse(t, r, from("b@y.test"), hello).Recipients[0]
			if sent := errors.Is(rcpt.Err, delivery.ErrAuthFailed); rcpt.Outcome != delivery.NotSent || sent != (n == 9000) {
				t.Errorf("%s, %d octets: %v, %v", mechanism, n, rcpt.Outcome, rcpt.Err)
			}
			if len(rcpt.Err.Error()) > 500 {
				t.Error("the error tells the password")
			}
		}
	}
}

func TestAuthInClear(t *testing.T) {
	srv := &testsmtp.Server{Users: map[string]string{"user": "pass"}, RequireAuth: true}
	defer srv.Close()
	cfg := smtp.Config{Addr: "mx.test:587", TLS: smtp.InsecureTLSNone, Username: "user", Password: "pass"}
	for _, source := range []smtp.TokenSource{nil, tokens("pass")} {
		if cfg.TokenSource = source; source != nil {
			cfg.Password = ""
		}
		if err := enter(t, srv.Dial, cfg); !errors.Is(err, delivery.ErrAuthUnavailable) {
			t.Error(err)
		}
	}
	if strings.Contains(srv.Transcript(), "C: AUTH") {
		t.Error(srv.Transcript())
	}
	cfg.InsecureAuth, cfg.Password, cfg.TokenSource = true, "pass", nil
	if err := enter(t, srv.Dial, cfg); err != nil {
		t.Error(err)
	}
}
