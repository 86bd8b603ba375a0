//go:build integration

package integration_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/direct/dane"
	"github.com/qdmail/qdmail/direct/dns"
)

// mxDomains have the hosts mx1, mx2 and so on of these preferences, at 203.0.113.1,
// 203.0.113.2 and so on. Those below mx.test and dest.test are signed.
var mxDomains = map[string][]int{
	"one.mx.test":        {10},
	"two.mx.test":        {10, 20},
	"order.mx.test":      {30, 10, 20},
	"equal.mx.test":      {10, 10, 10},
	"ee.mx.test":         {10},
	"ta-cert.mx.test":    {10},
	"ta-key.mx.test":     {10},
	"mismatch.mx.test":   {10, 20},
	"unusable.mx.test":   {10},
	"forged.mx.test":     {10, 20},
	"allforged.mx.test":  {10},
	"dest.test":          {10, 20},
	"one.plain.test":     {10},
	"tlsa.plain.test":    {10},
	"enforce.plain.test": {10},
	"partly.plain.test":  {10, 20},
	"testing.plain.test": {10},
}

// mxOddities are the names that are no ordinary domains.
var mxOddities = map[string]string{"mx.test": `
null     MX 0 .
implicit A 203.0.113.1
text     TXT "nothing to do with mail"
bogus    MX 10 honest.bogus
honest.bogus A 203.0.113.1
dual     MX 10 mx1.dual
mx1.dual A 203.0.113.1
mx1.dual AAAA 2001:db8::1
`, "plain.test": `
astray   MX 10 mx1.mismatch.mx.test.
`}

// mxPolicies are the MTA-STS policies of domains below plain.test.
var mxPolicies = map[string]string{
	"enforce.plain.test": "version: STSv1\nmode: enforce\nmx: mx1.enforce.plain.test\nmax_age: 86400\n",
	"partly.plain.test":  "version: STSv1\nmode: enforce\nmx: mx2.partly.plain.test\nmax_age: 86400\n",
	"testing.plain.test": "version: STSv1\nmode: testing\nmx: mx1.testing.plain.test\nmax_age: 86400\n",
}

// hostNames are the names of all hosts.
func hostNames() []string {
	var names []string
	for domain, preferences := range mxDomains {
		for i := range preferences {
			names = append(names, fmt.Sprintf("mx%d.%s", i+1, domain))
		}
	}
	return names
}

// policyNames are the names of all policy hosts.
func policyNames() []string {
	var names []string
	for domain := range mxPolicies {
		names = append(names, "mta-sts."+domain)
	}
	return names
}

// startZones has NSD serve the zones and Unbound validate them. Nobody has
// dead.test, and some of mx.test is changed after it was signed.
func (in *internet) startZones(t *testing.T, good, root *daneCert) {
	t.Helper()
	tlsa := map[string]dns.TLSA{
		"mx1.ee.mx.test":        tlsaOf(good, 3, 1, 1, true),
		"mx1.ta-cert.mx.test":   tlsaOf(root, 2, 0, 1, true),
		"mx1.ta-key.mx.test":    tlsaOf(root, 2, 1, 1, true),
		"mx1.mismatch.mx.test":  tlsaOf(good, 3, 1, 1, false),
		"mx2.mismatch.mx.test":  tlsaOf(root, 2, 0, 1, false),
		"mx1.unusable.mx.test":  tlsaOf(good, 1, 1, 1, true),
		"mx1.forged.mx.test":    tlsaOf(good, 3, 1, 1, true),
		"mx1.allforged.mx.test": tlsaOf(good, 3, 1, 1, true),
		"mx1.dest.test":         tlsaOf(good, 3, 1, 1, false),
		"mx2.dest.test":         tlsaOf(in.eximCert(t), 3, 1, 1, true),
		"mx1.tlsa.plain.test":   tlsaOf(good, 3, 1, 1, false),
	}
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o755))
	nsd, unbound := nsdConf, unboundConf
	zones := []string{"mx.test", "plain.test", "dest.test"}
	for _, zone := range zones {
		file := filepath.Join(dir, zone)
		must(t, os.WriteFile(file, []byte(zoneText(zone, tlsa)), 0o644))
		if zone == "plain.test" {
			unbound += fmt.Sprintf("server:\n  domain-insecure: %s\n", zone)
		} else {
			unbound += fmt.Sprintf("server:\n  trust-anchor: %q\n", signZone(t, dir, zone))
			file += ".signed"
		}
		nsd += fmt.Sprintf("zone:\n  name: %s\n  zonefile: %s\n", zone, file)
	}
	signed := filepath.Join(dir, "mx.test.signed")
	forge(t, signed, "honest.bogus.mx.test.", "dishonest.bogus.mx.test.")
	forgeTLSA(t, signed, "mx1.forged.mx.test", "mx1.allforged.mx.test")
	authority := freePort(t)
	runDNS(t, dir, authority, "nsd", nsd, "-d", "-c")
	for _, zone := range append(zones, "dead.test") {
		unbound += fmt.Sprintf("stub-zone:\n  name: %s\n  stub-addr: %s\n", zone, strings.Replace(authority, ":", "@", 1))
	}
	in.resolver = freePort(t)
	runDNS(t, dir, in.resolver, "unbound", unbound, "-d", "-c")
}

// zoneText is what a zone file says.
func zoneText(zone string, tlsa map[string]dns.TLSA) string {
	var b strings.Builder
	fmt.Fprintf(&b, "$ORIGIN %s.\n$TTL 600\n@ SOA ns.plain.test. root.plain.test. 1 3600 600 86400 300\n@ NS ns.plain.test.", zone)
	b.WriteString(mxOddities[zone] + "\n")
	within := func(name string) bool { return name == zone || strings.HasSuffix(name, "."+zone) }
	for domain, preferences := range mxDomains {
		for i, preference := range preferences {
			if within(domain) {
				fmt.Fprintf(&b, "%s. MX %d mx%d.%[1]s.\nmx%[3]d.%[1]s. A 203.0.113.%[3]d\n", domain, preference, i+1)
			}
		}
	}
	for host, r := range tlsa {
		if within(host) {
			fmt.Fprintf(&b, "%s. TLSA %v\n", dane.Name(host, 25), r)
		}
	}
	for domain := range mxPolicies {
		if within(domain) {
			fmt.Fprintf(&b, "_mta-sts.%s. TXT \"v=STSv1; id=1\"\nmta-sts.%[1]s. A 203.0.113.80\n", domain)
		}
	}
	return b.String()
}

// forgeTLSA changes the TLSA records of hosts in a signed zone.
func forgeTLSA(t *testing.T, file string, hosts ...string) {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	lines := bytes.SplitAfter(text, []byte("\n"))
	n := 0
	for i, line := range lines {
		fields := bytes.Fields(line)
		if len(fields) < 8 || string(fields[3]) != "TLSA" {
			continue
		}
		if slices.ContainsFunc(hosts, func(h string) bool { return string(fields[0]) == dane.Name(h, 25)+"." }) {
			fields[7] = bytes.Map(func(r rune) rune { // each hexadecimal digit to another
				return rune("123456789abcdef0"[strings.IndexRune("0123456789abcdef", r)])
			}, fields[7])
			lines[i] = append(bytes.Join(fields[:8], []byte("\t")), '\n')
			n++
		}
	}
	if n != len(hosts) {
		t.Fatalf("%d TLSA records for %d hosts", n, len(hosts))
	}
	must(t, os.WriteFile(file, bytes.Join(lines, nil), 0o644))
}
