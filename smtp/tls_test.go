package smtp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

func TestTLSModes(t *testing.T) {
	const yes, no = "accepted", "not sent"
	for _, tt := range []struct {
		name     string
		mode     smtp.TLSMode
		loopback bool
		trusted  bool
		server   string // "", "STARTTLS", "implicit"
		want     string
		err      error
		tls      bool
	}{
		{"default", smtp.TLSDefault, false, true, "STARTTLS", yes, nil, true},
		{"default, not trusted", smtp.TLSDefault, false, false, "STARTTLS", no, delivery.ErrTLSFailed, false},
		{"default, not offered", smtp.TLSDefault, false, true, "", no, delivery.ErrTLSRequired, false},
		{"default on loopback", smtp.TLSDefault, true, false, "STARTTLS", yes, nil, true},
		{"default on loopback, not offered", smtp.TLSDefault, true, false, "", yes, nil, false},
		{"STARTTLS", smtp.TLSStartTLS, false, true, "STARTTLS", yes, nil, true},
		{"STARTTLS on loopback, not trusted", smtp.TLSStartTLS, true, false, "STARTTLS", no, delivery.ErrTLSFailed, false},
		{"STARTTLS on loopback, not offered", smtp.TLSStartTLS, true, true, "", no, delivery.ErrTLSRequired, false},
		{"implicit", smtp.TLSImplicit, false, true, "implicit", yes, nil, true},
		{"implicit, not trusted", smtp.TLSImplicit, false, false, "implicit", no, delivery.ErrTLSFailed, false},
		{"implicit on loopback, not trusted", smtp.TLSImplicit, true, false, "implicit", no, delivery.ErrTLSFailed, false},
		{"implicit to a server in clear", smtp.TLSImplicit, false, true, "", no, delivery.ErrTLSFailed, false},
		{"opportunistic, not trusted", smtp.InsecureTLSOpportunistic, false, false, "STARTTLS", yes, nil, true},
		{"opportunistic, not offered", smtp.InsecureTLSOpportunistic, false, false, "", yes, nil, false},
		{"none, although offered", smtp.InsecureTLSNone, false, true, "STARTTLS", yes, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := &testsmtp.Server{}
			if tt.server != "" {
				srv.TLS, srv.ImplicitTLS = serverTLS(), tt.server == "implicit"
			}
			defer srv.Close()
			r := remote(srv.Dial)
			if tt.loopback {
				r = local(srv.Dial)
			}
			if r.TLS = tt.mode; tt.trusted {
				r.TLSConfig = clientTLS()
			}
			rcpt := converse(t, r, from("b@y.test"), hello).Recipients[0]
			if rcpt.Outcome.String() != tt.want || tt.err != nil && !errors.Is(rcpt.Err, tt.err) {
				t.Fatalf("%v, %v", rcpt.Outcome, rcpt.Err)
			}
			if tt.err != nil {
				if e := rcpt.Err.(*delivery.Error); !e.Temporary() || e.PathFailure() {
					t.Errorf("temporary %v, path failure %v", e.Temporary(), e.PathFailure())
				}
				if strings.Contains(srv.Transcript(), "C: MAIL") || len(srv.Connections()) != 1 {
					t.Error(srv.Transcript())
				}
				return
			}
			if got := srv.Messages()[0].TLS; got != tt.tls {
				t.Errorf("TLS is %v", got)
			}
			if v := srv.Violations(); len(v) > 0 {
				t.Errorf("violations: %q", v)
			}
		})
	}
}

// Port 465 speaks nothing but TLS.
func TestPort465(t *testing.T) {
	srv := &testsmtp.Server{TLS: serverTLS(), ImplicitTLS: true}
	defer srv.Close()
	r := remote(srv.Dial)
	r.Addr, r.TLSConfig = "mx.test:465", clientTLS()
	if got := outcomes(converse(t, r, from("b@y.test"), hello)); got != "accepted" {
		t.Error(got)
	}
}

func TestCertificateNames(t *testing.T) {
	srv := &testsmtp.Server{TLS: serverTLS()}
	defer srv.Close()
	for _, tt := range []struct{ host, serverName, want string }{
		{"mx.test", "", "accepted"},
		{"mx.test.", "", "accepted"}, // no dot at the end of the name that is verified
		{"MX.Test", "", "accepted"},
		{"other.test", "", "not sent"},
		{"192.0.2.1", "", "not sent"},
		{"192.0.2.1", "mx.test", "accepted"},
	} {
		r := remote(srv.Dial)
		r.Addr, r.TLSConfig = tt.host, clientTLS()
		r.TLSConfig.ServerName = tt.serverName
		if got := outcomes(converse(t, r, from("b@y.test"), hello)); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
		if r.TLSConfig.ServerName != tt.serverName {
			t.Errorf("%s: the configuration was changed", tt.host)
		}
	}
}

func TestOldTLS(t *testing.T) {
	old := serverTLS()
	old.MaxVersion = tls.VersionTLS11
	old.MinVersion = tls.VersionTLS10
	srv := &testsmtp.Server{TLS: old}
	defer srv.Close()
	r := remote(srv.Dial)
	r.TLSConfig = clientTLS()
	r.TLSConfig.MinVersion = tls.VersionTLS10
	rcpt := converse(t, r, from("b@y.test"), hello).Recipients[0]
	if rcpt.Outcome != delivery.NotSent || !errors.Is(rcpt.Err, delivery.ErrTLSFailed) {
		t.Errorf("%v, %v", rcpt.Outcome, rcpt.Err)
	}
}

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
		"injected reply":     {`S! "220 go\r\n250-x\r\n250 AUTH PLAIN\r\n"`, delivery.ErrTLSFailed, delivery.PhaseTLS, delivery.NotSent},
		"injected half line": {`S! "220 ok\r\nAUTH"`, delivery.ErrTLSFailed, delivery.PhaseTLS, delivery.NotSent},
		"250":                {`S: 250 ok`, delivery.ErrTLSFailed, delivery.PhaseTLS, delivery.NotSent},
		"221":                {`S: 221 ok`, delivery.ErrTLSFailed, delivery.PhaseTLS, delivery.NotSent},
		"garbage":            {`S: go ahead`, delivery.ErrTLSFailed, delivery.PhaseTLS, delivery.NotSent},
		"454":                {"S: 454 later\nC: QUIT", delivery.ErrTLSRequired, delivery.PhaseSTARTTLS, delivery.NotSent},
		"501":                {"S: 501 what\nC: QUIT", delivery.ErrTLSRequired, delivery.PhaseSTARTTLS, delivery.NotSent},
		"421":                {"S: 421 bye", nil, delivery.PhaseSTARTTLS, delivery.Deferred},
		"closed":             {"-- close", nil, delivery.PhaseSTARTTLS, delivery.Deferred},
		"reset":              {"-- reset", nil, delivery.PhaseSTARTTLS, delivery.Deferred},
		"closed after 220":   {"S: 220 go\nC* *\n-- close", delivery.ErrTLSFailed, delivery.PhaseTLS, delivery.NotSent},
		"no TLS after 220":   {"S: 220 go\nC* *\nS: 250 what is this", delivery.ErrTLSFailed, delivery.PhaseTLS, delivery.NotSent},
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

// corked is a connection whose writes wait for flush.
type corked struct {
	net.Conn
	cork bool
	held []byte
}

func (c *corked) Write(p []byte) (int, error) {
	if c.cork {
		c.held = append(c.held, p...)
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *corked) flush() {
	c.cork = false
	c.Conn.Write(c.held)
	c.held = nil
}

// Two replies in two TLS records that arrive together: the second one isn't on
// the connection any more, and not in our hands yet.
func TestUnaskedRepliesInTLS(t *testing.T) {
	for _, tt := range []struct{ at, want string }{
		{"EHLO", "deferred"}, {"MAIL", "deferred"}, {"RCPT", "deferred"}, {"DATA", "deferred"}, {".", "accepted"},
	} {
		for _, tcp := range []bool{false, true} {
			client, server := testsmtp.Pipe()
			if tcp {
				client, server = tcpPipe(t)
			}
			p := &peer{t: t, scripts: []string{""}}
			p.serve = func(net.Conn) {
				wire := &corked{Conn: server}
				conn := tls.Server(wire, serverTLS())
				defer conn.Close()
				io.WriteString(conn, "220 mx.test\r\n")
				r := bufio.NewReader(conn)
				for data := false; ; {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					verb := strings.TrimSpace(line)
					if verb != "." && data {
						continue
					}
					verb, _, _ = strings.Cut(verb, " ")
					reply := "250 ok\r\n"
					if data = verb == "DATA"; data {
						reply = "354 go\r\n"
					}
					wire.cork = verb == tt.at
					io.WriteString(conn, reply)
					if wire.cork {
						io.WriteString(conn, "250 and one more\r\n")
						wire.flush()
					}
				}
			}
			r := remote(func(ctx context.Context, network, addr string) (net.Conn, error) {
				p.Dial(ctx, network, addr)
				return client, nil
			})
			r.TLS, r.TLSConfig = smtp.TLSImplicit, clientTLS()
			rcpt := converse(t, r, from("b@y.test"), hello).Recipients[0]
			if rcpt.Outcome.String() != tt.want || tt.want == "deferred" && !errors.Is(rcpt.Err, delivery.ErrProtocol) {
				t.Errorf("%s, TCP %v: %v, %v", tt.at, tcp, rcpt.Outcome, rcpt.Err)
			}
			p.done()
		}
	}
}

// tcpPipe returns the ends of a connection over TCP.
func tcpPipe(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
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
			"required":      {remote(srv.Dial), "not sent"},
			"credentials":   {&smtp.Relay{Addr: "localhost", LocalName: "client.test", Username: "user", Password: "pass", Dial: srv.Dial}, "deferred"},
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

// In TLS 1.3 a server refuses the client's certificate, or its absence, only
// after the client took the handshake for finished.
func TestAlertAfterHandshake(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		cfg := serverTLS()
		cfg.ClientAuth = tls.RequireAnyClientCert
		srv := &testsmtp.Server{TLS: cfg, ImplicitTLS: implicit}
		r := remote(srv.Dial)
		r.TLSConfig = clientTLS()
		if implicit {
			r.TLS = smtp.TLSImplicit
		}
		rcpt := converse(t, r, from("b@y.test"), hello).Recipients[0]
		if e := rcpt.Err.(*delivery.Error); rcpt.Outcome != delivery.NotSent || e.Phase != delivery.PhaseTLS || !errors.Is(e, delivery.ErrTLSFailed) {
			t.Errorf("%v, %v", rcpt.Outcome, e)
		}
		srv.Close()
	}
}

// A proxy on this machine doesn't make a remote server a local one.
func TestLoopbackThroughDialer(t *testing.T) {
	srv := &testsmtp.Server{}
	addr, err := srv.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	for _, tt := range []struct {
		relay *smtp.Relay
		want  string
	}{
		{&smtp.Relay{Addr: "mx.test", Dial: dial}, "not sent"},
		{&smtp.Relay{Addr: "192.0.2.1", Dial: dial}, "not sent"},
		{&smtp.Relay{Addr: "localhost.evil.test", Dial: dial}, "not sent"},
		{&smtp.Relay{Addr: "localhost", Dial: dial}, "accepted"},
		{&smtp.Relay{Addr: "mail.localhost.", Dial: dial}, "accepted"},
		{&smtp.Relay{Addr: "127.1.2.3", Dial: dial}, "accepted"},
		{&smtp.Relay{Addr: "::1", Dial: dial}, "accepted"},
		{&smtp.Relay{Addr: "::ffff:127.0.0.1", Dial: dial}, "accepted"},
		{&smtp.Relay{Addr: addr}, "accepted"},
	} {
		tt.relay.LocalName = "client.test"
		if got := outcomes(converse(t, tt.relay, from("b@y.test"), hello)); got != tt.want {
			t.Errorf("%s: %s", tt.relay.Addr, got)
		}
	}
}

func TestTLSModeNames(t *testing.T) {
	for mode, want := range map[smtp.TLSMode]string{smtp.TLSDefault: "default", smtp.InsecureTLSNone: "none", 77: "TLSMode(77)"} {
		if mode.String() != want {
			t.Errorf("%d is %q", mode, mode)
		}
	}
}
