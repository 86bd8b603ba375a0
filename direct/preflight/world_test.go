package preflight_test

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"maps"
	"math/big"
	"net/netip"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/preflight"
)

var (
	four = netip.MustParseAddr("192.0.2.25")
	six  = netip.MustParseAddr("2001:db8::25")
	else4,
	else6 = netip.MustParseAddr("192.0.2.99"), netip.MustParseAddr("2001:db8::99")
)

const (
	arpa4 = "25.2.0.192.in-addr.arpa"
	arpa6 = "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
)

// rsaKey returns a key of a size. Nobody can sign with it.
func rsaKey(bits uint) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}
}

var edKey = ed25519.PublicKey(strings.Repeat("k", ed25519.PublicKeySize))

func spki(key *rsa.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return err.Error()
	}
	return base64.StdEncoding.EncodeToString(der)
}

// world is a host on which everything is right, and the Check of it.
func world() (dns.Map, *preflight.Check) {
	zone := dns.Map{
		arpa4: {PTR: []string{"mail.example.jp"}},
		arpa6: {PTR: []string{"mail.example.jp"}},
		"mail.example.jp": {
			Addrs: []netip.Addr{four, six},
			TXT:   []string{"v=spf1 a -all"},
		},
		"example.jp": {
			MX:  []dns.MX{{Host: "mail.example.jp", Preference: 10}},
			TXT: []string{"something=else", "v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 -all"},
		},
		"s1._domainkey.example.jp": {TXT: []string{"v=DKIM1; k=rsa; p=" + spki(rsaKey(2048))}},
		"e1._domainkey.example.jp": {TXT: []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(edKey)}},
		"_dmarc.example.jp":        {TXT: []string{"v=DMARC1; p=none; rua=mailto:dmarc@example.jp"}},
		"2.0.0.127.bl.test":        {Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.2")}},
		"arpa":                     {Secure: true},
		"bogus.test":               {Fail: map[dns.Type]dns.Status{dns.TypeANY: dns.Bogus}},
	}
	return zone, &preflight.Check{
		LocalName: "mail.example.jp",
		Source:    direct.Source{IPv4: four, IPv6: six},
		From:      "shop@example.jp",
		DKIM: []preflight.Key{
			{Selector: "s1", Public: rsaKey(2048)},
			{Domain: "example.jp", Selector: "e1", Public: edKey},
		},
		BlockLists: []preflight.BlockList{{Zone: "bl.test"}, {Zone: "dbl.test", Domains: true}},
		BogusName:  "bogus.test",
		Resolver:   zone,
	}
}

// with replaces what a zone has of some names.
func with(zone dns.Map, changes dns.Map) dns.Map {
	zone = maps.Clone(zone)
	maps.Copy(zone, changes)
	return zone
}

// fail makes a host of which every look-up ends like this.
func fail(s dns.Status) dns.Host {
	return dns.Host{Fail: map[dns.Type]dns.Status{dns.TypeANY: s}}
}

// outcome is one line for a finding.
func outcome(f preflight.Finding) string {
	return fmt.Sprintf("%s %s: %s %s", f.Check, f.About, f.Severity, f.Code)
}

// one row of a table: what is different from the good world, and the findings,
// comma between, that this must give.
type row struct {
	name   string
	zone   dns.Map
	change func(c *preflight.Check)
	want   string
}

// runRows holds what one check finds against the rows.
func runRows(t *testing.T, check string, rows []row) {
	t.Helper()
	for _, row := range rows {
		t.Run(check+", "+row.name, func(t *testing.T) {
			zone, c := world()
			c.Resolver = with(zone, row.zone)
			if row.change != nil {
				row.change(c)
			}
			report := c.Run(t.Context())
			inspect(t, report)
			var got []string
			for _, f := range report.Findings {
				if f.Check == check {
					got = append(got, strings.TrimPrefix(outcome(f), check+" "))
				}
			}
			if strings.Join(got, ", ") != row.want {
				t.Errorf("got  %s\nwant %s\n%s", strings.Join(got, ", "), row.want, report)
			}
		})
	}
}

// inspect holds a report against what is so of all of them.
func inspect(t *testing.T, report *preflight.Report) {
	t.Helper()
	seen := map[string]bool{}
	for _, f := range report.Findings {
		if f.Check == "" || f.Code == "" || f.Found == "" {
			t.Errorf("something is missing in %+v", f)
		}
		bad := f.Severity == preflight.Failure || f.Severity == preflight.Warning
		if bad && (f.Why == "" || f.Fix == "") {
			t.Errorf("no reason, or no way to mend it, in %+v", f)
		}
		if f.Severity == preflight.OK && (f.Why+f.Fix != "" || f.Records != nil) {
			t.Errorf("there is nothing to mend in %+v", f)
		}
		id := f.Check + " " + f.About
		if seen[id] {
			t.Errorf("there are two findings of %s", id)
		}
		seen[id] = true
		for _, text := range append(f.Records, f.About, f.Found, f.Why, f.Fix) {
			if len(text) > 2500 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("a text isn't fit to be printed: %.2000q", text)
			}
		}
	}
}
