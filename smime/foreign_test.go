package smime_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/smime"
)

const hello = "Content-Type: text/plain\r\n\r\nHello.\r\n"

// opensslReader is the holder of one of the certificates that openssl made.
func opensslReader(t *testing.T, certFile, keyFile string) reader {
	t.Helper()
	cert, err := os.ReadFile(testFile(certFile))
	must(t, err)
	key, err := os.ReadFile(testFile(keyFile))
	must(t, err)
	k, certs, err := smime.ParsePEM(cert, key, "test")
	must(t, err)
	return reader{"", certs[0], k}
}

// What openssl encrypts opens, in BER and DER, to either kind of key, however the
// recipient is named.
func TestReadEncrypted(t *testing.T) {
	readers := map[string]reader{
		"ec":  opensslReader(t, "cert.pem", "pkcs8-aes256.pem"),
		"rsa": opensslReader(t, "rsa-cert.pem", "traditional-rsa.pem"),
	}
	files, err := filepath.Glob(testFile("*-*.eml"))
	must(t, err)
	files = append(files, testFile("both.eml"))
	n := 0
	for _, name := range files {
		mail, err := os.ReadFile(name)
		must(t, err)
		kind, _, _ := strings.Cut(filepath.Base(name), "-")
		for who, r := range readers {
			got, err := smime.Decrypt(mail, r.cert, r.key)
			switch {
			case kind == "signed":
				if !errors.Is(err, smime.ErrNotEncrypted) {
					t.Errorf("%s: %v", name, err)
				}
			case kind != who && kind != "both.eml":
				if !errors.Is(err, smime.ErrNotForUs) {
					t.Errorf("%s, read by %s: %v", name, who, err)
				}
			case strings.HasSuffix(name, "ec-default.eml"): // triple DES to wrap with
				if !errors.Is(err, smime.ErrUnsupported) {
					t.Errorf("%s: %v", name, err)
				}
			case err != nil || string(got.Entity) != hello || got.Authenticated != strings.Contains(name, "gcm"):
				t.Errorf("%s: %v", name, err)
			default:
				n++
			}
		}
	}
	if n != 10 {
		t.Errorf("%d mails were read, want 10", n)
	}
	// A key that can only agree is enough.
	mail, err := os.ReadFile(testFile("ec-cbc.eml"))
	must(t, err)
	k, err := readers["ec"].key.(*ecdsa.PrivateKey).ECDH()
	must(t, err)
	for _, key := range []crypto.PrivateKey{k, exchanger{k}} {
		if got, err := smime.Decrypt(mail, readers["ec"].cert, key); err != nil || string(got.Entity) != hello {
			t.Errorf("%T: %v", key, err)
		}
	}
}

type exchanger struct{ inside *ecdh.PrivateKey }

func (e exchanger) PublicKey() *ecdh.PublicKey { return e.inside.PublicKey() }
func (e exchanger) Curve() ecdh.Curve          { return e.inside.Curve() }
func (e exchanger) ECDH(peer *ecdh.PublicKey) ([]byte, error) {
	return e.inside.ECDH(peer)
}

// What openssl signs verifies, unless its hash function is of the past.
func TestReadSigned(t *testing.T) {
	r := opensslReader(t, "cert.pem", "pkcs8-aes256.pem")
	pool := x509.NewCertPool()
	pool.AddCert(r.cert)
	v := &smime.Verifier{Roots: pool, Clock: func() time.Time { return r.cert.NotBefore.Add(time.Hour) }}
	for name, want := range map[string]error{
		"signed.eml": nil, "signed-stream.eml": nil, "signed-noattr.eml": nil,
		"signed-sha1.eml":  smime.ErrUnsupported,
		"signed-keyid.eml": nil,
	} {
		mail, err := os.ReadFile(testFile(name))
		must(t, err)
		got, err := v.Verify(mail)
		if !errors.Is(err, want) || err == nil && (want != nil || string(got.Entity) != hello) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if err == nil && got.Signatures[0].Time.IsZero() != (name == "signed-noattr.eml") {
			t.Errorf("%s: the time is %v", name, got.Signatures[0].Time)
		}
	}
}

// From 2050 on, times are written otherwise.
func TestFarFuture(t *testing.T) {
	key := keys["p256"]()
	cert := issue(t, key, func(c *x509.Certificate) { c.NotAfter = time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC) })
	s, err := smime.New(key, cert)
	must(t, err)
	v := verifier(t)
	v.Roots.AddCert(cert) // the authority won't live as long
	for _, at := range []time.Time{time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC)} {
		s.Clock, v.Clock = func() time.Time { return at }, func() time.Time { return at }
		got, err := v.Verify(signed(t, s, entity))
		if err != nil || !got.Signatures[0].Time.Equal(at) {
			t.Errorf("at %v: %v", at, err)
		}
	}
}

// A copy is a whole mail, too: signed inside, its header outside.
func TestSealedCopies(t *testing.T) {
	r := newReader(t, "a@x", "p384")
	e := encrypter(r)
	e.Signer = newSigner(t, "p256")
	c := copiesFor(t, e, "a@x")[0]
	must(t, c.CheckFrom(sender))
	if err := c.CheckFrom("other@x"); !errors.Is(err, smime.ErrAddress) {
		t.Errorf("another author: %v", err)
	}
	sealed, err := c.Seal(from("Subject: x\r\n" + hello))
	must(t, err)
	body, err := sealed.Open()
	must(t, err)
	mail, err := io.ReadAll(body)
	must(t, err)
	if !bytes.HasPrefix(mail, []byte("Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data;\r\n")) {
		t.Errorf("%s", mail)
	}
	got, err := smime.Decrypt(mail, r.cert, r.key)
	must(t, err)
	inner, err := verifier(t).Verify(got.Entity)
	if err != nil || string(inner.Entity) != hello {
		t.Errorf("%v", err)
	}
	e.Signer = nil
	must(t, copiesFor(t, e, "a@x")[0].CheckFrom("other@x"))
}
