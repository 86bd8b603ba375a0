//go:build integration

package integration_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qdmail/qdmail/direct/dane"
	"github.com/qdmail/qdmail/direct/dns"
)

// daneCert is a certificate with its key.
type daneCert struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// issueDANE makes a certificate for mx.a.test, changed before it is signed.
func issueDANE(t *testing.T, issuer *daneCert, change ...func(*x509.Certificate)) *daneCert {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "mx.a.test"},
		DNSNames:     []string{"mx.a.test"},
		NotBefore:    time.Now().Add(-48 * time.Hour),
		NotAfter:     time.Now().Add(48 * time.Hour),
	}
	for _, f := range change {
		f(template)
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.Certificate, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return &daneCert{cert, key}
}

func asCA(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject.CommonName, c.DNSNames = name, nil
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	}
}

func pastDue(c *x509.Certificate) { c.NotAfter = time.Now().Add(-24 * time.Hour) }
func notYet(c *x509.Certificate)  { c.NotBefore = time.Now().Add(24 * time.Hour) }

func forNames(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames = names }
}

func named(cn string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.Subject.CommonName = cn }
}

// tlsaOf is a TLSA record for a certificate; a bad one has a bit changed, which in
// a record in full makes it another certificate's or a broken one.
func tlsaOf(c *daneCert, usage, selector, matching uint8, good bool) dns.TLSA {
	data := append([]byte(nil), c.Raw...)
	if selector == dane.SelectorSPKI {
		data = append([]byte(nil), c.RawSubjectPublicKeyInfo...)
	}
	switch matching {
	case dane.MatchingSHA256:
		sum := sha256.Sum256(data)
		data = sum[:]
	case dane.MatchingSHA512:
		sum := sha512.Sum512(data)
		data = sum[:]
	}
	if !good {
		data[len(data)-1] ^= 1
	}
	return dns.TLSA{Usage: usage, Selector: selector, MatchingType: matching, Data: data}
}

// TestDANEAgreesWithOpenSSL shows the same server and the same records to
// openssl s_client and to package dane. They must come to the same verdict.
func TestDANEAgreesWithOpenSSL(t *testing.T) {
	root := issueDANE(t, nil, asCA("root"))
	inter := issueDANE(t, root, asCA("inter"))
	stranger := issueDANE(t, nil, asCA("root"))
	oldRoot := issueDANE(t, nil, asCA("old root"), pastDue)
	noCA := issueDANE(t, root, named("no CA"))
	servers := map[string][]*daneCert{
		"good":               {issueDANE(t, inter), inter, root},
		"root not sent":      {issueDANE(t, inter), inter},
		"leaf only":          {issueDANE(t, inter)},
		"by the root":        {issueDANE(t, root)},
		"self-signed":        {issueDANE(t, nil)},
		"expired":            {issueDANE(t, inter, pastDue), inter},
		"not yet valid":      {issueDANE(t, inter, notYet), inter},
		"another name":       {issueDANE(t, inter, forNames("mx.b.test")), inter},
		"one of its names":   {issueDANE(t, inter, forNames("b.test", "MX.a.test")), inter},
		"common name":        {issueDANE(t, inter, forNames()), inter},
		"another CN":         {issueDANE(t, inter, forNames(), named("mx.b.test")), inter},
		"wildcard":           {issueDANE(t, inter, forNames("*.a.test")), inter},
		"wildcard too high":  {issueDANE(t, inter, forNames("*.test")), inter},
		"for clients":        {issueDANE(t, inter, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), inter},
		"expired authority":  {issueDANE(t, oldRoot), oldRoot},
		"by no authority":    {issueDANE(t, noCA), noCA, root},
		"unrelated":          {issueDANE(t, inter), stranger},
		"expired, and alone": {issueDANE(t, nil, pastDue)},
	}
	verdicts := map[bool]int{}
	for name, chain := range servers {
		addr := serveTLS(t, chain)
		for _, records := range recordSets(chain, root, inter, stranger) {
			v := &dane.Verifier{Records: records, Names: []string{"mx.a.test"}}
			ours := dialDANE(t, addr, v)
			theirs, said := openSSLVerdict(t, addr, records)
			if (ours == nil) != theirs {
				t.Errorf("%s, %.70v: we say %v, openssl says\n%s", name, records, ours, said)
			}
			verdicts[theirs]++
		}
	}
	t.Logf("%d verdicts of yes, %d of no", verdicts[true], verdicts[false])
	if verdicts[true] < 100 || verdicts[false] < 100 {
		t.Error("too few of one kind to be worth anything")
	}
}

// recordSets are all usable records for one chain, for the server's certificate,
// the one that it sends along and the others, bad ones too, and some records
// together.
func recordSets(chain []*daneCert, others ...*daneCert) [][]dns.TLSA {
	var sets [][]dns.TLSA
	certs := slices.Clone(chain[:min(2, len(chain))])
	for _, c := range others {
		if !slices.Contains(certs, c) {
			certs = append(certs, c)
		}
	}
	for i, c := range certs {
		for n := range uint8(24) {
			r := tlsaOf(c, 2+n%2, n/2%2, n/4%3, n < 12)
			if known := i == 0 || r.Usage == dane.UsageTA && (n < 12 || i == 1); known && dane.Check(r) == nil {
				sets = append(sets, []dns.TLSA{r})
			}
		}
	}
	leaf, top := chain[0], chain[len(chain)-1]
	return append(sets,
		[]dns.TLSA{tlsaOf(leaf, 3, 1, 1, true), tlsaOf(leaf, 3, 1, 2, false)},
		[]dns.TLSA{tlsaOf(leaf, 3, 1, 1, false), tlsaOf(leaf, 3, 1, 2, true)},
		[]dns.TLSA{tlsaOf(leaf, 3, 1, 1, true), tlsaOf(leaf, 3, 0, 2, false)},
		[]dns.TLSA{tlsaOf(leaf, 3, 1, 1, false), tlsaOf(top, 2, 0, 1, true)},
		[]dns.TLSA{tlsaOf(top, 2, 0, 1, true), tlsaOf(top, 2, 0, 2, false)},
		[]dns.TLSA{tlsaOf(others[0], 2, 0, 0, true), tlsaOf(others[1], 2, 0, 0, true)},
		[]dns.TLSA{tlsaOf(others[1], 2, 0, 0, true), tlsaOf(others[0], 2, 1, 0, true)},
	)
}

// TestDANEUnusable: a record that openssl refuses to use is unusable for us too.
// It takes those of usage 0 and 1, which RFC 7672 section 3.1.3 does not.
func TestDANEUnusable(t *testing.T) {
	cert := issueDANE(t, nil)
	addr := serveTLS(t, []*daneCert{cert})
	short := tlsaOf(cert, 3, 1, 1, true)
	short.Data = short.Data[1:]
	wrong := tlsaOf(cert, 3, 1, 1, true)
	wrong.MatchingType = dane.MatchingSHA512
	kind := tlsaOf(cert, 3, 1, 0, true)
	kind.Selector = dane.SelectorCert
	for _, r := range []dns.TLSA{
		tlsaOf(cert, 3, 1, 1, true), tlsaOf(cert, 2, 0, 0, true), tlsaOf(cert, 2, 1, 0, true), tlsaOf(cert, 3, 1, 2, false),
		tlsaOf(cert, 4, 1, 1, true), tlsaOf(cert, 3, 2, 1, true), tlsaOf(cert, 3, 1, 3, true),
		short, wrong, kind,
		{Usage: 2, Selector: 0, MatchingType: 0, Data: []byte{1, 2, 3}}, {Usage: 2, Selector: 1, MatchingType: 0, Data: []byte{0x30, 0}},
	} {
		_, said := openSSLVerdict(t, addr, []dns.TLSA{r})
		if refused := strings.Contains(said, "unusable TLSA rrdata"); refused != (dane.Check(r) != nil) {
			t.Errorf("%.40v: we say %v, openssl says\n%s", r, dane.Check(r), said)
		}
	}
}

// serveTLS shows the chain to everybody.
func serveTLS(t *testing.T, chain []*daneCert) string {
	t.Helper()
	cert := tls.Certificate{PrivateKey: chain[0].key}
	for _, c := range chain {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	must(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				conn.SetDeadline(time.Now().Add(20 * time.Second))
				conn.(*tls.Conn).Handshake()
				conn.Read(make([]byte, 1)) // until the client goes
				conn.Close()
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

// dialDANE returns what package dane says in a handshake.
func dialDANE(t *testing.T, addr string, v *dane.Verifier) error {
	t.Helper()
	raw, err := net.Dial("tcp", addr)
	must(t, err)
	defer raw.Close()
	return tls.Client(raw, &tls.Config{
		ServerName: "mx.a.test", InsecureSkipVerify: true, VerifyConnection: v.VerifyConnection,
	}).HandshakeContext(within(t))
}

// openSSLVerdict returns what openssl says, and its words.
func openSSLVerdict(t *testing.T, addr string, records []dns.TLSA) (yes bool, said string) {
	t.Helper()
	args := []string{"s_client", "-connect", addr, "-brief", "-verify_return_error", "-no-CAfile", "-no-CApath", "-no-CAstore",
		"-dane_tlsa_domain", "mx.a.test", "-dane_ee_no_namechecks"}
	for _, r := range records {
		args = append(args, "-dane_tlsa_rrdata", r.String())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "openssl", args...).CombinedOutput()
	if ctx.Err() != nil {
		t.Fatal("openssl doesn't come to an end")
	}
	said = string(out)
	if verified := strings.Contains(said, "Verification: OK"); verified != (err == nil) {
		t.Fatalf("openssl: %v\n%s", err, said)
	}
	return err == nil, said
}
