package preflight_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/emersion/go-msgauth/dmarc"

	"github.com/qdmail/qdmail/direct/preflight"
)

// A receiver that nobody here wrote verifies a signature with each record. Where it
// can't, no record may be called good, and where it can, none a failure.
func TestKeysAsVerified(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edPrivate, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := "p=" + spki(&private.PublicKey)
	bare := "p=" + base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&private.PublicKey))
	e := "p=" + base64.StdEncoding.EncodeToString(edPrivate.Public().(ed25519.PublicKey))
	verdicts := map[bool]int{}
	for _, c := range []struct {
		key  crypto.Signer
		txts []string
	}{
		{private, []string{"v=DKIM1; k=rsa; " + r}},
		{private, []string{r}},
		{private, []string{"v=DKIM1;h=sha1:sha256;s=email:other;t=y:s;" + r + ";"}},
		{private, []string{bare}},
		{private, []string{"v=DKIM1; " + r[:100] + " " + r[100:]}},
		{private, []string{"k=ed25519; " + e}},
		{private, []string{e}},
		{private, []string{"k=ed25519; " + r}},
		{private, []string{"k=ecdsa; " + r}},
		{private, []string{"v=DKIM2; " + r}},
		{private, []string{"v=DKIM1; p="}},
		{private, []string{"v=DKIM1"}},
		{private, []string{"v=DKIM1; h=sha1; " + r}},
		{private, []string{"v=DKIM1; s=tlsrpt; " + r}},
		{private, []string{r[:len(r)-1]}},
		{private, []string{"p=AAAA"}},
		{private, []string{"nothing"}},
		{private, []string{r, r}},
		{private, []string{"p=" + spki(rsaKey(2048))}},
		{edPrivate, []string{"v=DKIM1; k=ed25519; " + e}},
		{edPrivate, []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(make([]byte, 32))}},
		{edPrivate, []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(make([]byte, 31))}},
		{edPrivate, []string{"v=DKIM1; " + r}},
	} {
		want := verifies(t, c.key, c.txts)
		verdicts[want]++
		severity, code := preflight.JudgeKey(c.txts[0], c.key.Public())
		if len(c.txts) > 1 {
			severity = preflight.Failure // that one is in another table
		}
		if got := severity == preflight.OK || severity == preflight.Warning; got != want {
			t.Errorf("%.60q is %v %s, but a signature verifies: %v", c.txts, severity, code, want)
		}
	}
	if verdicts[true] < 5 || verdicts[false] < 10 {
		t.Errorf("the judge says %v", verdicts)
	}
}

// verifies signs a mail and has it verified with the key in the TXT records.
func verifies(t *testing.T, key crypto.Signer, txts []string) bool {
	t.Helper()
	const mail = "From: shop@example.jp\r\nSubject: hello\r\n\r\nHello.\r\n"
	var signed bytes.Buffer
	if err := dkim.Sign(&signed, strings.NewReader(mail), &dkim.SignOptions{Domain: "example.jp", Selector: "s1", Signer: key}); err != nil {
		t.Fatal(err)
	}
	found, err := dkim.VerifyWithOptions(&signed, &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if name != "s1._domainkey.example.jp" {
			return nil, errors.New("another name")
		}
		return txts, nil
	}})
	if err != nil || len(found) != 1 {
		t.Fatalf("got %v, %v", found, err)
	}
	return found[0].Err == nil
}

// Another parser, which follows RFC 7489, reads the same out of DMARC records. It
// refuses what RFC 9989 wants ignored, so only where it finds nothing wrong do both
// have to agree in full.
func TestDMARCAsParsed(t *testing.T) {
	agreed := 0
	for _, txt := range []string{
		"v=DMARC1; p=none",
		"v=DMARC1;p=reject;sp=quarantine;adkim=s;aspf=s;rua=mailto:a@b.test,mailto:c@d.test!10m;ruf=mailto:e@f.test",
		"v=DMARC1; p=quarantine; adkim=r; aspf=r; pct=50; fo=1:d; rf=afrf; ri=3600;",
		"v = DMARC1 ; p = none ; rua = mailto:a@b.test , mailto:c@d.test",
		"v=DMARC1; p=none; unknown=1",
		"v=DMARC1; p=block", "v=DMARC1; sp=none", "v=DMARC1; p=none; adkim=x", "v=DMARC1; p=none; sp=x", "v=DMARC1; p", "v=DMARC2; p=none", "v=dmarc1; p=none",
	} {
		theirs, err := dmarc.Parse(txt)
		canonical, faults, ok := preflight.DMARCRecord(txt)
		clean := ok && len(faults) == 0 && strings.Contains(canonical, "; p=")
		if (err == nil) != clean {
			t.Errorf("%q: they say %v, we say %q with %q", txt, err, canonical, faults)
		}
		if err != nil {
			continue
		}
		agreed++
		ours, err := dmarc.Parse(canonical)
		if err != nil || ours.Policy != theirs.Policy || ours.SubdomainPolicy != theirs.SubdomainPolicy || ours.DKIMAlignment != theirs.DKIMAlignment ||
			ours.SPFAlignment != theirs.SPFAlignment || !slices.Equal(ours.ReportURIAggregate, theirs.ReportURIAggregate) ||
			!slices.Equal(ours.ReportURIFailure, theirs.ReportURIFailure) {
			t.Errorf("%q: %+v, want %+v, %v", txt, ours, theirs, err)
		}
	}
	if agreed < 5 {
		t.Errorf("only %d records are good", agreed)
	}
}
