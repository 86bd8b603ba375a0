package preflight_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/preflight"
)

// keyRow is a world in which another record is published for the RSA key.
func keyRow(name, want string, txts ...string) row {
	return row{name, dns.Map{"s1._domainkey.example.jp": {TXT: txts}}, onlyRSA, "s1._domainkey.example.jp: " + want}
}

func onlyRSA(c *preflight.Check) { c.DKIM = c.DKIM[:1] }

// sized signs with, and publishes, an RSA key of some bits.
func sized(bits uint, want string) row {
	return row{"bits", dns.Map{"s1._domainkey.example.jp": {TXT: []string{"p=" + spki(rsaKey(bits))}}}, func(c *preflight.Check) {
		onlyRSA(c)
		c.DKIM[0].Public = rsaKey(bits)
	}, "s1._domainkey.example.jp: " + want}
}

// asks checks one key.
func asks(k preflight.Key) func(*preflight.Check) {
	return func(c *preflight.Check) { c.DKIM = []preflight.Key{k} }
}

func TestDKIM(t *testing.T) {
	p := "p=" + spki(rsaKey(2048))
	half := len(p) / 2
	bare := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(rsaKey(2048)))
	ed := "p=" + base64.StdEncoding.EncodeToString(edKey)
	curve := &ecdsa.PublicKey{Curve: elliptic.P256()}
	runRows(t, "dkim", []row{
		{"good", nil, nil, "s1._domainkey.example.jp: ok match, e1._domainkey.example.jp: ok match"},
		keyRow("key alone", "ok match", p),
		keyRow("white space", "ok match", "v = DKIM1 ; k=\trsa ;p="+p[2:half]+" \r\n\t"+p[half:]+" ; "),
		keyRow("any order of the rest", "ok match", "v=DKIM1;s=*;h=sha1 : sha256;t=s;n=a note;x=unknown;"+p),
		keyRow("for mail", "ok match", "v=DKIM1; s=email; "+p),
		keyRow("no record", "failure none"),
		keyRow("two records", "failure several", p, "v=DKIM1; p="),
		keyRow("revoked", "failure revoked", "v=DKIM1; k=rsa; p="),
		keyRow("revoked with white space", "failure revoked", "v=DKIM1; p= \t"),
		keyRow("other key", "failure other-key", "p="+spki(rsaKey(2056))),
		keyRow("other kind", "failure other-key", "k=ed25519; "+ed),
		keyRow("unknown kind", "failure key-type", "k=dilithium; "+p),
		keyRow("testing", "warning testing", "v=DKIM1; t=s:y; "+p),
		keyRow("without its algorithm", "warning bare", "v=DKIM1; p="+bare),
		keyRow("only SHA-1", "failure restricted", "h=sha1; "+p),
		keyRow("not for mail", "failure restricted", "s=tlsrpt; "+p),
		keyRow("version", "failure invalid", "v=DKIM2; "+p),
		keyRow("version later", "failure invalid", p+"; v=DKIM1"),
		keyRow("no key", "failure invalid", "v=DKIM1; k=rsa"),
		keyRow("two keys", "failure invalid", p+"; "+p),
		keyRow("no base64", "failure invalid", "v=DKIM1; p=ÄÖÜ"),
		keyRow("no base64 either", "failure invalid", p[:len(p)-3]),
		keyRow("no DER", "failure invalid", "p=AAAA"),
		keyRow("Ed25519 as RSA", "failure invalid", ed),
		keyRow("RSA as Ed25519", "failure invalid", "k=ed25519; "+p),
		keyRow("quotes", "failure invalid", `"v=DKIM1; `+p+`"`),
		keyRow("PEM", "failure invalid", "-----BEGIN PUBLIC KEY-----\n"+p[2:]),
		keyRow("garbage", "failure invalid", "\x1b[31m\x00\xff;;;==="),
		keyRow("empty", "failure invalid", ""),
		keyRow("ten thousand octets", "failure invalid", "v=DKIM1; p="+strings.Repeat("A", 10_000)),
		sized(512, "failure weak"),
		sized(1024, "warning short"),
		sized(4096, "ok match"),
		sized(4104, "warning long"),
		{"no answer", dns.Map{"s1._domainkey.example.jp": fail(dns.Temporary)}, onlyRSA, "s1._domainkey.example.jp: not checked temporary"},
		{"bogus", dns.Map{"s1._domainkey.example.jp": fail(dns.Bogus)}, onlyRSA, "s1._domainkey.example.jp: failure bogus"},
		{"no name", dns.Map{"s1._domainkey.example.jp": fail(dns.NXDomain)}, onlyRSA, "s1._domainkey.example.jp: failure none"},
		{"alias", dns.Map{"s1._domainkey.example.jp": {CNAME: "key.example.net"}, "key.example.net": {TXT: []string{p}}}, onlyRSA, "s1._domainkey.example.jp: ok match"},
		{"Ed25519 alone", nil, asks(preflight.Key{Selector: "e1", Public: edKey}), "e1._domainkey.example.jp: warning alone"},
		{"no public key", nil, asks(preflight.Key{Selector: "S1", Domain: "EXAMPLE.jp."}), "s1._domainkey.example.jp: ok published"},
		{"nil key", nil, asks(preflight.Key{Selector: "s1", Public: (*rsa.PublicKey)(nil)}), "s1._domainkey.example.jp: failure invalid"},
		{"a key of another kind", nil, asks(preflight.Key{Selector: "s1", Public: curve}), "s1._domainkey.example.jp: failure invalid"},
		{"what is no key", nil, asks(preflight.Key{Selector: "s1", Public: 5}), "s1._domainkey.example.jp: failure invalid"},
		{"no selector", nil, asks(preflight.Key{Public: edKey}), "._domainkey.example.jp: failure invalid"},
		{"selector with @", nil, asks(preflight.Key{Selector: "a@s1", Public: edKey}), "a@s1._domainkey.example.jp: failure invalid"},
		{"domain that is none", nil, asks(preflight.Key{Selector: "s1", Domain: "a b"}), "s1._domainkey.a b: failure invalid"},
		{"no domain", nil, func(c *preflight.Check) { c.From, c.DKIM = "", []preflight.Key{{Selector: "s1"}} }, "s1._domainkey.: not checked not-asked"},
		{"no keys", nil, func(c *preflight.Check) { c.DKIM = nil }, ": not checked not-asked"},
	})
}

func TestRecordsOfDKIM(t *testing.T) {
	const at = "s1._domainkey.example.jp"
	got := recordsOf(t, dns.Map{at: {}}, nil, "dkim", at)
	want := "v=DKIM1; k=rsa; p=" + spki(rsaKey(2048))
	if want = at + `. IN TXT "` + want[:255] + `" "` + want[255:] + `"`; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
	const at2 = "e1._domainkey.example.jp"
	got = recordsOf(t, dns.Map{at2: {TXT: []string{"v=DKIM1; p=" + spki(rsaKey(2048))}}}, nil, "dkim", at2)
	if want := at2 + `. IN TXT "v=DKIM1; k=ed25519; p=` + base64.StdEncoding.EncodeToString(edKey) + `"`; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got = recordsOf(t, dns.Map{at2: {TXT: []string{"v=DKIM1; k=ed25519; p="}}}, nil, "dkim", at2); got != nil {
		t.Errorf("a revoked key may come back: %q", got)
	}
}
