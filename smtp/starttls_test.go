package smtp_test

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// startTLS begins a conversation up to the reply to STARTTLS.
const startTLS = `
	S: 220 mx.test
	C: EHLO client.test
	S: 250-mx.test
	S: 250 STARTTLS
	C: STARTTLS
`

// Whatever comes in clear after STARTTLS is never taken for something that came
// through TLS, and nothing is sent in clear if TLS is required.
func TestSTARTTLSIsSafe(t *testing.T) {
	for name, tt := range map[string]struct {
		script string
		want   error
		phase  delivery.Phase
		out    delivery.Outcome
	}{
		"injected reply":     {`S! "220 go\r\n250-x\r\n250 AUTH PLAIN\r\n"`, delivery.ErrTLSFailed, delivery.PhaseTLS, delivery.Deferred},
		"injected half line": {`S! "220 ok\r\nAUTH"`, delivery.ErrTLSFailed, delivery.PhaseTLS, delivery.Deferred},
		"250":                {`S: 250 ok`, delivery.ErrTLSFailed, delivery.PhaseTLS, delivery.Deferred},
		"221":                {`S: 221 ok`, delivery.ErrTLSFailed, delivery.PhaseTLS, delivery.Deferred},
		"garbage":            {`S: go ahead`, delivery.ErrTLSFailed, delivery.PhaseTLS, delivery.Deferred},
		"454":                {"S: 454 later\nC: QUIT", delivery.ErrTLSRequired, delivery.PhaseSTARTTLS, delivery.Deferred},
		"501":                {"S: 501 what\nC: QUIT", delivery.ErrTLSRequired, delivery.PhaseSTARTTLS, delivery.Deferred},
		"421":                {"S: 421 bye", nil, delivery.PhaseSTARTTLS, delivery.Deferred},
		"closed":             {"-- close", nil, delivery.PhaseSTARTTLS, delivery.Deferred},
		"reset":              {"-- reset", nil, delivery.PhaseSTARTTLS, delivery.Deferred},
		"closed after 220":   {"S: 220 go\nC* *\n-- close", delivery.ErrTLSFailed, delivery.PhaseTLS, delivery.Deferred},
		"no TLS after 220":   {"S: 220 go\nC* *\nS: 250 what is this", delivery.ErrTLSFailed, delivery.PhaseTLS, delivery.Deferred},
	} {
		t.Run(name, func(t *testing.T) {
			script := startTLS + tt.script
			p := &peer{t: t, scripts: []string{script}}
			if strings.Contains(script, "C* *") { // a ClientHello isn't made of lines
				p = &peer{t: t, scripts: []string{""}}
				p.serve = func(conn net.Conn) { serveHello(conn, strings.Contains(script, "what is this")) }
			}
			r := remote(p.Dial)
			r.Username, r.Password = "user", "pass"
			rcpt := converse(t, r, from("b@y.test"), hello).Recipients[0]
			p.done()
			e := rcpt.Err.(*delivery.Error)
			if rcpt.Outcome != tt.out || e.Phase != tt.phase || tt.want != nil && !errors.Is(e, tt.want) {
				t.Errorf("%v, %v", rcpt.Outcome, e)
			}
		})
	}
}

// serveHello answers 220 to STARTTLS and then no TLS.
func serveHello(conn net.Conn, answer bool) {
	defer conn.Close()
	buf := make([]byte, 4096)
	for _, s := range []string{"220 mx.test\r\n", "250-mx.test\r\n250 STARTTLS\r\n", "220 go\r\n"} {
		conn.Write([]byte(s))
		conn.Read(buf)
	}
	if answer {
		conn.Write([]byte("250 what is this\r\n"))
	}
}

// What was offered in clear doesn't count after the handshake.
func TestCapabilitiesAreForgotten(t *testing.T) {
	var extensions []string
	srv := &testsmtp.Server{TLS: serverTLS(), Users: map[string]string{"user": "pass"}, AuthClear: true, Mechanisms: []string{"PLAIN"}}
	srv.On = func(e testsmtp.Event) *testsmtp.Fault {
		if e.Phase == testsmtp.EHLO && e.N == 1 {
			return &testsmtp.Fault{Reply: "250-mx.test\n250 8BITMIME", Continue: true}
		}
		return nil
	}
	defer srv.Close()
	conn, err := srv.Dial(t.Context(), "tcp", "mx.test:25")
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.NewClient(t.Context(), conn, smtp.Config{Addr: "mx.test:25", LocalName: "client.test", TLSConfig: clientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"size", "DSN", "AUTH", "STARTTLS", "8bitmime"} {
		if _, ok := c.Extension(name); ok {
			extensions = append(extensions, name)
		}
	}
	if len(extensions) != 1 || extensions[0] != "8bitmime" {
		t.Errorf("%q", extensions)
	}
	if state, ok := c.TLS(); !ok || state.Version != tls.VersionTLS13 {
		t.Errorf("TLS: %v", ok)
	}
	if err := c.Quit(t.Context()); err != nil {
		t.Error(err)
	}
}

// Where TLS is a mere opportunity, a server that can't do it gets the mail
// without, except when credentials are at stake.
func TestBrokenTLS(t *testing.T) {
	for _, fault := range []testsmtp.Fault{{Close: true}, {Reset: true}, {Raw: "\x15\x03\x03\x00\x02\x02\x28", Close: true}, {Raw: "500 no TLS\r\n", Close: true}} {
		srv := &testsmtp.Server{TLS: serverTLS(), Users: map[string]string{"user": "pass"}, AuthClear: true}
		srv.On = func(e testsmtp.Event) *testsmtp.Fault {
			if e.Phase == testsmtp.Handshake {
				return &fault
			}
			return nil
		}
		for name, tt := range map[string]struct {
			relay *smtp.Relay
			want  string
		}{
			"loopback":      {local(srv.Dial), "accepted"},
			"opportunistic": {&smtp.Relay{Addr: "mx.test", LocalName: "client.test", TLS: smtp.InsecureTLSOpportunistic, Dial: srv.Dial}, "accepted"},
			"required":      {remote(srv.Dial), "deferred"},
			"credentials":   {&smtp.Relay{Addr: "localhost", LocalName: "client.test", Username: "user", Password: "pass", Dial: srv.Dial}, "deferred"},
			"token":         {&smtp.Relay{Addr: "localhost", LocalName: "client.test", TokenSource: tokens("pass"), Dial: srv.Dial}, "deferred"},
			"pins":          {&smtp.Relay{Addr: "localhost", LocalName: "client.test", Pins: []string{somePin}, Dial: srv.Dial}, "deferred"},
		} {
			before := len(srv.Connections())
			res := converse(t, tt.relay, from("b@y.test"), hello)
			if got := outcomes(res); got != tt.want {
				t.Errorf("%s, %+v: %s, %v", name, fault, got, res.Recipients[0].Err)
			}
			if n := len(srv.Connections()) - before; (n == 2) != (tt.want == "accepted") {
				t.Errorf("%s, %+v: %d connections", name, fault, n)
			}
		}
		srv.Close()
	}
}

// A connection that is lost at STARTTLS isn't tried again in clear if TLS is
// required.
func TestLostAtSTARTTLS(t *testing.T) {
	srv := &testsmtp.Server{TLS: serverTLS()}
	srv.On = func(e testsmtp.Event) *testsmtp.Fault {
		if e.Phase == testsmtp.STARTTLS {
			return &testsmtp.Fault{Close: true}
		}
		return nil
	}
	defer srv.Close()
	if got := outcomes(converse(t, remote(srv.Dial), from("b@y.test"), hello)); got != "deferred" || len(srv.Connections()) != 1 {
		t.Errorf("%s\n%s", got, srv.Transcript())
	}
	if got := outcomes(converse(t, local(srv.Dial), from("b@y.test"), hello)); got != "accepted" {
		t.Error(got)
	}
}

// STARTTLS that is refused after it was offered: on in clear, on the same
// connection.
func TestSTARTTLSRefused(t *testing.T) {
	p := plays(t, startTLS+`
		S: 454 4.3.0 not now
		C: MAIL FROM:<a@x.test>
		S: 250 ok
		C: RCPT TO:<b@y.test>
		S: 250 ok
		`+helloData+`
		S: 250 ok
		C: QUIT
	`)
	if got := outcomes(converse(t, local(p.Dial), from("b@y.test"), hello)); got != "accepted" {
		t.Error(got)
	}
	p.done()
}
