//go:build integration

package integration_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/smime"
)

// pkiPassword is what the test keys are encrypted with.
const pkiPassword = "pass wörd 秘密"

// holder is somebody with a certificate.
type holder struct {
	key   crypto.Signer
	cert  *x509.Certificate
	chain []*x509.Certificate
}

// pki is a root, an intermediate authority and certificates of all kinds, made
// once.
type pki struct {
	root, middle *x509.Certificate
	holders      map[string]*holder
}

var keyKinds = []string{"rsa2048", "rsa4096", "p256", "p384"}

var thePKI = sync.OnceValues(makePKI)

func testPKI(t *testing.T) *pki {
	t.Helper()
	p, err := thePKI()
	must(t, err)
	return p
}

func makePKI() (*pki, error) {
	p := &pki{holders: map[string]*holder{}}
	rootKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	middleKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	authority := x509.Certificate{
		BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	authority.Subject.CommonName = "Test Root"
	if p.root, err = certify(authority, rootKey.Public(), nil, rootKey); err != nil {
		return nil, err
	}
	authority.Subject.CommonName = "Test Authority"
	if p.middle, err = certify(authority, middleKey.Public(), p.root, rootKey); err != nil {
		return nil, err
	}
	for _, address := range []string{realserver.Sender.Address, "taro@dest.test", "hanako@dest.test"} {
		for _, kind := range keyKinds {
			h := &holder{chain: []*x509.Certificate{p.middle, p.root}}
			if h.key, err = newKey(kind); err != nil {
				return nil, err
			}
			leaf := x509.Certificate{
				Subject:        pkix.Name{CommonName: kind + " of " + address},
				EmailAddresses: []string{address},
				KeyUsage:       x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
				ExtKeyUsage:    []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
			}
			if kind[0] == 'p' {
				leaf.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement
			}
			if h.cert, err = certify(leaf, h.key.Public(), p.middle, middleKey); err != nil {
				return nil, err
			}
			p.holders[address+" "+kind] = h
		}
	}
	return p, nil
}

func newKey(kind string) (crypto.Signer, error) {
	switch kind {
	case "rsa2048":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "rsa4096":
		return rsa.GenerateKey(rand.Reader, 4096)
	case "p256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
}

// certify makes a certificate, self-signed without an issuer.
func certify(c x509.Certificate, pub crypto.PublicKey, issuer *x509.Certificate, key crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, err
	}
	id := sha1.Sum(spki)
	c.SubjectKeyId = id[:]
	c.SerialNumber, c.NotBefore, c.NotAfter = serial, time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	if issuer == nil {
		issuer = &c
	}
	der, err := x509.CreateCertificate(rand.Reader, &c, issuer, pub, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func (p *pki) sender(kind string) *holder { return p.of(realserver.Sender.Address, kind) }

func (p *pki) of(address, kind string) *holder { return p.holders[address+" "+kind] }

// rootFile writes the root for openssl.
func (p *pki) rootFile(t *testing.T) string {
	t.Helper()
	return writePEM(t, "root.pem", "CERTIFICATE", p.root.Raw)
}

func writePEM(t *testing.T, name, kind string, blocks ...[]byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	f, err := os.Create(file)
	must(t, err)
	for _, b := range blocks {
		must(t, pem.Encode(f, &pem.Block{Type: kind, Bytes: b}))
	}
	must(t, f.Close())
	return file
}

// files writes certificate, chain and key in PEM.
func (h *holder) files(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	raw := [][]byte{h.cert.Raw}
	for _, c := range h.chain {
		raw = append(raw, c.Raw)
	}
	der, err := x509.MarshalPKCS8PrivateKey(h.key)
	must(t, err)
	return writePEM(t, "cert.pem", "CERTIFICATE", raw...), writePEM(t, "private.pem", "PRIVATE KEY", der)
}

// keySources are the ways in which a Signer gets its key. What is encrypted was
// encrypted by openssl.
var keySources = map[string]func(t *testing.T, h *holder) (*smime.Signer, error){
	"PEM": func(t *testing.T, h *holder) (*smime.Signer, error) {
		return smime.LoadPEM(h.files(t))
	},
	"encrypted PEM": func(t *testing.T, h *holder) (*smime.Signer, error) {
		cert, key := h.files(t)
		out := key + ".enc"
		openssl(t, "pkcs8", "-topk8", "-in", key, "-out", out, "-v2", "aes-256-cbc", "-iter", "10000", "-passout", "pass:"+pkiPassword)
		return smime.LoadEncryptedPEM(cert, out, pkiPassword)
	},
	"PFX": func(t *testing.T, h *holder) (*smime.Signer, error) {
		return smime.LoadPFX(pfx(t, h), pkiPassword)
	},
	"legacy PFX": func(t *testing.T, h *holder) (*smime.Signer, error) {
		return smime.LoadPFX(pfx(t, h, "-legacy"), pkiPassword)
	},
	"opaque signer": func(_ *testing.T, h *holder) (*smime.Signer, error) {
		return smime.New(hardware{h.key}, h.cert, h.chain...)
	},
}

func pfx(t *testing.T, h *holder, options ...string) string {
	t.Helper()
	cert, key := h.files(t)
	out := filepath.Join(t.TempDir(), "key.pfx")
	openssl(t, append([]string{"pkcs12", "-export", "-in", cert, "-inkey", key, "-out", out, "-passout", "pass:" + pkiPassword}, options...)...)
	return out
}

// hardware signs and shows nothing else of its key.
type hardware struct{ inside crypto.Signer }

func (h hardware) Public() crypto.PublicKey { return h.inside.Public() }

func (h hardware) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return h.inside.Sign(rand, digest, opts)
}
