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
	const yes, no = "accepted", "deferred"
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
		{"other.test", "", "deferred"},
		{"192.0.2.1", "", "deferred"},
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
	if rcpt.Outcome != delivery.Deferred || !errors.Is(rcpt.Err, delivery.ErrTLSFailed) {
		t.Errorf("%v, %v", rcpt.Outcome, rcpt.Err)
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
		if e := rcpt.Err.(*delivery.Error); rcpt.Outcome != delivery.Deferred || e.Phase != delivery.PhaseTLS || !errors.Is(e, delivery.ErrTLSFailed) {
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
		{&smtp.Relay{Addr: "mx.test", Dial: dial}, "deferred"},
		{&smtp.Relay{Addr: "192.0.2.1", Dial: dial}, "deferred"},
		{&smtp.Relay{Addr: "localhost.evil.test", Dial: dial}, "deferred"},
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
