package smtp_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

func TestHELO(t *testing.T) {
	for _, code := range []string{"500", "501", "502", "503", "504", "550"} {
		p := plays(t, `
			S: 220 mx.test
			C: EHLO client.test
			S: `+code+` what
			C: HELO client.test
			S: 250 mx.test
			C: MAIL FROM:<a@x.test>
			S: 250 ok
			C: RCPT TO:<b@y.test>
			S: 250 ok
			`+helloData+`
			S: 250 ok
			C: QUIT
		`)
		if got := outcomes(converse(t, local(p.Dial), from("b@y.test"), hello)); got != "accepted" {
			t.Errorf("%s: %s", code, got)
		}
		p.done()
	}
}

// A reply that nobody asked for can't be taken for the answer to what is asked
// next.
func TestUnaskedReplies(t *testing.T) {
	for name, script := range map[string]string{
		"greeting": `S! "220 mx.test\r\n250 mx.test\r\n"`,
		"EHLO": `
			S: 220 mx.test
			C: EHLO client.test
			S! "250 mx.test\r\n250 ok\r\n"
		`,
		"MAIL": opening + `
			C: MAIL FROM:<a@x.test>
			S! "250 ok\r\n250 ok\r\n"
		`,
		"RCPT": opening + `
			C: MAIL FROM:<a@x.test>
			S: 250 ok
			C: RCPT TO:<b@y.test>
			S! "250 ok\r\n354 go ahead\r\n"
		`,
		"RCPT, then farewell": opening + `
			C: MAIL FROM:<a@x.test>
			S: 250 ok
			C: RCPT TO:<b@y.test>
			S! "250 ok\r\n421 too many errors\r\n"
		`,
		"DATA": opening + `
			C: MAIL FROM:<a@x.test>
			S: 250 ok
			C: RCPT TO:<b@y.test>
			S: 250 ok
			C: DATA
			S! "354 go ahead\r\n250 queued\r\n"
		`,
	} {
		p := plays(t, script)
		rcpt := converse(t, local(p.Dial), from("b@y.test"), hello).Recipients[0]
		p.done()
		farewell := strings.Contains(script, "421")
		if rcpt.Outcome != delivery.Deferred || errors.Is(rcpt.Err, delivery.ErrProtocol) == farewell || farewell && rcpt.Reply.Code != 421 {
			t.Errorf("%s: %v, %v", name, rcpt.Outcome, rcpt.Err)
		}
	}
}

// HELO isn't tried where it would lead nowhere, or after another refusal.
func TestNoHELO(t *testing.T) {
	const refusal = `
		S: 220 mx.test
		C: EHLO client.test
		S: %s what
		C: QUIT
	`
	for name, tt := range map[string]struct {
		code  string
		relay func(*smtp.Relay)
		env   func(*delivery.Envelope)
	}{
		"TLS":      {"502", func(r *smtp.Relay) { r.Addr = "mx.test" }, nil},
		"STARTTLS": {"502", func(r *smtp.Relay) { r.TLS = smtp.TLSStartTLS }, nil},
		"AUTH":     {"502", func(r *smtp.Relay) { r.Username = "u" }, nil},
		"SMTPUTF8": {"502", nil, func(e *delivery.Envelope) { e.SMTPUTF8 = true }},
		"8BITMIME": {"502", nil, func(e *delivery.Envelope) { e.EightBit = true }},
		"554":      {"554", nil, nil},
		"450":      {"450", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := plays(t, fmt.Sprintf(refusal, tt.code))
			r, env := local(p.Dial), from("b@y.test")
			if tt.relay != nil {
				tt.relay(r)
			}
			if tt.env != nil {
				tt.env(env)
			}
			rcpt := converse(t, r, env, hello).Recipients[0]
			p.done()
			e := rcpt.Err.(*delivery.Error)
			if rcpt.Outcome != delivery.Deferred || e.Phase != delivery.PhaseEHLO || !e.PathFailure() {
				t.Errorf("%v, %v", rcpt.Outcome, e)
			}
		})
	}
}

// EHLO names this machine, never the server.
func TestLocalName(t *testing.T) {
	srv := &testsmtp.Server{}
	addr, err := srv.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	for _, name := range []string{"", "mail.example.com", "[192.0.2.7]", "例え.テスト"} {
		r := &smtp.Relay{Addr: addr, LocalName: name}
		if got := outcomes(converse(t, r, from("b@y.test"), hello)); got != "accepted" {
			t.Fatal(got)
		}
	}
	want := "[127.0.0.1]"
	if name, err := os.Hostname(); err == nil && strings.Contains(name, ".") {
		want = name
	}
	for i, want := range []string{want, "mail.example.com", "[192.0.2.7]", "xn--r8jz45g.xn--zckzah"} {
		if got := srv.Connections()[i].Hello; got != want {
			t.Errorf("EHLO %s, not %s", got, want)
		}
	}
}

// addressed is a connection with addresses of its choice.
type addressed struct {
	net.Conn
	localAddr, remoteAddr string
}

func (a addressed) LocalAddr() net.Addr  { return tcpAddr(a.localAddr) }
func (a addressed) RemoteAddr() net.Addr { return tcpAddr(a.remoteAddr) }

func tcpAddr(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

// Without a name, EHLO has the address of this end, and the address of the other
// end tells whether a connection stays on this machine.
func TestLocalAddress(t *testing.T) {
	full, err := os.Hostname() // a full name goes before any address
	if err != nil || !strings.Contains(full, ".") {
		full = ""
	}
	for _, tt := range []struct{ local, remote, hello, outcome string }{
		{"192.0.2.7:1234", "127.0.0.1:25", "[192.0.2.7]", "accepted"},
		{"[2001:db8::7]:1234", "[::1]:25", "[IPv6:2001:db8::7]", "accepted"},
		{"[fe80::7%eth0]:1234", "[::1]:25", "[IPv6:fe80::7]", "accepted"},
		{"[::ffff:192.0.2.7]:1234", "[::ffff:127.0.0.1]:25", "[192.0.2.7]", "accepted"},
		{"192.0.2.7:1234", "192.0.2.1:25", "[192.0.2.7]", "deferred"},
	} {
		srv := &testsmtp.Server{}
		r := &smtp.Relay{Addr: "localhost", Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := srv.Dial(ctx, network, addr)
			return addressed{conn, tt.local, tt.remote}, err
		}}
		res := converse(t, r, from("b@y.test"), hello)
		got := outcomes(res)
		srv.Close()
		if name := srv.Connections()[0].Hello; got != tt.outcome || name != cmp.Or(full, tt.hello) {
			t.Errorf("%+v: EHLO %s, %s, %v", tt, name, got, res.Err())
		}
	}
}
