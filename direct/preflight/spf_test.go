package preflight_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/preflight"
)

// spfRow is a world in which example.jp has other TXT records.
func spfRow(name, want string, txts ...string) row {
	return row{name, dns.Map{"example.jp": {TXT: txts}}, onlyFour, want}
}

func TestSPF(t *testing.T) {
	mxs := dns.Host{}
	for i := range 11 {
		mxs.MX = append(mxs.MX, dns.MX{Host: fmt.Sprintf("mx%d.example.net", i)})
	}
	rows := []row{
		spfRow("address", "192.0.2.25: ok pass", "v=spf1 ip4:192.0.2.25 -all"),
		spfRow("block", "192.0.2.25: ok pass", "V=SPF1 ip4:192.0.2.0/24 -ALL"),
		spfRow("fail", "192.0.2.25: failure fail", "v=spf1 ip4:192.0.2.26 -all"),
		spfRow("softfail", "192.0.2.25: failure softfail", "v=spf1 ip4:192.0.2.26 ~all"),
		spfRow("neutral", "192.0.2.25: failure neutral", "v=spf1 ip4:192.0.2.26 ?all"),
		spfRow("no end", "192.0.2.25: failure neutral", "v=spf1 ip4:192.0.2.26"),
		spfRow("everybody", "192.0.2.25: warning pass-all", "v=spf1 +all"),
		spfRow("everybody by IPv4 block", "192.0.2.25: ok pass", "v=spf1 ip4:0.0.0.0/0"),
		spfRow("other TXT", "192.0.2.25: failure none", "v=spf10 ip4:192.0.2.25", "v=spf2.0/pra ip4:192.0.2.25"),
		spfRow("several", "192.0.2.25: failure permerror", "v=spf1 ip4:192.0.2.25 -all", "v=spf1 -all"),
		spfRow("unknown term", "192.0.2.25: failure permerror", "v=spf1 ipv4:192.0.2.25 -all"),
		spfRow("no address", "192.0.2.25: failure permerror", "v=spf1 ip4:192.0.2 -all"),
		spfRow("no block", "192.0.2.25: failure permerror", "v=spf1 ip4:192.0.2.0/33 -all"),
		spfRow("no macro", "192.0.2.25: failure permerror", "v=spf1 exists:%{x}.example.jp -all"),
		spfRow("two redirects", "192.0.2.25: failure permerror", "v=spf1 redirect=a.test redirect=b.test"),
		spfRow("garbage", "192.0.2.25: failure permerror", "v=spf1 \x00\xff\x1b[31m"),
		spfRow("ten thousand octets", "192.0.2.25: failure permerror", "v=spf1 "+strings.Repeat("x", 10_000)),
		spfRow("a thousand addresses", "192.0.2.25: ok pass", "v=spf1 "+strings.Repeat("ip4:198.51.100.1 ", 1000)+"ip4:192.0.2.25"),
		spfRow("loop", "192.0.2.25: failure permerror", "v=spf1 include:example.jp -all"),
		spfRow("redirect loop", "192.0.2.25: failure permerror", "v=spf1 redirect=example.jp"),
		spfRow("nothing included", "192.0.2.25: failure permerror", "v=spf1 include:nothing.test -all"),
		spfRow("names that don't exist", "192.0.2.25: failure permerror", "v=spf1 a:1.test a:2.test a:3.test ip4:192.0.2.25 -all"),
		spfRow("its own MX", "192.0.2.25: failure softfail", "v=spf1 mx ~all"), // there is none in this world
	}
	rows = append(rows, []row{
		{"good", nil, nil, "192.0.2.25: ok pass, 2001:db8::25: ok pass"},
		{"no domain", dns.Map{"example.jp": fail(dns.NXDomain)}, onlyFour, "192.0.2.25: failure none"},
		{"no answer", dns.Map{"example.jp": fail(dns.Temporary)}, onlyFour, "192.0.2.25: not checked temporary"},
		{"bogus", dns.Map{"example.jp": fail(dns.Bogus)}, onlyFour, "192.0.2.25: failure bogus"},
		{"included", dns.Map{"example.jp": {TXT: []string{"v=spf1 include:x.test -all"}}, "x.test": {TXT: []string{"v=spf1 ip4:192.0.2.0/28 a:mail.example.jp -all"}}},
			onlyFour, "192.0.2.25: ok pass"},
		{"included, no answer", dns.Map{"example.jp": {TXT: []string{"v=spf1 include:x.test -all"}}, "x.test": fail(dns.Temporary)},
			onlyFour, "192.0.2.25: not checked temperror"},
		{"included, bogus", dns.Map{"example.jp": {TXT: []string{"v=spf1 include:x.test -all"}}, "x.test": fail(dns.Bogus)},
			onlyFour, "192.0.2.25: not checked temperror"},
		{"half an address", dns.Map{"example.jp": {TXT: []string{"v=spf1 a:x.test -all"}},
			"x.test": {Addrs: []netip.Addr{else4}, Fail: map[dns.Type]dns.Status{dns.TypeAAAA: dns.Temporary}}}, nil,
			"192.0.2.25: not checked temperror, 2001:db8::25: not checked temperror"},
		{"mx", dns.Map{"example.jp": {TXT: []string{"v=spf1 mx -all"}, MX: []dns.MX{{Host: "mail.example.jp"}}}}, nil,
			"192.0.2.25: ok pass, 2001:db8::25: ok pass"},
		{"mx without names", dns.Map{"example.jp": {TXT: []string{"v=spf1 mx -all"}, MX: []dns.MX{{Host: "192.0.2.25"}}}}, onlyFour, "192.0.2.25: failure fail"},
		{"null mx", dns.Map{"example.jp": {TXT: []string{"v=spf1 mx -all"}, MX: []dns.MX{{Host: "."}}}}, onlyFour, "192.0.2.25: failure fail"},
		{"mx, no answer", dns.Map{"example.jp": {TXT: []string{"v=spf1 mx -all"}, Fail: map[dns.Type]dns.Status{dns.TypeMX: dns.Temporary}}}, onlyFour,
			"192.0.2.25: not checked temperror"},
		{"eleven mx", dns.Map{"example.jp": {TXT: []string{"v=spf1 mx -all"}, MX: mxs.MX}}, onlyFour, "192.0.2.25: failure permerror"},
		{"ptr", dns.Map{"example.jp": {TXT: []string{"v=spf1 ptr -all"}}}, nil, "192.0.2.25: ok pass, 2001:db8::25: ok pass"},
		{"eleven look-ups", chain(11), onlyFour, "192.0.2.25: failure permerror"},
		{"ten look-ups", chain(10), onlyFour, "192.0.2.25: ok pass"},
		{"local part", dns.Map{"example.jp": {TXT: []string{"v=spf1 exists:%{l}.users.test -all"}}, "shop.users.test": {Addrs: []netip.Addr{else4}}}, onlyFour,
			"192.0.2.25: ok pass"},
		{"EHLO in it", dns.Map{"example.jp": {TXT: []string{"v=spf1 exists:%{h}.users.test -all"}}, "mail.example.jp.users.test": {Addrs: []netip.Addr{else4}}}, onlyFour,
			"192.0.2.25: ok pass"},
		{"another sender", dns.Map{"bounce.example.net": {TXT: []string{"v=spf1 a:mail.example.jp -all"}}}, func(c *preflight.Check) {
			onlyFour(c)
			c.Sender = `"a@b"@bounce.example.net`
		}, "192.0.2.25: ok pass"},
		{"no sender", nil, func(c *preflight.Check) { onlyFour(c); c.From = "" }, "192.0.2.25: not checked not-asked"},
		{"sender without domain", nil, func(c *preflight.Check) { onlyFour(c); c.Sender = "shop@" }, "192.0.2.25: failure invalid"},
	}...)
	runRows(t, "spf", rows)
}

// chain is a world in which SPF takes n look-ups to name the address.
func chain(n int) dns.Map {
	zone := dns.Map{"example.jp": {TXT: []string{"v=spf1 include:i1.test -all"}}}
	for i := 1; i < n; i++ {
		zone[fmt.Sprintf("i%d.test", i)] = dns.Host{TXT: []string{fmt.Sprintf("v=spf1 include:i%d.test -all", i+1)}}
	}
	zone[fmt.Sprintf("i%d.test", n)] = dns.Host{TXT: []string{"v=spf1 ip4:192.0.2.25 -all"}}
	return zone
}

func TestSPFOfEHLO(t *testing.T) {
	host := func(txts ...string) dns.Map {
		return dns.Map{"mail.example.jp": {Addrs: []netip.Addr{four, six}, TXT: txts}}
	}
	runRows(t, "spf-helo", []row{
		{"good", nil, onlyFour, "192.0.2.25: ok pass"},
		{"none", host(), onlyFour, "192.0.2.25: ok none"},
		{"fail", host("v=spf1 ip4:192.0.2.26 -all"), onlyFour, "192.0.2.25: failure fail"},
		{"softfail", host("v=spf1 ip4:192.0.2.26 ~all"), onlyFour, "192.0.2.25: warning softfail"},
		{"neutral", host("v=spf1 ip4:192.0.2.26"), onlyFour, "192.0.2.25: warning neutral"},
		{"permerror", host("v=spf1 what"), onlyFour, "192.0.2.25: warning permerror"},
		{"temperror", with(host("v=spf1 include:x.test"), dns.Map{"x.test": fail(dns.Temporary)}), onlyFour, "192.0.2.25: not checked temperror"},
		{"no answer", dns.Map{"mail.example.jp": fail(dns.Temporary)}, onlyFour, "192.0.2.25: not checked temporary"},
		{"no name", nil, func(c *preflight.Check) { onlyFour(c); c.LocalName = "mail" }, "192.0.2.25: not checked invalid"},
	})
}

func TestRecordsOfSPF(t *testing.T) {
	for _, c := range []struct{ txt, want string }{
		{"", `example.jp. IN TXT "v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 ~all"`},
		{"v=spf1 include:spf.example.net -all", `example.jp. IN TXT "v=spf1 ip4:192.0.2.25 include:spf.example.net -all"`},
		{"V=SPF1", `example.jp. IN TXT "v=spf1 ip4:192.0.2.25"`},
		{"v=spf1 " + strings.Repeat("ip4:192.0.2.1 ", 500), ""},
		{"v=spf1 a\x00b -all", ""},
	} {
		records := recordsOf(t, dns.Map{"example.jp": {TXT: []string{c.txt}}, "spf.example.net": {TXT: []string{"v=spf1 ?all"}}}, nil, "spf", "192.0.2.25")
		if got := strings.Join(records, ", "); got != c.want {
			t.Errorf("%.50q: got %s, want %s", c.txt, got, c.want)
		}
	}
	longer := "v=spf1 " + strings.Repeat("ip4:192.0.2.1 ", 20) + "-all"
	got := recordsOf(t, dns.Map{"example.jp": {TXT: []string{longer}}}, nil, "spf", "192.0.2.25")
	want := "v=spf1 ip4:192.0.2.25" + strings.TrimPrefix(longer, "v=spf1")
	if want = fmt.Sprintf("example.jp. IN TXT %q %q", want[:255], want[255:]); len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %s", got, want)
	}
}
