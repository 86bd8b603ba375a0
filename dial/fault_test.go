package dial_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/dial"
)

// The tunnel begins with the octet after the proxy's last one, and outlives the
// context of the dialling.
func TestProxyTunnel(t *testing.T) {
	const greeting = "220 mx.test ready\r\n"
	for _, talk := range proxyTalks() {
		for _, first := range []string{"", greeting} {
			synctest.Test(t, func(t *testing.T) {
				p := &fakeProxy{t: t, talk: talk.talk}
				p.talk[len(p.talk)-1].says += first // in one packet with the proxy's reply
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				conn, err := talk.open(p).DialContext(ctx, "tcp", "mx.test:25")
				if err != nil {
					t.Fatal(err)
				}
				<-time.After(20 * time.Second)
				wantTunnel(t, conn, first)
				conn.Close()
				p.wg.Wait()
			})
		}
	}
}

// A proxy that falls silent or breaks off, after any number of octets, is the
// proxy's fault, and is waited for as long as the context says.
func TestProxyFaults(t *testing.T) {
	for name, fault := range map[string]struct {
		then func(net.Conn)
		want []error
		took time.Duration
	}{
		"closes":    {func(conn net.Conn) { conn.Close() }, []error{dial.ErrProxyFailed, io.ErrUnexpectedEOF}, 0},
		"resets":    {func(conn net.Conn) { conn.(interface{ Reset() }).Reset() }, []error{dial.ErrProxyFailed}, 0},
		"is silent": {func(conn net.Conn) { io.Copy(io.Discard, conn) }, []error{context.DeadlineExceeded}, 10 * time.Second},
	} {
		for _, talk := range proxyTalks() {
			for step, e := range talk.talk {
				for octets := range len(e.says) {
					synctest.Test(t, func(t *testing.T) {
						p := &fakeProxy{t: t, talk: slices.Clone(talk.talk[:step+1]), then: fault.then}
						p.talk[step].says = e.says[:octets]
						ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
						defer cancel()
						start := time.Now()
						conn, err := talk.open(p).DialContext(ctx, "tcp", "mx.test:25")
						wantProxyError(t, conn, err, fault.want...)
						if took := time.Since(start); took != fault.took {
							t.Errorf("%s %s at octet %d of step %d: took %v", talk.name, name, octets, step, took)
						}
						p.wg.Wait()
					})
				}
			}
		}
	}
}

// drips sends one octet a second, without end.
func drips(conn net.Conn) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for range tick.C {
		if _, err := io.WriteString(conn, "+"); err != nil {
			return
		}
	}
}

// One octet a second is no progress without end.
func TestProxyDrips(t *testing.T) {
	for _, talk := range proxyTalks() {
		synctest.Test(t, func(t *testing.T) {
			p := &fakeProxy{t: t, talk: slices.Clone(talk.talk), then: drips}
			last := &p.talk[len(p.talk)-1]
			last.says = map[string]string{"SOCKS5": "\x05\x00\x00\x03\xff", "HTTP": "HTTP/1.1 200 "}[talk.name]
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			conn, err := talk.open(p).DialContext(ctx, "tcp", "mx.test:25")
			wantProxyError(t, conn, err, context.DeadlineExceeded)
			p.wg.Wait()
		})
	}
}

// The end of the context interrupts each step, with its cause.
func TestProxyContext(t *testing.T) {
	cause := errors.New("the user left")
	for _, talk := range proxyTalks() {
		for step := range talk.talk {
			synctest.Test(t, func(t *testing.T) {
				p := &fakeProxy{t: t, talk: slices.Clone(talk.talk[:step+1]), then: func(conn net.Conn) { io.Copy(io.Discard, conn) }}
				p.talk[step].says = ""
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(cause) })
				start := time.Now()
				conn, err := talk.open(p).DialContext(ctx, "tcp", "mx.test:25")
				wantProxyError(t, conn, err, context.Canceled, cause)
				silent := &fakeProxy{t: t}
				conn, err = talk.open(silent).DialContext(ctx, "tcp", "mx.test:25")
				wantProxyError(t, conn, err, context.Canceled, cause)
				if took := time.Since(start); took != time.Second {
					t.Errorf("%s step %d: took %v", talk.name, step, took)
				}
				p.wg.Wait()
				silent.wg.Wait()
			})
		}
	}
}

// A proxy that can't be reached isn't a target that can't be reached, nor a
// target whose name isn't known.
func TestProxyUnreachable(t *testing.T) {
	noName := &net.DNSError{Err: "no such host", Name: "proxy.test", IsNotFound: true}
	refused := errors.New("connection refused")
	chain := &dial.ProxyError{Err: dial.ErrTargetUnreachable}
	for _, cause := range []error{refused, noName, chain, nil} {
		fails := func(context.Context, string, string) (net.Conn, error) { return nil, cause }
		for _, proxy := range []proxyDialer{
			dial.SOCKS5{Addr: "proxy.test", Username: "me", Password: proxyPassword, Dial: fails},
			dial.HTTPProxy{Addr: "proxy.test", Username: "me", Password: proxyPassword, Dial: fails},
		} {
			conn, err := proxy.DialContext(t.Context(), "tcp", "mx.test:25")
			want := []error{dial.ErrProxyFailed}
			if cause == refused {
				want = append(want, refused)
			}
			e := wantProxyError(t, conn, err, want...)
			if _, ok := errors.AsType[*net.DNSError](err); ok || e.Target != "mx.test:25" || e.Code != 0 {
				t.Errorf("%+v", e)
			}
		}
	}
}

// Nothing reaches a proxy that could be taken for something else.
func TestProxyTargets(t *testing.T) {
	for _, tt := range []struct{ network, addr string }{
		{"tcp", ""}, {"tcp", "mx.test"}, {"tcp", "mx.test:"}, {"tcp", ":25"}, {"tcp", "mx.test:0"}, {"tcp", "mx.test:65536"},
		{"tcp", "mx.test:smtp"}, {"tcp", "mx.test:+25"}, {"tcp", "mx.test:25 HTTP/1.1\r\nX: y"}, {"tcp", "mx.test HTTP/1.1\r\nX: y:25"},
		{"tcp", "h\r\n:25"}, {"tcp", "h\x00:25"}, {"tcp", "a b:25"}, {"tcp", "a/b:25"}, {"tcp", "user@mx.test:25"}, {"tcp", "[::1]"},
		{"tcp", "::1:25:x"}, {"tcp", "[fe80::1%eth0]:25"}, {"tcp", string(make([]byte, 300)) + ":25"}, {"tcp", longName(254) + ":25"},
		{"tcp", ".:25"}, {"tcp", "\u2028:25"}, {"tcp", "a\u0300\u200d:25"},
		{"udp", "mx.test:25"}, {"", "mx.test:25"}, {"tcp4", "mx.test:25"}, {"tcp6", "mx.test:25"}, {"tcp4", "[::1]:25"}, {"tcp6", "192.0.2.1:25"},
	} {
		p := &fakeProxy{t: t}
		for _, proxy := range []proxyDialer{
			dial.SOCKS5{Addr: "proxy.test", Dial: p.Dial},
			dial.HTTPProxy{Addr: "proxy.test", Dial: p.Dial},
		} {
			conn, err := proxy.DialContext(t.Context(), tt.network, tt.addr)
			wantProxyError(t, conn, err)
			if p.addr != "" {
				t.Errorf("%q: the proxy was dialled", tt.addr)
			}
		}
	}
}

func longName(n int) string {
	name := make([]byte, n)
	for i := range name {
		if name[i] = 'x'; i%60 == 50 {
			name[i] = '.'
		}
	}
	return string(name)
}

// Nor does a proxy get credentials that it can't be told.
func TestProxyConfig(t *testing.T) {
	p := &fakeProxy{t: t}
	long := string(make([]byte, 256))
	for _, proxy := range []proxyDialer{
		dial.SOCKS5{Addr: "", Dial: p.Dial},
		dial.SOCKS5{Addr: "proxy.test:x", Dial: p.Dial},
		dial.SOCKS5{Addr: "socks5://me:tanstaaf@proxy.test", Dial: p.Dial},
		dial.SOCKS5{Addr: "proxy.test", Password: proxyPassword, Dial: p.Dial},
		dial.SOCKS5{Addr: "proxy.test", Username: "tanstaaf", Dial: p.Dial},
		dial.SOCKS5{Addr: "proxy.test", Username: long, Password: proxyPassword, Dial: p.Dial},
		dial.SOCKS5{Addr: "proxy.test", Username: "tanstaaf", Password: long, Dial: p.Dial},
		dial.HTTPProxy{Addr: "", Dial: p.Dial},
		dial.HTTPProxy{Addr: "http://proxy.test", Dial: p.Dial},
		dial.HTTPProxy{Addr: "me:tanstaaf@proxy.test:80", Dial: p.Dial},
		dial.HTTPProxy{Addr: "proxy.test", Password: proxyPassword, Dial: p.Dial},
		dial.HTTPProxy{Addr: "proxy.test", Username: "me:tanstaaf", Dial: p.Dial},
		dial.HTTPProxy{Addr: "proxy.test", Username: "tanstaaf\r\nX: y", Dial: p.Dial},
		dial.HTTPProxy{Addr: "proxy.test", Username: "me", Password: "tanstaaf\x00", Dial: p.Dial},
	} {
		conn, err := proxy.DialContext(t.Context(), "tcp", "mx.test:25")
		wantProxyError(t, conn, err)
		if p.addr != "" {
			t.Errorf("%v: the proxy was dialled", proxy)
		}
	}
}
