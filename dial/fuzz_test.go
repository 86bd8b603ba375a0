package dial_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"unicode"

	"github.com/qdmail/qdmail/dial"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// FuzzSOCKS5 and FuzzHTTPProxy let a proxy say anything and then close. What it
// said is either an error that can be shown to people, or a header as it must be
// and a tunnel that gives all the rest.
func FuzzSOCKS5(f *testing.F) {
	f.Add([]byte("\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x19220 mx.test\r\n"), false)
	f.Add([]byte("\x05\x02\x01\x00\x05\x00\x00\x03\x02ab\x00\x19"), true)
	f.Add([]byte("\x05\x02\x01\x01"), true)
	f.Add([]byte("\x05\x00\x05\x05"), false)
	f.Add([]byte("\x05\xff"), false)
	f.Fuzz(func(t *testing.T, said []byte, auth bool) {
		s := dial.SOCKS5{Addr: "proxy.test", Dial: saying(said)}
		if auth {
			s.Username, s.Password = "me", proxyPassword
		}
		header := fuzzProxy(t, s, said)
		if header == nil {
			return
		}
		rest, ok := bytes.CutPrefix(header, []byte("\x05\x00"))
		if !ok {
			rest, ok = bytes.CutPrefix(header, []byte("\x05\x02\x01\x00"))
			ok = ok && auth
		}
		if !ok || len(rest) < 7 || rest[0] != 5 || rest[1] != 0 {
			t.Fatalf("a tunnel after %q", header)
		}
		want := map[byte]int{1: 4 + 4 + 2, 4: 4 + 16 + 2, 3: 4 + 1 + int(rest[4]) + 2}[rest[3]]
		if len(rest) != want {
			t.Errorf("the reply is %q", rest)
		}
	})
}

func FuzzHTTPProxy(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nA: b\r\n\r\n220 mx.test\r\n"))
	f.Add([]byte("HTTP/1.1 100 x\r\n\r\nHTTP/1.0 204\n\n\n"))
	f.Add([]byte("HTTP/1.1 407 tanstaaf:x\x1b\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 503 \xff\u2028\r\n\r\n"))
	f.Add([]byte("220 mx.test\r\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		header := fuzzProxy(t, dial.HTTPProxy{Addr: "proxy.test", Username: "me", Password: proxyPassword, Dial: saying(said)}, said)
		if header == nil {
			return
		}
		text := strings.ReplaceAll(string(header), "\r\n", "\n")
		parts := strings.Split(strings.TrimSuffix(text, "\n\n"), "\n\n")
		last := parts[len(parts)-1]
		if !strings.HasSuffix(text, "\n\n") || !strings.HasPrefix(last, "HTTP/1.1 2") && !strings.HasPrefix(last, "HTTP/1.0 2") || len(header) > 16<<10 {
			t.Errorf("a tunnel after %q", header)
		}
		for _, part := range parts[:len(parts)-1] {
			if !strings.HasPrefix(part, "HTTP/1.1 1") && !strings.HasPrefix(part, "HTTP/1.0 1") {
				t.Errorf("a tunnel after %q", header)
			}
		}
	})
}

// saying makes a connection on which all is said at once.
func saying(said []byte) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := testsmtp.Pipe()
		go func() {
			server.Write(said)
			server.(interface{ CloseWrite() error }).CloseWrite()
			io.Copy(io.Discard, server)
		}()
		return client, nil
	}
}

// fuzzProxy returns what was the proxy's of what it said, or nil if that was no
// tunnel.
func fuzzProxy(t *testing.T, proxy proxyDialer, said []byte) []byte {
	conn, err := proxy.DialContext(t.Context(), "tcp", "mx.test:25")
	if err != nil {
		e, ok := err.(*dial.ProxyError)
		if text := err.Error(); conn != nil || !ok || e.Err == nil || strings.Contains(text, proxyPassword) || strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("%v, %q", conn, text)
		}
		return nil
	}
	defer conn.Close()
	tunnel, err := io.ReadAll(conn)
	if err != nil || !bytes.HasSuffix(said, tunnel) || len(tunnel) == len(said) {
		t.Fatalf("the tunnel gives %q, %v", tunnel, err)
	}
	return said[:len(said)-len(tunnel)]
}
