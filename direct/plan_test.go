package direct_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// TestShuffle: D3. Hosts of the same preference come in each of their orders equally
// often, and others keep theirs.
func TestShuffle(t *testing.T) {
	const rounds = 60_000
	rnd := rand.New(rand.NewPCG(1, 2))
	count := map[string]int{}
	for range rounds {
		order := direct.Rank([]uint16{20, 10, 20, 20, 5, 20}, rnd.IntN)
		if order[0] != 4 || order[1] != 1 {
			t.Fatal(order)
		}
		count[fmt.Sprint(order[2:])]++
	}
	const orders = 24
	if len(count) != orders {
		t.Errorf("%d orders", len(count))
	}
	chi2 := 0.0
	for _, n := range count {
		const want = float64(rounds) / orders
		chi2 += math.Pow(float64(n)-want, 2) / want
	}
	t.Logf("chi-square %.1f with %d degrees of freedom", chi2, orders-1)
	if chi2 > 49.7 { // p = 0.001
		t.Errorf("not equally often: %v", count)
	}
	// The test can see a bias: what a sort with random comparisons would give.
	biased := map[string]int{}
	for range rounds {
		order := []int{0, 1, 2, 3}
		slices.SortFunc(order, func(a, b int) int { return rnd.IntN(3) - 1 })
		biased[fmt.Sprint(order)]++
	}
	chi2 = 0
	for _, n := range biased {
		const want = float64(rounds) / orders
		chi2 += math.Pow(float64(n)-want, 2) / want
	}
	if chi2 < 49.7 {
		t.Errorf("a bias isn't seen: %.1f", chi2)
	}
}

// FuzzRank: every host once, none before a better one.
func FuzzRank(f *testing.F) {
	f.Add([]byte{1, 2, 1}, uint64(1))
	f.Fuzz(func(t *testing.T, prefs []byte, seed uint64) {
		var list []uint16
		for _, p := range prefs {
			list = append(list, uint16(p)<<8)
		}
		order := direct.Rank(list, rand.New(rand.NewPCG(seed, 0)).IntN)
		for i := range order[:max(len(order)-1, 0)] {
			if list[order[i]] > list[order[i+1]] {
				t.Errorf("%v: %v", list, order)
			}
		}
		slices.Sort(order)
		for i, k := range order {
			if i != k {
				t.Errorf("%v: %v", list, order)
			}
		}
	})
}

// TestOrder: D11 and D13, which addresses are tried. 1 is an address of IPv4, f one of
// IPv6, then comes which.
func TestOrder(t *testing.T) {
	parse := func(s string) netip.Addr {
		if s[0] == 'f' {
			return netip.MustParseAddr("2001:db8::" + s[1:])
		}
		return netip.MustParseAddr("192.0.2." + s[1:])
	}
	for _, c := range []struct{ hosts, preferred, want string }{
		{"11", "", "11"},
		{"11 12 f1 f2", "", "f1 11 f2 12"},
		{"11 12 13 f1", "", "f1 11 12 13"},
		{"11 f1, 12 f2", "", "f1 11 12 f2"},
		{"11 12 13 14 15 16 17", "", "11 12 13 14 15"},
		{"11 12 13 14 15 16, 21, 22", "", "11 12 13 21 22"},
		{"11 f1, 12 f2, 13 f3, 14 f4, 15 f5", "", "f1 12 f3 14 f5"},
		{"11, 12, 13, 14, 15, 16, 17", "", "11 12 13 14 15"},
		{", 12, , 13", "", "12 13"},
		{"11 12, 13 14", "14", "14 13 11 12"},
		{"11 12, 13 14", "19", "11 12 13 14"},
		{"", "", ""},
	} {
		var hosts [][]netip.Addr
		for h := range strings.SplitSeq(c.hosts, ",") {
			var list []netip.Addr
			for a := range strings.FieldsSeq(h) {
				list = append(list, parse(a))
			}
			hosts = append(hosts, list)
		}
		var preferred netip.Addr
		if c.preferred != "" {
			preferred = parse(c.preferred)
		}
		var want []netip.Addr
		for a := range strings.FieldsSeq(c.want) {
			want = append(want, parse(a))
		}
		if got := direct.Order(hosts, 5, preferred); !slices.Equal(got, want) {
			t.Errorf("%s: %v", c.hosts, got)
		}
	}
}

// TestPublicAddr: D9.
func TestPublicAddr(t *testing.T) {
	for list, want := range map[string]bool{
		"192.0.2.1 8.8.8.8 100.63.255.255 100.128.0.0 172.15.0.1 172.32.0.1 198.17.0.1 198.20.0.1": true,
		"2001:db8::1 2606:4700::1111 2400::1 64:ff9b::8.8.8.8 ::ffff:8.8.8.8 2002:808:808::1":      true,
		"0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.255 169.254.169.254 172.16.0.1": false,
		"172.31.255.255 192.0.0.1 192.168.1.1 198.18.0.1 224.0.0.1 239.1.1.1 240.0.0.1":            false,
		"255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::10.0.0.1":    false,
		"64:ff9b::a9fe:a9fe 64:ff9b:1::1 fe80::1 fe80::1%eth0 2001:db8::1%eth0 fc00::1 fd12::1":    false,
		"fec0::1 ff02::1 ff0e::1 2002:a00:1::1 2002:7f00:1:: 2001::1 100::1 ::ffff:169.254.1.1":    false,
	} {
		for s := range strings.FieldsSeq(list) {
			if got := direct.PublicAddr(netip.MustParseAddr(s)); got != want {
				t.Errorf("%s: %v", s, got)
			}
		}
	}
	if direct.PublicAddr(netip.Addr{}) {
		t.Error("the zero Addr")
	}
}

// TestKey: two spellings of a mailbox have the same key.
func TestKey(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"b@y.test", "b@Y.TEST", true},
		{"b@y.test", `"b"@y.test`, true},
		{"a..b@y.test", `"a..b"@y.test`, true},
		{`"a\"b"@y.test`, `"a\\\"b"@y.test`, false},
		{`"a\b"@y.test`, `"ab"@y.test`, true},
		{"b@名前.test", "b@xn--ldr85b.test", true},
		{"b@y.test", "B@y.test", false},
		{"b@y.test", "b@z.test", false},
		{`"b@x"@y.test`, `b@y.test`, false},
	} {
		_, a, errA := direct.Key(c.a)
		_, b, errB := direct.Key(c.b)
		if errA != nil || errB != nil || (a == b) != c.same {
			t.Errorf("%s and %s: %q %v, %q %v", c.a, c.b, a, errA, b, errB)
		}
	}
}

// FuzzKey: the domain is one that can be asked for, and the key of a key is itself.
func FuzzKey(f *testing.F) {
	for _, s := range []string{"b@y.test", `"a\"@b"@Y.test`, "a..b@名前.test", "b@[192.0.2.1]", "b@[IPv6:2001:db8::1]", "@", "b@.", "b@-x.test"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, addr string) {
		domain, key, err := direct.Key(addr)
		if err != nil {
			return
		}
		if domain != strings.ToLower(domain) || domain == "" || strings.ContainsFunc(domain, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Errorf("%q has the domain %q", addr, domain)
		}
		if !strings.HasSuffix(key, "@"+domain) {
			t.Errorf("%q has the key %q", addr, key)
		}
		if again, _, err := direct.Key("b@" + domain); err != nil || again != domain {
			t.Errorf("%q of %q: %q, %v", domain, addr, again, err)
		}
	})
}

// TestFamilies: D11 and D12, a host with addresses of both families.
func TestFamilies(t *testing.T) {
	for _, c := range []struct {
		name   string
		source direct.Source
		dials  string
	}{
		{"any", direct.Source{}, "2001:db8::1 192.0.2.1"},
		{"IPv4 alone", direct.Source{IPv4: netip.MustParseAddr("0.0.0.0")}, "192.0.2.1"},
		{"IPv6 alone", direct.Source{IPv6: netip.MustParseAddr("2001:db8::99")}, "2001:db8::1"},
		{"both", direct.Source{IPv4: netip.MustParseAddr("192.0.2.99"), IPv6: netip.MustParseAddr("2001:db8::99")}, "2001:db8::1 192.0.2.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				w.names["mx1.y.test"] = dns.Host{Addrs: addrs("192.0.2.1", "2001:db8::1")}
				w.dead["2001:db8::1"], w.dead["192.0.2.1"] = "unreachable", "refused"
				tr := w.transport()
				tr.Source = c.source
				if send(t, tr, from("b@y.test")); w.dialled() != c.dials {
					t.Error(w.dialled())
				}
			})
		})
	}
}

// TestLimits: D13, how much is tried in one attempt.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits direct.Limits
		fault  func(testsmtp.Event) *testsmtp.Fault
		dials  int
	}{
		{"addresses", direct.Limits{MaxPenalty: -1}, at(testsmtp.Greeting, testsmtp.Fault{Close: true}), 5},
		{"fewer addresses", direct.Limits{MaxAddrs: 3}, at(testsmtp.Greeting, testsmtp.Fault{Close: true}), 3},
		{"more addresses than hosts", direct.Limits{MaxAddrs: 30}, at(testsmtp.Greeting, testsmtp.Fault{Close: true}), 5},
		{"more hosts", direct.Limits{MaxAddrs: 30, MaxHosts: 30}, at(testsmtp.Greeting, testsmtp.Fault{Close: true}), 8},
		{"sessions", direct.Limits{}, at(testsmtp.MAIL, testsmtp.Fault{Close: true}), 2},
		{"more sessions", direct.Limits{MaxSessions: 4}, at(testsmtp.MAIL, testsmtp.Fault{Close: true}), 4},
		{"time", direct.Limits{}, at(testsmtp.Greeting, testsmtp.Fault{Silent: true}), 3}, // 5 minutes each
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 8)
				for _, s := range w.at {
					s.On = c.fault
				}
				tr := w.transport()
				tr.Limits = c.limits
				res := send(t, tr, from("b@y.test"))
				if n := len(w.dials); outcomes(res) != "deferred" || n != c.dials {
					t.Errorf("%s, %d connections:\n%s", outcomes(res), n, w.path())
				}
			})
		})
	}
}
