package dial_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qdmail/qdmail/dial"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// proxyPassword is told to proxies, and to nobody else.
const proxyPassword = "tanstaaf:x"

// exchange is what a fake proxy reads and what it says then.
type exchange struct{ reads, says string }

// fakeProxy serves connections in memory by exchanges, one after the other; then
// it sends back what it gets. What it reads must be right to the octet.
type fakeProxy struct {
	t    *testing.T
	talk []exchange
	then func(net.Conn) // in place of sending back
	addr string         // that was dialled
	wg   sync.WaitGroup
}

func (p *fakeProxy) Dial(_ context.Context, network, addr string) (net.Conn, error) {
	p.addr = network + " " + addr
	client, server := testsmtp.Pipe()
	client.SetDeadline(time.Now().Add(15 * time.Second)) // as some diallers leave it
	p.wg.Go(func() {
		defer server.Close()
		for _, e := range p.talk {
			got := make([]byte, len(e.reads))
			if _, err := io.ReadFull(server, got); err != nil || string(got) != e.reads {
				p.t.Errorf("the proxy was told %q, %v; want %q", got, err, e.reads)
				return
			}
			io.WriteString(server, e.says)
		}
		if p.then != nil {
			p.then(server)
			return
		}
		io.Copy(server, server)
	})
	return client, nil
}

// proxyDialer is what both kinds of proxy have in common.
type proxyDialer interface {
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

// wantTunnel checks that a connection gives what the target said first, and then
// what is sent through it, also after the context has long ended.
func wantTunnel(t *testing.T, conn net.Conn, first string) {
	t.Helper()
	want := first + "EHLO client.test\r\n"
	if _, err := io.WriteString(conn, want[len(first):]); err != nil {
		t.Error(err)
	}
	got := make([]byte, len(want))
	if n, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Errorf("the tunnel gave %q, %v; want %q", got[:n], err, want)
	}
}

// wantProxyError checks what all errors of proxies have in common, and returns
// it.
func wantProxyError(t *testing.T, conn net.Conn, err error, is ...error) *dial.ProxyError {
	t.Helper()
	e, ok := err.(*dial.ProxyError)
	if !ok || conn != nil {
		t.Fatalf("the error is %#v, the connection %v", err, conn)
	}
	all := []error{dial.ErrProxyFailed, dial.ErrProxyAuth, dial.ErrProxyDenied, dial.ErrTargetUnreachable,
		context.Canceled, context.DeadlineExceeded}
	for _, target := range append(all, is...) {
		wanted := false
		for _, w := range is {
			wanted = wanted || w == target
		}
		if errors.Is(err, target) != wanted {
			t.Errorf("%v is %v: %v", err, target, !wanted)
		}
	}
	if text := err.Error(); strings.Contains(text, "tanstaaf") || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
		t.Errorf("the error is %q", text)
	}
	return e
}

// proxyTalk is a talk with a proxy that leads to a tunnel.
type proxyTalk struct {
	name string
	open func(*fakeProxy) proxyDialer
	talk []exchange
}

// proxyTalks are the talks that faults are put into.
func proxyTalks() []proxyTalk {
	return []proxyTalk{
		{"SOCKS5", func(p *fakeProxy) proxyDialer {
			return dial.SOCKS5{Addr: "proxy.test", Username: "me", Password: proxyPassword, Dial: p.Dial}
		}, []exchange{
			{"\x05\x02\x00\x02", "\x05\x02"},
			{"\x01\x02me\x0a" + proxyPassword, "\x01\x00"},
			{"\x05\x01\x00\x03\x07mx.test\x00\x19", "\x05\x00\x00\x03\x04host\x12\x34"},
		}},
		{"HTTP", func(p *fakeProxy) proxyDialer {
			return dial.HTTPProxy{Addr: "proxy.test", Username: "me", Password: proxyPassword, Dial: p.Dial}
		}, []exchange{
			{"CONNECT mx.test:25 HTTP/1.1\r\nHost: mx.test:25\r\nProxy-Authorization: Basic bWU6dGFuc3RhYWY6eA==\r\n\r\n",
				"HTTP/1.1 100 Wait\r\n\r\nHTTP/1.1 200 OK\r\nVia: x\r\n\r\n"},
		}},
	}
}
