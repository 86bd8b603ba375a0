package dns_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/direct/dns"
)

func TestResolvConf(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "127.0.0.1:53+ [::1]:53+",
		"nameserver 192.0.2.1":      "192.0.2.1:53",
		"nameserver\t::1 # own\r\n": "[::1]:53+",
		"# nameserver 192.0.2.1\n; nameserver 192.0.2.2\nnameserver 192.0.2.3;x\n": "192.0.2.3:53",
		"nameserver fe80::1%eth0\n":                                                                        "[fe80::1%eth0]:53",
		"nameserver 192.0.2.1\nnameserver 127.0.0.53\n":                                                    "192.0.2.1:53 127.0.0.53:53+",
		"nameserver 192.0.2.1\noptions edns0 trust-ad\n":                                                   "192.0.2.1:53+",
		"options no-trust-ad\nsearch a.test\nnameserver ns.test\nnameserver\nnameserver 192.0.2.1":         "192.0.2.1:53",
		"nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\nsortlist": "192.0.2.1:53 192.0.2.2:53 192.0.2.3:53",
	} {
		if got := strings.Join(dns.ParseResolvConf(text), " "); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// FuzzResolvConf: whatever the file has, there are one to three servers with
// addresses, and only loopback is trusted unless the file says otherwise.
func FuzzResolvConf(f *testing.F) {
	f.Add("nameserver 192.0.2.1\nnameserver ::1\noptions trust-ad")
	f.Add("; x\nnameserver fe80::1%eth0 # y\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		servers := dns.ParseResolvConf(text)
		if len(servers) < 1 || len(servers) > 3 {
			t.Errorf("%d servers", len(servers))
		}
		for _, s := range servers {
			addr, trusted := strings.CutSuffix(s, "+")
			ap, err := netip.ParseAddrPort(addr)
			if err != nil || ap.Port() != 53 {
				t.Errorf("%s: %v", s, err)
			}
			if trusted && !ap.Addr().Unmap().IsLoopback() && !strings.Contains(text, "trust-ad") {
				t.Errorf("%s is trusted", s)
			}
		}
	})
}
