package preflight_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/preflight"
)

// onlyFour leaves IPv6 out.
func onlyFour(c *preflight.Check) { c.Source = direct.Source{IPv4: four} }

func TestPTR(t *testing.T) {
	many := make([]string, 50)
	for i := range many {
		many[i] = strings.Repeat("x", i+1) + ".example.net"
	}
	halfKnown := dns.Host{Addrs: []netip.Addr{four}, Fail: map[dns.Type]dns.Status{dns.TypeAAAA: dns.Temporary}}
	runRows(t, "ptr", []row{
		{"good", nil, nil, "192.0.2.25: ok confirmed, 2001:db8::25: ok confirmed"},
		{"no name", dns.Map{arpa4: fail(dns.NXDomain)}, onlyFour, "192.0.2.25: failure none"},
		{"no PTR", dns.Map{arpa4: {TXT: []string{"x"}}}, onlyFour, "192.0.2.25: failure none"},
		{"IPv6 without", dns.Map{arpa6: {}}, nil, "192.0.2.25: ok confirmed, 2001:db8::25: failure none"},
		{"no answer", dns.Map{arpa4: fail(dns.Temporary)}, onlyFour, "192.0.2.25: not checked temporary"},
		{"bogus", dns.Map{arpa4: fail(dns.Bogus)}, onlyFour, "192.0.2.25: failure bogus"},
		{"no name in it", dns.Map{arpa4: {PTR: []string{`a\b.`, "a b"}}}, onlyFour, "192.0.2.25: failure unusable"},
		{"another host", dns.Map{arpa4: {PTR: []string{"h.example.net"}}, "h.example.net": {Addrs: []netip.Addr{else4}}}, onlyFour, "192.0.2.25: failure unconfirmed"},
		{"name without address", dns.Map{arpa4: {PTR: []string{"h.example.net"}}, "h.example.net": {}}, onlyFour, "192.0.2.25: failure unconfirmed"},
		{"name that doesn't exist", dns.Map{arpa4: {PTR: []string{"h.example.net"}}}, onlyFour, "192.0.2.25: failure unconfirmed"},
		{"one of two", dns.Map{arpa4: {PTR: []string{"h.example.net", "mail.example.jp"}}}, onlyFour, "192.0.2.25: ok confirmed"},
		{"perhaps one of two", dns.Map{arpa4: {PTR: []string{"h.example.net", "g.example.net"}}, "h.example.net": fail(dns.Temporary)}, onlyFour,
			"192.0.2.25: not checked temporary"},
		{"forged forward", dns.Map{"mail.example.jp": fail(dns.Bogus)}, onlyFour, "192.0.2.25: failure bogus"},
		{"half an answer", dns.Map{"mail.example.jp": halfKnown}, nil, "192.0.2.25: ok confirmed, 2001:db8::25: not checked temporary"},
		{"fifty names", dns.Map{arpa4: {PTR: many}}, onlyFour, "192.0.2.25: failure unconfirmed"},
		{"alias", dns.Map{arpa4: {CNAME: "25.0-31.2.0.192.in-addr.arpa"}, "25.0-31.2.0.192.in-addr.arpa": {PTR: []string{"mail.example.jp"}}}, onlyFour,
			"192.0.2.25: ok confirmed"},
	})
}

func TestEHLO(t *testing.T) {
	named := func(name string) func(*preflight.Check) {
		return func(c *preflight.Check) { c.LocalName = name; onlyFour(c) }
	}
	runRows(t, "ehlo", []row{
		{"good", nil, nil, "mail.example.jp: ok exists"},
		{"upper case and dot", nil, named("MAIL.example.jp."), "mail.example.jp: ok exists"},
		{"IDN", dns.Map{"xn--eckwd4c7c.jp": {Addrs: []netip.Addr{four}}}, named("ドメイン.jp"), "xn--eckwd4c7c.jp: ok exists"},
		{"one label", nil, named("mail"), "mail: failure not-full"},
		{"local", nil, named("mail.local"), "mail.local: failure not-full"},
		{"literal", nil, named("[192.0.2.25]"), "[192.0.2.25]: failure not-full"},
		{"address", nil, named("192.0.2.25"), "192.0.2.25: failure not-full"},
		{"garbage", nil, named("mail\r\n.jp"), `mail\013\010.jp: failure not-full`},
		{"no name", dns.Map{"mail.example.jp": fail(dns.NXDomain)}, nil, "mail.example.jp: failure none"},
		{"no address", dns.Map{"mail.example.jp": {}}, nil, "mail.example.jp: failure none"},
		{"no answer", dns.Map{"mail.example.jp": fail(dns.Temporary)}, nil, "mail.example.jp: not checked temporary"},
		{"bogus", dns.Map{"mail.example.jp": fail(dns.Bogus)}, nil, "mail.example.jp: failure bogus"},
	})
	runRows(t, "ehlo-address", []row{
		{"good", nil, nil, "192.0.2.25: ok match, 2001:db8::25: ok match"},
		{"no name", nil, named("mail"), "192.0.2.25: not checked invalid"},
		{"doesn't exist", dns.Map{"mail.example.jp": fail(dns.NXDomain)}, onlyFour, "192.0.2.25: failure other-address"},
		{"other address", dns.Map{"mail.example.jp": {Addrs: []netip.Addr{else4}}}, onlyFour, "192.0.2.25: failure other-address"},
		{"IPv6 missing", dns.Map{"mail.example.jp": {Addrs: []netip.Addr{four}}}, nil, "192.0.2.25: ok match, 2001:db8::25: failure other-address"},
		{"other name", dns.Map{arpa4: {PTR: []string{"h.example.net"}}}, onlyFour, "192.0.2.25: warning other-name"},
		{"one of two names", dns.Map{arpa4: {PTR: []string{"h.example.net", "mail.example.jp"}}}, onlyFour, "192.0.2.25: ok match"},
		{"no PTR", dns.Map{arpa4: {}}, onlyFour, "192.0.2.25: warning other-name"},
		{"PTR not known", dns.Map{arpa4: fail(dns.Temporary)}, onlyFour, "192.0.2.25: not checked temporary"},
		{"no answer", dns.Map{"mail.example.jp": fail(dns.Temporary)}, onlyFour, "192.0.2.25: not checked temporary"},
		{"bogus", dns.Map{"mail.example.jp": fail(dns.Bogus)}, onlyFour, "192.0.2.25: failure bogus"},
		{"half an answer", dns.Map{"mail.example.jp": {Addrs: []netip.Addr{six}, Fail: map[dns.Type]dns.Status{dns.TypeA: dns.Temporary}}}, nil,
			"192.0.2.25: not checked temporary, 2001:db8::25: ok match"},
	})
}

// recordsOf returns what a finding of a changed world proposes.
func recordsOf(t *testing.T, changes dns.Map, change func(*preflight.Check), check, about string) []string {
	t.Helper()
	zone, c := world()
	c.Resolver = with(zone, changes)
	if change != nil {
		change(c)
	}
	report := c.Run(t.Context())
	for _, f := range report.Findings {
		if f.Check == check && f.About == about {
			return f.Records
		}
	}
	t.Fatalf("there is no %s about %s in\n%s", check, about, report)
	return nil
}

func TestRecordsOfHosts(t *testing.T) {
	for _, c := range []struct {
		changes      dns.Map
		check, about string
		want         string
	}{
		{dns.Map{arpa4: {}}, "ptr", "192.0.2.25", arpa4 + ". IN PTR mail.example.jp."},
		{dns.Map{arpa6: {}}, "ptr", "2001:db8::25", arpa6 + ". IN PTR mail.example.jp."},
		{dns.Map{"mail.example.jp": {Addrs: []netip.Addr{six}}}, "ptr", "192.0.2.25", "mail.example.jp. IN A 192.0.2.25"},
		{dns.Map{"mail.example.jp": {Addrs: []netip.Addr{four}}}, "ptr", "2001:db8::25", "mail.example.jp. IN AAAA 2001:db8::25"},
		{dns.Map{"mail.example.jp": {}}, "ehlo", "mail.example.jp", "mail.example.jp. IN A 192.0.2.25, mail.example.jp. IN AAAA 2001:db8::25"},
		{dns.Map{arpa4: {PTR: []string{"h.example.net"}}}, "ehlo-address", "192.0.2.25", arpa4 + ". IN PTR mail.example.jp."},
	} {
		if got := recordsOf(t, c.changes, nil, c.check, c.about); strings.Join(got, ", ") != c.want {
			t.Errorf("%s: got %q, want %q", c.check, got, c.want)
		}
	}
	if got := recordsOf(t, dns.Map{arpa4: {}}, func(c *preflight.Check) { c.LocalName = "mail" }, "ptr", "192.0.2.25"); !slices.Equal(got, nil) {
		t.Errorf("got %q", got)
	}
}
