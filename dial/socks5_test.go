package dial_test

import (
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/qdmail/qdmail/dial"
)

// The octets of RFC 1928 and RFC 1929, in both directions.
func TestSOCKS5(t *testing.T) {
	const none = "\x05\x01\x00"
	const ok = "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	name := longName(253)
	for _, tt := range []struct {
		name          string
		network, addr string
		user          string
		talk          []exchange
	}{
		{"name", "tcp", "mx.test:25", "", []exchange{{none, "\x05\x00"}, {"\x05\x01\x00\x03\x07mx.test\x00\x19", ok}}},
		{"name with a dot", "tcp", "mx.test.:587", "", []exchange{{none, "\x05\x00"}, {"\x05\x01\x00\x03\x08mx.test.\x02\x4b", ok}}},
		{"longest name", "tcp", name + ":25", "", []exchange{{none, "\x05\x00"}, {"\x05\x01\x00\x03\xfd" + name + "\x00\x19", ok}}},
		{"not ASCII", "tcp", "日本.test:25", "", []exchange{{none, "\x05\x00"}, {"\x05\x01\x00\x03\x0fxn--wgv71a.test\x00\x19", ok}}},
		{"IPv4", "tcp", "192.0.2.1:65535", "", []exchange{{none, "\x05\x00"}, {"\x05\x01\x00\x01\xc0\x00\x02\x01\xff\xff", ok}}},
		{"IPv4 in IPv6", "tcp4", "[::ffff:192.0.2.1]:25", "", []exchange{{none, "\x05\x00"}, {"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x19", ok}}},
		{"IPv6", "tcp6", "[2001:db8::1]:25", "",
			[]exchange{{none, "\x05\x00"}, {"\x05\x01\x00\x04\x20\x01\x0d\xb8" + zeros(11) + "\x01\x00\x19", ok}}},
		{"password", "tcp", "192.0.2.1:25", "me",
			[]exchange{{"\x05\x02\x00\x02", "\x05\x02"}, {"\x01\x02me\x0a" + proxyPassword, "\x01\x00"}, {"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x19", ok}}},
		{"password not wanted", "tcp", "192.0.2.1:25", "me",
			[]exchange{{"\x05\x02\x00\x02", "\x05\x00"}, {"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x19", ok}}},
		{"bound to IPv6", "tcp", "192.0.2.1:25", "",
			[]exchange{{none, "\x05\x00"}, {"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x19", "\x05\x00\x00\x04" + zeros(18)}}},
		{"bound to a name", "tcp", "192.0.2.1:25", "",
			[]exchange{{none, "\x05\x00"}, {"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x19", "\x05\x00\x00\x03\xff" + zeros(257)}}},
		{"bound to an empty name", "tcp", "192.0.2.1:25", "",
			[]exchange{{none, "\x05\x00"}, {"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x19", "\x05\x00\xff\x03\x00\x00\x00"}}},
	} {
		p := &fakeProxy{t: t, talk: tt.talk}
		s := dial.SOCKS5{Addr: "proxy.test", Username: tt.user, Dial: p.Dial}
		if tt.user != "" {
			s.Password = proxyPassword
		}
		conn, err := s.DialContext(t.Context(), tt.network, tt.addr)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		wantTunnel(t, conn, "")
		conn.Close()
		if p.wg.Wait(); p.addr != "tcp proxy.test:1080" {
			t.Errorf("%s: dialled %s", tt.name, p.addr)
		}
	}
}

func zeros(n int) string { return string(make([]byte, n)) }

// What a proxy refuses, and what it can't do, are different errors.
func TestSOCKS5Refusals(t *testing.T) {
	const user, none, request = "\x05\x02\x00\x02", "\x05\x01\x00", "\x05\x01\x00\x03\x07mx.test\x00\x19"
	login := exchange{"\x01\x02me\x0a" + proxyPassword, "\x01\x01"}
	for _, tt := range []struct {
		name string
		user bool
		talk []exchange
		want error
		code int
	}{
		{"no method", false, []exchange{{none, "\x05\xff"}}, dial.ErrProxyAuth, 0},
		{"no method for our credentials", true, []exchange{{user, "\x05\xff"}}, dial.ErrProxyAuth, 0},
		{"method not offered", false, []exchange{{none, "\x05\x02"}}, dial.ErrProxyFailed, 0},
		{"GSSAPI", true, []exchange{{user, "\x05\x01"}}, dial.ErrProxyFailed, 0},
		{"SOCKS4", false, []exchange{{none, "\x00\x5b"}}, dial.ErrProxyFailed, 0},
		{"HTTP", false, []exchange{{none, "HTTP/1.1 400 Bad Request\r\n\r\n"}}, dial.ErrProxyFailed, 0},
		{"wrong password", true, []exchange{{user, "\x05\x02"}, login}, dial.ErrProxyAuth, 0},
		{"wrong version of the login", true, []exchange{{user, "\x05\x02"}, {login.reads, "\x05\x00"}}, dial.ErrProxyFailed, 0},
		{"wrong version", false, []exchange{{none, "\x05\x00"}, {request, "\x04\x00\x00\x01"}}, dial.ErrProxyFailed, 0},
		{"unknown address", false, []exchange{{none, "\x05\x00"}, {request, "\x05\x00\x00\x02"}}, dial.ErrProxyFailed, 0},
		{"1", false, nil, dial.ErrProxyFailed, 1},
		{"2", false, nil, dial.ErrProxyDenied, 2},
		{"3", false, nil, dial.ErrTargetUnreachable, 3},
		{"4", false, nil, dial.ErrTargetUnreachable, 4},
		{"5", false, nil, dial.ErrTargetUnreachable, 5},
		{"6", false, nil, dial.ErrTargetUnreachable, 6},
		{"7", false, nil, dial.ErrProxyDenied, 7},
		{"8", false, nil, dial.ErrProxyDenied, 8},
		{"9", false, nil, dial.ErrProxyFailed, 9},
		{"255", false, nil, dial.ErrProxyFailed, 255},
	} {
		if tt.talk == nil { // some proxies send no more than this
			tt.talk = []exchange{{none, "\x05\x00"}, {request, "\x05" + string([]byte{byte(tt.code)})}}
		}
		p := &fakeProxy{t: t, talk: tt.talk, then: func(conn net.Conn) {
			if more, _ := io.ReadAll(conn); len(more) > 0 {
				t.Errorf("%s: the client went on with %q", tt.name, more)
			}
		}}
		s := dial.SOCKS5{Addr: "proxy.test:9050", Dial: p.Dial}
		if tt.user {
			s.Username, s.Password = "me", proxyPassword
		}
		conn, err := s.DialContext(t.Context(), "tcp", "mx.test:25")
		p.wg.Wait()
		e := wantProxyError(t, conn, err, tt.want)
		if e.Proxy != "proxy.test:9050" || e.Target != "mx.test:25" || e.Code != tt.code || (e.Text != "") != (tt.code != 0) {
			t.Errorf("%s: %+v", tt.name, e)
		}
	}
}

func TestProxiesHidePassword(t *testing.T) {
	s := dial.SOCKS5{Addr: "proxy.test", Username: "me", Password: proxyPassword}
	h := dial.HTTPProxy{Addr: "proxy.test", Username: "me", Password: proxyPassword}
	for _, p := range []any{s, &s, h, &h} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			got := fmt.Sprintf(format, p)
			if got != "SOCKS5 proxy proxy.test" && got != "HTTP proxy proxy.test" {
				t.Errorf("%s: %s", format, got)
			}
		}
	}
	if s.LogValue().String() != s.String() || h.LogValue().String() != h.String() {
		t.Error("logged otherwise")
	}
}
