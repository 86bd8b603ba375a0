package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/smtp"
)

func TestPOPLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timestamp = "<1896.697170952@dbc.mtview.ca.us>"
		const plain = "USER taro@example.jp, PASS " + popPassword + ", QUIT"
		apop := "APOP taro@example.jp DIGEST, QUIT"
		for _, tt := range []struct {
			name   string
			server *popServer
			client func(*popServer) *smtp.POPAuth
			change func(*smtp.POPAuth)
			want   string // what is said, after "connect"
			err    error
		}{
			{"STLS", &popServer{tls: popServerTLS()}, remotePOP, nil, "STLS, TLS, " + plain, nil},
			{"STLS, APOP offered", &popServer{tls: popServerTLS(), timestamp: timestamp}, remotePOP, nil, "STLS, TLS, " + plain, nil},
			{"STLS, APOP required", &popServer{tls: popServerTLS(), timestamp: timestamp}, remotePOP,
				func(p *smtp.POPAuth) { p.APOP = smtp.APOPRequire }, "STLS, TLS, " + apop, nil},
			{"implicit", &popServer{tls: popServerTLS(), implicit: true}, remotePOP,
				func(p *smtp.POPAuth) { p.TLS = smtp.TLSImplicit }, "TLS, " + plain, nil},
			{"port 995", &popServer{tls: popServerTLS(), implicit: true}, remotePOP,
				func(p *smtp.POPAuth) { p.Addr = "pop.test:995" }, "TLS, " + plain, nil},
			{"STLS not offered", &popServer{}, remotePOP, nil, "STLS, QUIT", delivery.ErrTLSRequired},
			{"STLS not offered on loopback, but required", &popServer{}, localPOP,
				func(p *smtp.POPAuth) { p.TLS = smtp.TLSStartTLS }, "STLS, QUIT", delivery.ErrTLSRequired},
			{"loopback", &popServer{}, localPOP, nil, "STLS, " + plain, nil},
			{"loopback, STLS", &popServer{tls: popServerTLS()}, localPOP, nil, "STLS, TLS, " + plain, nil},
			{"loopback, APOP offered", &popServer{timestamp: timestamp}, localPOP, nil, "STLS, " + plain, nil},
			{"loopback, APOP required", &popServer{timestamp: timestamp}, localPOP,
				func(p *smtp.POPAuth) { p.APOP = smtp.APOPRequire }, "STLS, " + apop, nil},
			{"in clear", &popServer{}, remotePOP,
				func(p *smtp.POPAuth) { p.TLS = smtp.InsecureTLSNone }, "", delivery.ErrAuthUnavailable},
			{"in clear, APOP", &popServer{timestamp: timestamp}, remotePOP,
				func(p *smtp.POPAuth) { p.TLS = smtp.InsecureTLSNone }, apop, nil},
			{"opportunistic, APOP", &popServer{timestamp: timestamp}, remotePOP,
				func(p *smtp.POPAuth) { p.TLS = smtp.InsecureTLSOpportunistic }, "STLS, " + apop, nil},
			{"in clear, APOP offered and forbidden", &popServer{timestamp: timestamp}, remotePOP,
				func(p *smtp.POPAuth) { p.TLS, p.APOP = smtp.InsecureTLSNone, smtp.APOPNever }, "", delivery.ErrAuthUnavailable},
			{"in clear, allowed", &popServer{}, remotePOP,
				func(p *smtp.POPAuth) { p.TLS, p.InsecureAuth = smtp.InsecureTLSNone, true }, plain, nil},
			{"in clear, allowed, APOP offered", &popServer{timestamp: timestamp}, remotePOP,
				func(p *smtp.POPAuth) { p.TLS, p.InsecureAuth = smtp.InsecureTLSNone, true }, apop, nil},
			{"APOP required and not offered", &popServer{}, localPOP,
				func(p *smtp.POPAuth) { p.APOP = smtp.APOPRequire }, "STLS", delivery.ErrAuthUnavailable},
		} {
			p := tt.client(tt.server)
			if tt.change != nil {
				tt.change(p)
			}
			err := p.Login(t.Context())
			tt.server.wg.Wait()
			got := tt.server.said()
			if i := strings.Index(got, "APOP "); i >= 0 { // the server has checked the digest
				got = got[:i+len("APOP taro@example.jp ")] + "DIGEST" + got[i+len("APOP taro@example.jp ")+32:]
			}
			if want := strings.TrimSuffix("connect, "+tt.want, ", "); got != want {
				t.Errorf("%s: said  %s\nwanted %s", tt.name, got, want)
			}
			if !errors.Is(err, tt.err) || err == nil != (tt.server.loggedIn() == 1) {
				t.Errorf("%s: %v, %d logins", tt.name, err, tt.server.loggedIn())
			}
		}
	})
}

// The example of RFC 1939 section 7.
func TestAPOPDigest(t *testing.T) {
	server := &popServer{timestamp: "<1896.697170952@dbc.mtview.ca.us>", fault: popStep("APOP", popSays("+OK\r\n"))}
	p := remotePOP(server)
	p.TLS, p.Username, p.Password = smtp.InsecureTLSNone, "mrose", "tanstaaf"
	if err := p.Login(t.Context()); err != nil {
		t.Error(err)
	}
	server.wg.Wait()
	if got := server.said(); got != "connect, APOP mrose c4c9334bac560ecc979e58001b3e22fb, QUIT" {
		t.Error(got)
	}
}

// What isn't a msg-id is no timestamp: nothing is proved with it.
func TestAPOPTimestamp(t *testing.T) {
	for greeting, want := range map[string]bool{
		"+OK <1.2@host> ready": true, "+OK <v1> <1@host>": true, "+OK <<1@host>": true, "+OK ready <1@host": false,
		"+OK <1@@host>": false, "+OK <@host>": false, "+OK <1@>": false, "+OK <1 2@host>": false, "+OK <1>": false,
		"+OK <1\x80@host>": false, "+OK <1\x00@host>": false, "+OK <日本@host>": false, "+OK": false, "+OK 1@host": false,
	} {
		server := &popServer{fault: func(line string, conn net.Conn) bool {
			switch verb, _, _ := strings.Cut(line, " "); verb {
			case "greeting":
				io.WriteString(conn, greeting+"\r\n")
			case "APOP":
				io.WriteString(conn, "+OK\r\n")
			default:
				return false
			}
			return true
		}}
		p := remotePOP(server)
		p.TLS = smtp.InsecureTLSNone
		err := p.Login(t.Context())
		server.wg.Wait()
		if said := strings.Contains(server.said(), "APOP"); said != want || want != (err == nil) {
			t.Errorf("%q: %v, %s", greeting, err, server.said())
		}
	}
}

func TestPOPCheck(t *testing.T) {
	long := strings.Repeat("x", 250)
	for name, change := range map[string]func(p *smtp.POPAuth){
		"":                     func(*smtp.POPAuth) {},
		"CR in the password":   func(p *smtp.POPAuth) { p.Password += "\rDELE 1" },
		"LF in the password":   func(p *smtp.POPAuth) { p.Password += "\nDELE 1" },
		"NUL in the password":  func(p *smtp.POPAuth) { p.Password += "\x00" },
		"CRLF in the user":     func(p *smtp.POPAuth) { p.Username += "\r\nDELE 1" },
		"no user":              func(p *smtp.POPAuth) { p.Username = "" },
		"no password":          func(p *smtp.POPAuth) { p.Password = "" },
		"long user":            func(p *smtp.POPAuth) { p.Username = long },
		"long password":        func(p *smtp.POPAuth) { p.Password = long },
		"user too long, APOP":  func(p *smtp.POPAuth) { p.Username = long[:230] },
		"no address":           func(p *smtp.POPAuth) { p.Addr = "" },
		"no such port":         func(p *smtp.POPAuth) { p.Addr = "pop.test:0" },
		"address with a line":  func(p *smtp.POPAuth) { p.Addr = "pop.test\r\nx" },
		"address with a URL":   func(p *smtp.POPAuth) { p.Addr = "pop3://taro:" + popPassword + "@pop.test" },
		"no such TLS":          func(p *smtp.POPAuth) { p.TLS = 99 },
		"no such APOP":         func(p *smtp.POPAuth) { p.APOP = 99 },
		"name without letters": func(p *smtp.POPAuth) { p.Addr = "." },
	} {
		server := &popServer{}
		p := localPOP(server)
		change(p)
		err := p.Check()
		if name == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		wantPOPError(t, err, delivery.PhasePrepare, false)
		if again := p.Login(t.Context()); again == nil || server.said() != "" {
			t.Errorf("%s: %v, %s", name, again, server.said())
		}
		p.Invalidate()
	}
}

// Nothing that is printed has the password.
func TestPOPHidesPassword(t *testing.T) {
	p := localPOP(&popServer{})
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("", "pop", p)
	for _, s := range []string{fmt.Sprint(p), fmt.Sprintf("%+v", p), fmt.Sprintf("%#v", p), log.String()} {
		if strings.Contains(s, "tanstaaf") || !strings.Contains(s, "localhost") {
			t.Error(s)
		}
	}
}

func TestPOPHost(t *testing.T) {
	for addr, want := range map[string]string{
		"pop.test": "pop.test:110", "pop.test:1110": "pop.test:1110", "192.0.2.1": "192.0.2.1:110", "::1": "[::1]:110",
		"[2001:db8::1]:11": "[2001:db8::1]:11", "日本.test": "xn--wgv71a.test:110", "pop.test.": "pop.test.:110",
	} {
		dialled := ""
		p := remotePOP(&popServer{})
		p.Addr, p.Dial = addr, func(_ context.Context, _, addr string) (net.Conn, error) {
			dialled = addr
			return nil, errors.New("nobody there")
		}
		e := wantPOPError(t, p.Login(t.Context()), delivery.PhaseDial, true)
		if dialled != want || e.Host != want {
			t.Errorf("%s: dialled %s, reported %s", addr, dialled, e.Host)
		}
	}
}

// A login counts for its validity and no longer.
func TestPOPValidity(t *testing.T) {
	for validity, want := range map[time.Duration]time.Duration{0: 5 * time.Minute, -1: 5 * time.Minute, time.Hour: time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			server := &popServer{}
			p := localPOP(server)
			p.Validity = validity
			login := func(after time.Duration, logins int) {
				t.Helper()
				<-time.After(after)
				if err := p.Login(t.Context()); err != nil || server.loggedIn() != logins {
					t.Errorf("%v, %d logins; want %d", err, server.loggedIn(), logins)
				}
			}
			login(0, 1)
			login(0, 1)
			login(want-time.Nanosecond, 1)
			login(time.Nanosecond, 2)
			p.Invalidate()
			login(0, 3)
			login(0, 3)
			login(want, 4)
		})
	}
}

// A proxy on this machine doesn't make a remote server a local one, and a name
// doesn't make a remote connection a local one.
func TestPOPLoopback(t *testing.T) {
	server := &popServer{}
	addr := server.listen(t)
	tcp := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
	far := func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := tcp(ctx, "", "")
		return farConn{conn}, err
	}
	for _, tt := range []struct {
		addr  string
		dial  func(context.Context, string, string) (net.Conn, error)
		local bool
	}{
		{addr, nil, true},
		{"pop.test", tcp, false}, {"192.0.2.1", tcp, false}, {"localhost.evil.test", tcp, false}, {"notlocalhost", tcp, false},
		{"localhost", tcp, true}, {"LocalHost.", tcp, true}, {"mail.localhost", tcp, true}, {"127.1.2.3", tcp, true}, {"::1", tcp, true},
		{"::ffff:127.0.0.1", tcp, true}, {"localhost", far, false}, {"127.0.0.1", far, false},
	} {
		p := &smtp.POPAuth{Addr: tt.addr, Username: popUser, Password: popPassword, Dial: tt.dial}
		if err := p.Login(t.Context()); tt.local != (err == nil) || !tt.local && !errors.Is(err, delivery.ErrTLSRequired) {
			t.Errorf("%s: %v", tt.addr, err)
		}
	}
}

// farConn leads to another machine, by its address.
type farConn struct{ net.Conn }

func (farConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 110} }
