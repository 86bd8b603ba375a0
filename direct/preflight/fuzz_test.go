package preflight_test

import (
	"crypto"
	"encoding/base64"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/preflight"
)

// Whatever is published as a key, what was understood of it means the same when it is
// written down again.
func FuzzKeyRecord(f *testing.F) {
	for _, s := range []string{
		"v=DKIM1; k=rsa; p=" + spki(rsaKey(1024)), "k=ed25519;p=" + base64.StdEncoding.EncodeToString(edKey), "p=", "v=DKIM1; t=s:y; h=sha1 : sha256; s=*; p=",
		"n=x; p = A A=\r\n =", "v=DKIM1;;p=", "\xff=\x00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, txt string) {
		canonical, key, err := preflight.KeyRecord(txt)
		if err != nil {
			return
		}
		again, key2, err := preflight.KeyRecord(canonical)
		if err != nil || again != canonical {
			t.Fatalf("%q became %q, and that %q, %v", txt, canonical, again, err)
		}
		if k, ok := key.(interface{ Equal(crypto.PublicKey) bool }); ok && !k.Equal(key2) {
			t.Fatalf("%q became %q, with another key", txt, canonical)
		}
		for _, own := range []crypto.PublicKey{nil, key, edKey, rsaKey(2048)} {
			severity, code := preflight.JudgeKey(txt, own)
			severity2, code2 := preflight.JudgeKey(canonical, own)
			if severity != severity2 || code != code2 {
				t.Fatalf("%q is %v %s, but %q is %v %s", txt, severity, code, canonical, severity2, code2)
			}
			if own == nil && code == "match" || own != nil && code == "published" {
				t.Fatalf("%q is %s for %v", txt, code, own)
			}
		}
	})
}

// The same for DMARC records.
func FuzzDMARCRecord(f *testing.F) {
	for _, s := range []string{
		"v=DMARC1; p=none; rua=mailto:a@b.test", "v = DMARC1;p=reject;sp=quarantine;np=none;adkim=s;aspf=r;psd=n;t=y;ruf=https://a.test/", "v=DMARC1",
		"v=DMARC1;;p=x;rua=,,;\xff", "v=DMARC1 p=none",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, txt string) {
		canonical, faults, ok := preflight.DMARCRecord(txt)
		if !ok {
			return
		}
		again, faults2, ok := preflight.DMARCRecord(canonical)
		if !ok || again != canonical || len(faults2) > 0 {
			t.Fatalf("%q became %q, and that %q, %v", txt, canonical, again, faults2)
		}
		if slices.ContainsFunc(faults, func(s string) bool { return s == "" }) {
			t.Fatalf("%q has the faults %q", txt, faults)
		}
	})
}

// Nothing that is in the DNS gets a character into a report that a terminal would
// obey, or makes it very long.
func FuzzReport(f *testing.F) {
	f.Add("v=spf1 a mx ptr include:%{d}.x -all", "v=DMARC1; p=none", "p=")
	f.Add("\x1b[31m", "v=DMARC1; \x1b[31m=\r\n", "v=DKIM1; k=\x00")
	f.Add("v=spf1 redirect=example.jp", "v=dmarc1", strings.Repeat("p=;", 20))
	f.Fuzz(func(t *testing.T, spf, dmarc, key string) {
		zone, c := world()
		c.Resolver = with(zone, dns.Map{
			"example.jp":               {TXT: []string{spf}},
			"_dmarc.example.jp":        {TXT: []string{dmarc}},
			"s1._domainkey.example.jp": {TXT: []string{key}},
			"25.2.0.192.bl.test":       {Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.2")}, TXT: []string{spf}},
		})
		report := c.Run(t.Context())
		inspect(t, report)
		if strings.ContainsFunc(report.String(), func(r rune) bool { return r < ' ' && r != '\n' || r > '~' }) {
			t.Errorf("got %q", report)
		}
	})
}
