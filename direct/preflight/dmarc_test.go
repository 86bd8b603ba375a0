package preflight_test

import (
	"strings"
	"testing"

	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/preflight"
)

// policyRow is a world in which _dmarc.example.jp has other records.
func policyRow(name, want string, txts ...string) row {
	return row{name, dns.Map{"_dmarc.example.jp": {TXT: txts}}, nil, "example.jp: " + want}
}

func from(domain string) func(*preflight.Check) {
	return func(c *preflight.Check) { c.From = domain }
}

func TestDMARC(t *testing.T) {
	runRows(t, "dmarc", []row{
		policyRow("none", "failure none"),
		policyRow("others beside it", "ok published", "v=spf1 -all", "v=DMARC1;p=reject", "x"),
		policyRow("all tags", "ok published", "v=DMARC1; p=quarantine; sp=none; np=reject; adkim=s; aspf=r; psd=u; t=y; fo=1:d:s; rua=mailto:a@b.test!10m,https://c.test/; ruf=mailto:a@b.test; pct=50; rf=afrf; ri=86400; new=1"),
		policyRow("white space", "ok published", "v =\tDMARC1 ; p = none ;"),
		policyRow("upper case", "ok published", "v=DMARC1; p=NONE; adkim=S"),
		policyRow("two", "failure several", "v=DMARC1; p=none", "v=DMARC1; p=reject"),
		policyRow("version in lower case", "failure invalid", "v=dmarc1; p=none"),
		policyRow("version later", "failure invalid", "p=none; v=DMARC1"),
		policyRow("space before", "failure invalid", " v=DMARC1; p=none"),
		policyRow("comma", "failure invalid", "v=DMARC1, p=none"),
		policyRow("another version", "failure none", "v=DMARC2; p=none"),
		policyRow("nothing but the version", "failure invalid", "v=DMARC1"),
		policyRow("no policy", "failure invalid", "v=DMARC1; sp=none"),
		policyRow("unknown policy", "failure invalid", "v=DMARC1; p=block"),
		policyRow("no policy, but reports", "warning no-policy", "v=DMARC1; rua=mailto:a@b.test"),
		policyRow("alignment", "warning faulty", "v=DMARC1; p=none; adkim=x"),
		policyRow("subdomains", "failure invalid", "v=DMARC1; p=none; sp=nothing"),
		policyRow("subdomains, and reports", "warning no-policy", "v=DMARC1; p=none; np=nothing; rua=mailto:a@b.test"),
		policyRow("address without mailto", "warning faulty", "v=DMARC1; p=none; rua=dmarc@example.jp"),
		policyRow("mailto without @", "warning faulty", "v=DMARC1; p=none; rua=mailto:example.jp"),
		policyRow("no URI", "warning faulty", "v=DMARC1; p=none; rua=mailto:a b@a.test"),
		policyRow("twice", "warning faulty", "v=DMARC1; p=none; p=reject"),
		policyRow("no semicolon", "failure invalid", "v=DMARC1; p=none rua=mailto:a@b.test"),
		policyRow("garbage", "warning faulty", "v=DMARC1; p=none; \x1b[31m\xff;;=;"),
		policyRow("ten thousand octets", "warning faulty", "v=DMARC1; p=none; "+strings.Repeat("x", 10_000)),
		policyRow("thousands of faults", "warning faulty", "v=DMARC1; p=none; "+strings.Repeat("x;", 5_000)),
		{"no answer", dns.Map{"_dmarc.example.jp": fail(dns.Temporary)}, nil, "example.jp: not checked temporary"},
		{"bogus", dns.Map{"_dmarc.example.jp": fail(dns.Bogus)}, nil, "example.jp: failure bogus"},
		{"above", nil, from("news.example.jp"), "news.example.jp: ok published"},
		{"far above", nil, from("a.b.c.d.e.f.g.h.example.jp"), "a.b.c.d.e.f.g.h.example.jp: ok published"},
		{"above, no answer", dns.Map{"_dmarc.example.jp": fail(dns.Temporary)}, from("news.example.jp"), "news.example.jp: not checked temporary"},
		{"above, two", dns.Map{"_dmarc.example.jp": {TXT: []string{"v=DMARC1; p=none", "v=DMARC1; p=none"}}}, from("news.example.jp"), "news.example.jp: failure several"},
		{"no From", nil, func(c *preflight.Check) { c.From, c.Sender = "", "a@example.jp" }, ": not checked not-asked"},
		{"From that is none", nil, from("a b"), ": failure invalid"},
		{"IDN", dns.Map{"_dmarc.xn--wgv71a.jp": {TXT: []string{"v=DMARC1; p=none"}}}, from("店@日本.jp"), "xn--wgv71a.jp: ok published"},
	})
	want := `_dmarc.example.jp. IN TXT "v=DMARC1; p=none; rua=mailto:dmarc-reports@example.jp"`
	if got := recordsOf(t, dns.Map{"_dmarc.example.jp": {}}, nil, "dmarc", "example.jp"); strings.Join(got, "") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAlignment(t *testing.T) {
	strict := dns.Map{"_dmarc.example.jp": {TXT: []string{"v=DMARC1; p=none; adkim=s; aspf=s"}}}
	unlike := func(sender, signer string) func(*preflight.Check) {
		return func(c *preflight.Check) {
			c.Sender, c.DKIM = sender, nil
			if signer != "" {
				c.DKIM = []preflight.Key{{Domain: signer, Selector: "s1"}}
			}
		}
	}
	runRows(t, "dmarc-alignment", []row{
		{"good", nil, nil, "example.jp: ok both"},
		{"subdomains", nil, unlike("bounce.example.jp", "news.example.jp"), "example.jp: ok both"},
		{"subdomains, strictly", strict, unlike("bounce.example.jp", "news.example.jp"), "example.jp: failure neither"},
		{"the same, strictly", strict, unlike("example.jp", "example.jp"), "example.jp: ok both"},
		{"From below", nil, func(c *preflight.Check) {
			unlike("example.jp", "bounce.example.jp")(c)
			c.From = "news.example.jp"
		}, "news.example.jp: ok both"},
		{"DKIM alone", nil, unlike("example.net", "example.jp"), "example.jp: ok dkim"},
		{"SPF alone", nil, unlike("example.jp", ""), "example.jp: warning spf"},
		{"SPF, and the key of a service", nil, unlike("example.jp", "example.net"), "example.jp: warning spf"},
		{"neither", nil, unlike("example.net", "example.com"), "example.jp: failure neither"},
		{"no key", nil, unlike("example.net", ""), "example.jp: failure neither"},
		{"a neighbour", nil, unlike("notexample.jp", ""), "example.jp: failure neither"},
		{"sender that is none", nil, unlike("a@b@", ""), "example.jp: failure neither"},
		{"one key of two", nil, func(c *preflight.Check) {
			unlike("example.net", "example.com")(c)
			c.DKIM = append(c.DKIM, preflight.Key{Selector: "s1"})
		}, "example.jp: ok dkim"},
		{"sender not known", dns.Map{"_dmarc.example.net": fail(dns.Temporary)}, unlike("example.net", ""), "example.jp: not checked temporary"},
		{"sender not known, key enough", dns.Map{"_dmarc.example.net": fail(dns.Temporary)}, unlike("example.net", "example.jp"), "example.jp: ok dkim"},
		{"no record", dns.Map{"_dmarc.example.jp": {}}, nil, "example.jp: not checked no-record"},
		{"no answer", dns.Map{"_dmarc.example.jp": fail(dns.Temporary)}, nil, "example.jp: not checked temporary"},
		{"no answer above", dns.Map{"_dmarc.example.jp": {}, "_dmarc.jp": fail(dns.Temporary)}, nil, "example.jp: not checked temporary"},
		{"no From", nil, from(""), ": not checked not-asked"},
	})
}

// RFC 9989 section 4.10 has examples like these.
func TestOrganization(t *testing.T) {
	for _, c := range []struct {
		domain, records, org, policy string
	}{
		{"example.jp", "", "example.jp", ""},
		{"a.example.jp", "", "a.example.jp", ""},
		{"a.example.jp", "example.jp", "example.jp", "example.jp"},
		{"a.example.jp", "a.example.jp example.jp", "example.jp", "a.example.jp"},
		{"a.example.jp", "a.example.jp", "a.example.jp", "a.example.jp"},
		{"a.b.example.jp", "b.example.jp example.jp", "example.jp", "example.jp"},
		{"a.b.example.jp", "b.example.jp/n example.jp", "b.example.jp", "b.example.jp"},
		{"a.b.example.jp", "a.b.example.jp/n example.jp", "a.b.example.jp", "a.b.example.jp"},
		{"a.example.bank", "bank/y", "example.bank", "bank"},
		{"a.example.bank", "example.bank bank/y", "example.bank", "example.bank"},
		{"a.example.co.jp", "co.jp/y jp", "example.co.jp", "co.jp"},
		{"bank", "bank/y", "bank", "bank"},
		{"a.example.jp", "example.jp jp", "jp", "jp"},
		{"a.example.jp", "example.jp/u jp/u", "jp", "jp"},
		{"a.mail.example.com", "mail.example.com example.com", "example.com", "example.com"},
		{"a.mail.example.com", "com/y", "example.com", "com"},
		{"1.2.3.4.5.6.7.8.example.jp", "example.jp", "example.jp", "example.jp"},
		{"1.2.3.4.5.6.7.8.example.jp", "4.5.6.7.8.example.jp", "4.5.6.7.8.example.jp", "4.5.6.7.8.example.jp"},
		{"1.2.3.4.5.6.7.8.example.jp", "3.4.5.6.7.8.example.jp", "1.2.3.4.5.6.7.8.example.jp", ""}, // more than 7 labels: not asked
	} {
		records := map[string]string{}
		for entry := range strings.FieldsSeq(c.records) {
			domain, psd, _ := strings.Cut(entry, "/")
			records[domain] = "v=DMARC1; p=none"
			if psd != "" {
				records[domain] += "; psd=" + psd
			}
		}
		if org, policy := preflight.Organization(c.domain, records); org != c.org || policy != c.policy {
			t.Errorf("%s with %s: %s by %q, want %s by %q", c.domain, c.records, org, policy, c.org, c.policy)
		}
	}
}
