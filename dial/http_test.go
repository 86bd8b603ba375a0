package dial_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/dial"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

const connectMX = "CONNECT mx.test:25 HTTP/1.1\r\nHost: mx.test:25\r\n\r\n"

func TestHTTPProxyRequest(t *testing.T) {
	for addr, authority := range map[string]string{
		"mx.test:25": "mx.test:25", "192.0.2.1:587": "192.0.2.1:587", "[2001:db8::1]:25": "[2001:db8::1]:25",
		"日本.test:25": "xn--wgv71a.test:25", "a_b.test:25": "a_b.test:25",
	} {
		p := &fakeProxy{t: t, talk: []exchange{{"CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"}}}
		conn, err := dial.HTTPProxy{Addr: "proxy.test", Dial: p.Dial}.DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		wantTunnel(t, conn, "")
		conn.Close()
		if p.wg.Wait(); p.addr != "tcp proxy.test:80" {
			t.Errorf("dialled %s", p.addr)
		}
	}
}

func TestHTTPProxyReplies(t *testing.T) {
	long := strings.Repeat("x", 16<<10)
	for _, tt := range []struct {
		said string
		want error // nil: a tunnel
		code int
		text string
	}{
		{"HTTP/1.1 200 Connection established\r\n\r\n", nil, 0, ""},
		{"HTTP/1.0 200 OK\r\n\r\n", nil, 0, ""},
		{"HTTP/1.1 200\r\n\r\n", nil, 0, ""},
		{"HTTP/1.1 299 \r\nA: b\r\n\r\n", nil, 0, ""},
		{"HTTP/1.1 200 OK\n\n", nil, 0, ""},
		{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n", nil, 0, ""},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n", nil, 0, ""},
		{"HTTP/1.1 200 OK\r\nA: " + long[:16<<10-len("HTTP/1.1 200 OK\r\nA: \r\n\r\n")] + "\r\n\r\n", nil, 0, ""},
		{"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 4\r\n\r\nauth", dial.ErrProxyAuth, 407, "Proxy Authentication Required"},
		{"HTTP/1.1 401 Unauthorized\r\n\r\n", dial.ErrProxyAuth, 401, "Unauthorized"},
		{"HTTP/1.1 403 No \x1b[31mway\x00\r\n\r\n", dial.ErrProxyDenied, 403, "No  [31mway"},
		{"HTTP/1.1 403 no\rway\r\n\r\n", dial.ErrProxyDenied, 403, "no way"},
		{"HTTP/1.1 405 \r\n\r\n", dial.ErrProxyDenied, 405, ""},
		{"HTTP/1.1 400 " + long[:200] + "\r\n\r\n", dial.ErrProxyDenied, 400, long[:100]},
		{"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", dial.ErrProxyDenied, 301, "Moved"},
		{"HTTP/1.1 502 Bad Gateway\r\n\r\n", dial.ErrTargetUnreachable, 502, "Bad Gateway"},
		{"HTTP/1.1 503 x\r\n\r\n", dial.ErrTargetUnreachable, 503, "x"},
		{"HTTP/1.1 504 x\r\n\r\n", dial.ErrTargetUnreachable, 504, "x"},
		{"HTTP/1.1 500 x\r\n\r\n", dial.ErrTargetUnreachable, 500, "x"},
		{"HTTP/2 200 OK\r\n\r\n", dial.ErrProxyFailed, 0, ""},
		{"HTTP/1.1 20 OK\r\n\r\n", dial.ErrProxyFailed, 0, ""},
		{"HTTP/1.1 +20 OK\r\n\r\n", dial.ErrProxyFailed, 0, ""},
		{"HTTP/1.1 2000 OK\r\n\r\n", dial.ErrProxyFailed, 0, ""},
		{"HTTP/1.1 099 OK\r\n\r\n", dial.ErrProxyFailed, 0, ""},
		{"HTTP/1.1 600 OK\r\n\r\n", dial.ErrProxyFailed, 0, ""},
		{"HTTP/1.1  200 OK\r\n\r\n", dial.ErrProxyFailed, 0, ""},
		{"http/1.1 200 OK\r\n\r\n", dial.ErrProxyFailed, 0, ""},
		{"\r\n\r\n", dial.ErrProxyFailed, 0, ""},
		{"220 mx.test ready\r\n", dial.ErrProxyFailed, 0, ""},
		{"\x05\x00\n\n", dial.ErrProxyFailed, 0, ""},
		{long + "\r\n\r\n", dial.ErrProxyFailed, 0, ""},
		{"HTTP/1.1 200 OK\r\nA: " + long + "\r\n\r\n", dial.ErrProxyFailed, 0, ""},
		{"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 4000) + "\r\n", dial.ErrProxyFailed, 0, ""},
		{strings.Repeat("HTTP/1.1 100 Wait\r\n\r\n", 1000), dial.ErrProxyFailed, 0, ""},
	} {
		p := &fakeProxy{t: t, talk: []exchange{{connectMX, tt.said}}}
		conn, err := dial.HTTPProxy{Addr: "proxy.test:3128", Dial: p.Dial}.DialContext(t.Context(), "tcp", "mx.test:25")
		if tt.want == nil {
			if err != nil {
				t.Errorf("%.60q: %v", tt.said, err)
				continue
			}
			wantTunnel(t, conn, "")
			conn.Close()
		} else if e := wantProxyError(t, conn, err, tt.want); e.Code != tt.code || e.Text != tt.text || e.Proxy != "proxy.test:3128" {
			t.Errorf("%.60q: %+v", tt.said, e)
		}
		p.wg.Wait()
	}
}

// A proxy that quotes the credentials doesn't get them into an error.
func TestHTTPProxyQuotes(t *testing.T) {
	const basic = "bWU6dGFuc3RhYWY6eA=="
	request := strings.Replace(connectMX, "\r\n\r\n", "\r\nProxy-Authorization: Basic "+basic+"\r\n\r\n", 1)
	for _, said := range []string{
		"HTTP/1.1 407 not " + proxyPassword + "\r\n\r\n", "HTTP/1.1 407 not " + basic + "\r\n\r\n",
		"what is " + basic + "?\r\n", "what is " + proxyPassword + "?\r\n",
	} {
		p := &fakeProxy{t: t, talk: []exchange{{request, said}}}
		h := dial.HTTPProxy{Addr: "proxy.test", Username: "me", Password: proxyPassword, Dial: p.Dial}
		_, err := h.DialContext(t.Context(), "tcp", "mx.test:25")
		p.wg.Wait()
		if text := err.Error(); strings.Contains(text, "tanstaaf") || strings.Contains(text, basic) || !strings.Contains(text, "***") {
			t.Errorf("%q: %s", said, text)
		}
	}
}

// certificate is for proxy.test; it is made once.
var certificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	return testsmtp.Certificate("proxy.test")
})

func serverTLS() *tls.Config {
	cert, _ := certificate()
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

func clientTLS() *tls.Config {
	_, pool := certificate()
	return &tls.Config{RootCAs: pool}
}

// tlsProxy is a proxy in memory that speaks TLS with its clients.
func tlsProxy(t *testing.T, cfg *tls.Config, said string) *fakeProxy {
	p := &fakeProxy{t: t}
	p.then = func(raw net.Conn) {
		conn := tls.Server(raw, cfg)
		got := make([]byte, len(connectMX))
		if _, err := io.ReadFull(conn, got); err != nil {
			return
		}
		io.WriteString(conn, said)
		io.Copy(conn, conn)
	}
	return p
}

func TestHTTPProxyTLS(t *testing.T) {
	old := clientTLS()
	old.MinVersion = tls.VersionTLS10
	named := clientTLS()
	named.ServerName = "proxy.test"
	for name, tt := range map[string]struct {
		addr   string
		client *tls.Config
		ok     bool
	}{
		"right":             {"proxy.test:8443", clientTLS(), true},
		"dot at the end":    {"proxy.test.:8443", clientTLS(), true},
		"name given":        {"192.0.2.1:8443", named, true},
		"wrong name":        {"other.test:8443", clientTLS(), false},
		"unknown authority": {"proxy.test:8443", &tls.Config{}, false},
		"old version":       {"proxy.test:8443", old, false},
	} {
		server := serverTLS()
		if tt.client == old {
			server.MinVersion, server.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		}
		p := tlsProxy(t, server, "HTTP/1.1 200 OK\r\n\r\n220 ready\r\n")
		h := dial.HTTPProxy{Addr: tt.addr, TLS: tt.client, Dial: p.Dial}
		conn, err := h.DialContext(t.Context(), "tcp", "mx.test:25")
		if !tt.ok {
			wantProxyError(t, conn, err, dial.ErrProxyFailed)
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		} else {
			wantTunnel(t, conn, "220 ready\r\n")
			conn.Close()
		}
		p.wg.Wait()
	}
	p := tlsProxy(t, serverTLS(), "")
	dial.HTTPProxy{Addr: "proxy.test", TLS: &tls.Config{}, Dial: p.Dial}.DialContext(t.Context(), "tcp", "mx.test:25")
	if p.wg.Wait(); p.addr != "tcp proxy.test:443" {
		t.Errorf("dialled %s", p.addr)
	}
}

// A handshake that doesn't go on ends with the context.
func TestHTTPProxyTLSContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakeProxy{t: t, then: func(conn net.Conn) { io.Copy(io.Discard, conn) }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		conn, err := dial.HTTPProxy{Addr: "proxy.test", TLS: clientTLS(), Dial: p.Dial}.DialContext(ctx, "tcp", "mx.test:25")
		wantProxyError(t, conn, err, context.DeadlineExceeded)
		p.wg.Wait()
	})
}
