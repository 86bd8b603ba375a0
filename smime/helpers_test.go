package smime_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qdmail/qdmail/smime"
)

const (
	sender   = "sales@example.co.jp"
	password = "pass wörd 秘密"
)

// moment is when everything happens; certificates are valid from 1999 to 2049.
var (
	moment   = time.Date(2026, 11, 21, 6, 4, 5, 0, time.UTC)
	notUntil = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	notAfter = time.Date(2049, 1, 1, 0, 0, 0, 0, time.UTC)
)

func clock() time.Time { return moment }

// keys are made once each, because RSA takes its time.
var keys = map[string]func() crypto.Signer{
	"rsa2048": made(func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }),
	"rsa4096": made(func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 4096) }),
	"p256":    made(func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }),
	"p384":    made(func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) }),
	"p521":    made(func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P521(), rand.Reader) }),
	"root":    made(func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }),
	"ca":      made(func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }),
	"p224":    made(func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P224(), rand.Reader) }),
	"ed25519": made(func() (crypto.Signer, error) { _, k, err := ed25519.GenerateKey(rand.Reader); return k, err }),
}

var goodKinds = []string{"rsa2048", "rsa4096", "p256", "p384", "p521"}

func made(make func() (crypto.Signer, error)) func() crypto.Signer {
	return sync.OnceValue(func() crypto.Signer {
		key, err := make()
		if err != nil {
			panic(err)
		}
		return key
	})
}

// issue makes a certificate of the authority, with whatever change alters.
func issue(t testing.TB, key crypto.Signer, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber:   new(big.Int).SetBytes([]byte(rand.Text()[:16])),
		Subject:        pkix.Name{CommonName: "Sales"},
		EmailAddresses: []string{sender},
		NotBefore:      notUntil,
		NotAfter:       notAfter,
		KeyUsage:       x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement,
		ExtKeyUsage:    []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
		SubjectKeyId:   []byte(rand.Text()),
	}
	if change != nil {
		change(c)
	}
	issuer := authority(t)
	return create(t, c, issuer, key.Public(), keys["ca"]())
}

// authority is the intermediate certificate; root is above it.
func authority(t testing.TB) *x509.Certificate {
	return create(t, caTemplate("Authority", 2), root(t), keys["ca"]().Public(), keys["root"]())
}

func root(t testing.TB) *x509.Certificate {
	c := caTemplate("Root", 1)
	return create(t, c, c, keys["root"]().Public(), keys["root"]())
}

func caTemplate(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          big.NewInt(serial),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             notUntil,
		NotAfter:              notAfter,
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
		SubjectKeyId:          []byte(name),
	}
}

func create(t testing.TB, c, issuer *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, pub, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return cert
}

// newSigner returns one with a key of that kind, with the whole chain.
func newSigner(t testing.TB, kind string) *smime.Signer {
	t.Helper()
	key := keys[kind]()
	s, err := smime.New(key, issue(t, key, nil), authority(t), root(t))
	must(t, err)
	s.Clock = clock
	return s
}

func verifier(t testing.TB) *smime.Verifier {
	pool := x509.NewCertPool()
	pool.AddCert(root(t))
	return &smime.Verifier{Roots: pool, Clock: clock}
}

const entity = "Content-Type: text/plain; charset=ISO-2022-JP\r\n" +
	"Content-Transfer-Encoding: 7bit\r\n" +
	"\r\n" +
	"\x1b$B;3ED\x1b(B\r\nFrom me\r\n\ttrailing \r\n"

func from(s string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

func signed(t testing.TB, s interface {
	Sign(io.Writer, func() (io.ReadCloser, error)) error
}, entity string) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, s.Sign(&b, from(entity)))
	return b.Bytes()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write makes a file of PEM blocks.
func write(t testing.TB, name string, blocks ...*pem.Block) string {
	t.Helper()
	var b []byte
	for _, block := range blocks {
		b = append(b, pem.EncodeToMemory(block)...)
	}
	file := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(file, b, 0o600))
	return file
}

func certBlock(c *x509.Certificate) *pem.Block {
	return &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}
}

func keyBlock(t testing.TB, key crypto.Signer) *pem.Block {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return &pem.Block{Type: "PRIVATE KEY", Bytes: der}
}

// token is a key that can't be taken out of its hardware.
type token struct{ inside crypto.Signer }

func (k token) Public() crypto.PublicKey { return k.inside.Public() }

func (k token) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.inside.Sign(rand, digest, opts)
}

// wantPair fails unless there is an Error, or a key with its certificate first.
func wantPair(t *testing.T, key crypto.Signer, certs []*x509.Certificate, err error) {
	t.Helper()
	if err != nil {
		var e *smime.Error
		if !errors.As(err, &e) || key != nil || certs != nil {
			t.Errorf("%#v with %v, %v", err, key, certs)
		}
		return
	}
	if public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(certs[0].PublicKey) {
		t.Error("the key isn't the certificate's")
	}
}
