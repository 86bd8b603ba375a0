package preflight_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/preflight"
)

func TestDomain(t *testing.T) {
	runRows(t, "domain", []row{
		{"good", nil, nil, "example.jp: ok mx"},
		{"several", dns.Map{"example.jp": {MX: []dns.MX{{Host: "a.test"}, {Host: "b.test"}, {Host: "."}}}}, nil, "example.jp: ok mx"},
		{"address", dns.Map{"example.jp": {Addrs: []netip.Addr{else6}}}, nil, "example.jp: ok address"},
		{"neither", dns.Map{"example.jp": {TXT: []string{"x"}}}, nil, "example.jp: failure none"},
		{"no domain", dns.Map{"example.jp": fail(dns.NXDomain)}, nil, "example.jp: failure nxdomain"},
		{"null MX", dns.Map{"example.jp": {MX: []dns.MX{{Host: "."}}, Addrs: []netip.Addr{four}}}, nil, "example.jp: failure null-mx"},
		{"MX without names", dns.Map{"example.jp": {MX: []dns.MX{{Host: "192.0.2.1"}}, Addrs: []netip.Addr{four}}}, nil, "example.jp: failure unusable"},
		{"no answer", dns.Map{"example.jp": fail(dns.Temporary)}, nil, "example.jp: not checked temporary"},
		{"no answer about the address", dns.Map{"example.jp": {Fail: map[dns.Type]dns.Status{dns.TypeA: dns.Temporary}}}, nil, "example.jp: not checked temporary"},
		{"bogus", dns.Map{"example.jp": fail(dns.Bogus)}, nil, "example.jp: failure bogus"},
		{"another sender", dns.Map{"example.net": {}}, func(c *preflight.Check) { c.Sender = "a@example.net" }, "example.jp: ok mx, example.net: failure none"},
		{"the same sender", nil, func(c *preflight.Check) { c.Sender = "bounce@EXAMPLE.JP." }, "example.jp: ok mx"},
		{"no From", nil, from(""), ": not checked not-asked"},
	})
}

func TestDNSSEC(t *testing.T) {
	runRows(t, "dnssec", []row{
		{"good", nil, nil, "arpa: ok validates"},
		{"no bogus name", nil, func(c *preflight.Check) { c.BogusName = "" }, "arpa: ok secure"},
		{"insecure", dns.Map{"arpa": {}}, nil, "arpa: warning insecure"},
		{"forged", dns.Map{"arpa": fail(dns.Bogus)}, nil, "arpa: failure bogus"},
		{"no answer", dns.Map{"arpa": fail(dns.Temporary)}, nil, "arpa: not checked temporary"},
		{"takes forgeries", dns.Map{"bogus.test": {Addrs: []netip.Addr{else4}}}, nil, "arpa: failure accepts-bogus"},
		{"takes the absence", dns.Map{"bogus.test": {}}, nil, "arpa: failure accepts-bogus"},
		{"bogus name without answer", dns.Map{"bogus.test": fail(dns.Temporary)}, nil, "arpa: not checked temporary"},
		{"another name", dns.Map{"signed.test": {TXT: []string{"x"}, Secure: true}}, func(c *preflight.Check) { c.SignedName = "signed.test" }, "signed.test: ok validates"},
	})
}

// listed is a world in which a list has something to say about the IPv4 address.
func listed(codes ...string) dns.Map {
	h := dns.Host{TXT: []string{"https://bl.test/query\x1b[31m"}}
	for _, c := range codes {
		h.Addrs = append(h.Addrs, netip.MustParseAddr(c))
	}
	return dns.Map{"25.2.0.192.bl.test": h}
}

func TestBlockLists(t *testing.T) {
	one := func(l preflight.BlockList) func(*preflight.Check) {
		return func(c *preflight.Check) { onlyFour(c); c.BlockLists = []preflight.BlockList{l} }
	}
	ips := one(preflight.BlockList{Zone: "bl.test"})
	domains := one(preflight.BlockList{Zone: "dbl.test", Domains: true})
	const at = "192.0.2.25 in bl.test: "
	runRows(t, "block-list", []row{
		{"good", nil, ips, at + "ok clean"},
		{"no record", dns.Map{"25.2.0.192.bl.test": {}}, ips, at + "ok clean"},
		{"listed", listed("127.0.0.2"), ips, at + "failure listed"},
		{"listed twice", listed("127.0.0.4", "127.0.0.10"), ips, at + "failure listed"},
		{"mistyped", listed("127.255.255.252"), ips, at + "not checked refused"},
		{"public resolver", listed("127.255.255.254"), ips, at + "not checked refused"},
		{"too many questions", listed("127.255.255.255"), ips, at + "not checked refused"},
		{"another of them", listed("127.255.255.250"), ips, at + "not checked refused"},
		{"asked about an address", listed("127.0.1.255"), ips, at + "not checked refused"},
		{"refused otherwise", listed("127.0.0.1"), ips, at + "not checked refused"},
		{"refused and listed", listed("127.0.0.2", "127.255.255.254"), ips, at + "not checked refused"},
		{"sold", listed("203.0.113.9"), ips, at + "not checked no-list"},
		{"sold, IPv6", listed("2001:db8::9"), ips, at + "not checked no-list"},
		{"one level below the block", listed("128.0.0.2"), ips, at + "not checked no-list"},
		{"dead", dns.Map{"2.0.0.127.bl.test": fail(dns.NXDomain)}, ips, at + "not checked no-list"},
		{"refuses the test", dns.Map{"2.0.0.127.bl.test": {Addrs: []netip.Addr{netip.MustParseAddr("127.255.255.254")}}}, ips, at + "not checked refused"},
		{"no answer to the test", dns.Map{"2.0.0.127.bl.test": fail(dns.Temporary)}, ips, at + "not checked temporary"},
		{"for IPv6", dns.Map{"2.0.0.127.bl.test": fail(dns.NXDomain), "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.test": {
			Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.2")}}}, ips, at + "ok clean"},
		{"no answer", dns.Map{"25.2.0.192.bl.test": fail(dns.Temporary)}, ips, at + "not checked temporary"},
		{"bogus", dns.Map{"25.2.0.192.bl.test": fail(dns.Bogus)}, ips, at + "not checked bogus"},
		{"IPv6", dns.Map{strings.TrimSuffix(arpa6, "ip6.arpa") + "bl.test": {Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.3")}}},
			func(c *preflight.Check) { c.BlockLists = c.BlockLists[:1] }, at + "ok clean, 2001:db8::25 in bl.test: failure listed"},
		{"domains", nil, domains, "example.jp in dbl.test: ok clean, mail.example.jp in dbl.test: ok clean"},
		{"domain listed", dns.Map{"example.jp.dbl.test": {Addrs: []netip.Addr{netip.MustParseAddr("127.0.1.2")}}}, domains,
			"example.jp in dbl.test: failure listed, mail.example.jp in dbl.test: ok clean"},
		{"no zone", nil, one(preflight.BlockList{}), "192.0.2.25 in : not checked invalid"},
		{"zone that is none", nil, one(preflight.BlockList{Zone: "b l"}), "192.0.2.25 in b l: failure invalid"},
		{"none", nil, func(c *preflight.Check) { c.BlockLists = nil }, ": not checked not-asked"},
	})
}

const secret = "q1w2e3r4t5"

// gossip repeats the question in its errors, as package net does.
type gossip struct{ dns.Map }

func (g gossip) Addrs(ctx context.Context, host string) dns.Answer[netip.Addr] {
	a := g.Map.Addrs(ctx, host)
	if a.Err != nil {
		a.Err = &net.DNSError{Err: "i/o timeout", Name: host}
	}
	return a
}

// The zone of a list may have the key of an account in its name.
func TestSecretZone(t *testing.T) {
	for _, h := range []dns.Host{
		{}, fail(dns.Temporary), fail(dns.Bogus), {Addrs: []netip.Addr{else4}},
		{Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.2")}, TXT: []string{"listed in " + secret + ".bl.test"}},
	} {
		zone, c := world()
		c.Resolver = gossip{with(zone, dns.Map{"25.2.0.192." + secret + ".bl.test": h})}
		c.BlockLists = []preflight.BlockList{{Zone: secret + ".bl.test", Name: "bl.test"}}
		report := c.Run(t.Context())
		inspect(t, report)
		if strings.Contains(report.String(), secret) || !strings.Contains(report.String(), "192.0.2.25 in bl.test") {
			t.Errorf("got\n%s", report)
		}
		if text := fmt.Sprintf("%v %+v %#v %v", c.BlockLists, c.BlockLists, c.BlockLists, c.BlockLists[0].LogValue()); strings.Contains(text, secret) {
			t.Errorf("got %s", text)
		}
		c.BlockLists[0].Name = ""
		if !strings.Contains(c.Run(t.Context()).String(), secret) {
			t.Error("without a name for it, a list is called by its zone")
		}
	}
}
