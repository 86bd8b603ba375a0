package dial_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qdmail/qdmail/dial"
)

// tcpTarget speaks first and then sends back what it gets, until the test ends.
func tcpTarget(t *testing.T, network, addr, greeting string) net.Addr {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				io.WriteString(conn, greeting)
				io.Copy(conn, conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr()
}

// splice lets two connections talk with each other until one has enough.
func splice(a, b net.Conn) {
	var wg sync.WaitGroup
	for _, ends := range [][2]net.Conn{{a, b}, {b, a}} {
		wg.Go(func() {
			io.Copy(ends[0], ends[1])
			a.Close()
			b.Close()
		})
	}
	wg.Wait()
}

// httpProxy is a proxy made of the standard library's server.
func httpProxy(t *testing.T) *httptest.Server {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") == "" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		target, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		// The first octets of the target come along with the reply.
		greeting, _ := bufio.NewReader(target).ReadString('\n')
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n"+greeting)
		splice(conn, target)
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestHTTPProxyOverTCP(t *testing.T) {
	target := tcpTarget(t, "tcp", "127.0.0.1:0", "220 mx.test ready\r\n").String()
	gone := closedPort(t)
	h := dial.HTTPProxy{Addr: strings.TrimPrefix(httpProxy(t).URL, "http://"), Username: "me", Password: proxyPassword}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	conn, err := h.DialContext(ctx, "tcp", target)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := conn.(*net.TCPConn); !ok {
		t.Errorf("the connection is a %T", conn) // others can't be asked whether something waits there
	}
	wantTunnel(t, conn, "220 mx.test ready\r\n")
	conn.Close()

	conn, err = h.DialContext(ctx, "tcp", gone)
	wantProxyError(t, conn, err, dial.ErrTargetUnreachable)
	stranger := h
	stranger.Username, stranger.Password = "", ""
	conn, err = stranger.DialContext(ctx, "tcp", target)
	wantProxyError(t, conn, err, dial.ErrProxyAuth)
	h.Addr = gone
	conn, err = h.DialContext(ctx, "tcp", target)
	wantProxyError(t, conn, err, dial.ErrProxyFailed)
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// socksProxy is a SOCKS5 proxy without authentication that knows no more than
// names and IPv4, on a TCP port until the test ends.
func socksProxy(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				serveSOCKS(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func serveSOCKS(conn net.Conn) {
	r := bufio.NewReader(conn)
	take := func(n int) []byte {
		b := make([]byte, n)
		io.ReadFull(r, b)
		return b
	}
	take(int(take(2)[1]))
	conn.Write([]byte{5, 0})
	host := ""
	switch take(4)[3] {
	case 1:
		host = net.IP(take(4)).String()
	case 3:
		host = string(take(int(take(1)[0])))
	}
	port := take(2)
	target, err := net.Dial("tcp4", net.JoinHostPort(host, strconv.Itoa(int(port[0])<<8|int(port[1]))))
	if err != nil {
		conn.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	conn.Write([]byte{5, 0, 0, 1, 127, 0, 0, 1, 0, 0})
	splice(conn, target)
}

func TestSOCKS5OverTCP(t *testing.T) {
	target := tcpTarget(t, "tcp", "127.0.0.1:0", "220 mx.test ready\r\n")
	_, port, err := net.SplitHostPort(target.String())
	if err != nil {
		t.Fatal(err)
	}
	gone := closedPort(t)
	s := dial.SOCKS5{Addr: socksProxy(t)}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// Through one proxy, and through one proxy to the other.
	for _, s := range []dial.SOCKS5{s, {Addr: socksProxy(t), Dial: s.DialContext}} {
		for _, addr := range []string{target.String(), net.JoinHostPort("localhost", port)} {
			conn, err := s.DialContext(ctx, "tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := conn.(*net.TCPConn); !ok {
				t.Errorf("the connection is a %T", conn)
			}
			wantTunnel(t, conn, "220 mx.test ready\r\n")
			conn.Close()
		}
		conn, err := s.DialContext(ctx, "tcp", gone)
		wantProxyError(t, conn, err, dial.ErrTargetUnreachable)
	}
	s.Addr = gone
	conn, err := s.DialContext(ctx, "tcp", target.String())
	wantProxyError(t, conn, err, dial.ErrProxyFailed)
	if _, ok := errors.AsType[*net.OpError](err); !ok {
		t.Errorf("%v has no cause", err)
	}
}
