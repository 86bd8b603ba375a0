package smime_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qdmail/qdmail/smime"
)

// Whoever can't sign is refused when the Signer is made.
func TestRefusedIdentities(t *testing.T) {
	usage := func(u x509.KeyUsage, ext ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.KeyUsage, c.ExtKeyUsage = u, ext }
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	p256, other := keys["p256"](), keys["p384"]()
	for name, c := range map[string]struct {
		key    crypto.Signer
		change func(*x509.Certificate)
		want   error
	}{
		"good":            {p256, nil, nil},
		"no key":          {nil, nil, smime.ErrNoKey},
		"another key":     {other, func(c *x509.Certificate) { c.Subject.CommonName = "of P-256" }, smime.ErrKeyMismatch},
		"RSA-1024":        {weak, nil, smime.ErrUnsupportedKey},
		"P-224":           {keys["p224"](), nil, smime.ErrUnsupportedKey},
		"Ed25519":         {keys["ed25519"](), nil, smime.ErrEd25519},
		"no usage said":   {p256, usage(0), nil},
		"any usage":       {p256, usage(x509.KeyUsageDigitalSignature, x509.ExtKeyUsageAny), nil},
		"non-repudiation": {p256, usage(x509.KeyUsageContentCommitment, x509.ExtKeyUsageEmailProtection), nil},
		"for servers":     {p256, usage(x509.KeyUsageDigitalSignature, x509.ExtKeyUsageServerAuth), smime.ErrUsage},
		"for unknown things": {p256, func(c *x509.Certificate) {
			c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{{1, 2, 3}}
		}, smime.ErrUsage},
		"for encryption": {p256, usage(x509.KeyUsageKeyAgreement, x509.ExtKeyUsageEmailProtection), smime.ErrUsage},
		"expired":        {p256, func(c *x509.Certificate) { c.NotAfter = notUntil.AddDate(1, 0, 0) }, nil}, // when it signs
	} {
		certKey := c.key
		if c.key == nil || c.want == smime.ErrKeyMismatch {
			certKey = p256
		}
		s, err := smime.New(c.key, issue(t, certKey, c.change))
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || (s == nil) != (err != nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		var e *smime.Error
		if err != nil && c.key != nil && (!errors.As(err, &e) || e.Certificate == "") {
			t.Errorf("%s: %#v names no certificate", name, err)
		}
	}
	if _, err := smime.New(p256, nil); !errors.Is(err, smime.ErrNoCertificate) {
		t.Errorf("no certificate: %v", err)
	}
}

func TestValidity(t *testing.T) {
	s := newSigner(t, "p256")
	cert := s.Certificate()
	var log bytes.Buffer
	s.Logger = slog.New(slog.NewTextHandler(&log, nil))
	for _, c := range []struct {
		at   time.Time
		want error
	}{
		{cert.NotBefore.Add(-time.Second), smime.ErrNotYetValid}, {cert.NotBefore, nil}, {moment, nil},
		{cert.NotAfter, nil}, {cert.NotAfter.Add(time.Second), smime.ErrExpired},
	} {
		s.Clock = func() time.Time { return c.at }
		s.InsecureExpired = false
		for what, err := range map[string]error{"Check": s.Check(), "Sign": s.Sign(io.Discard, from(entity))} {
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("%s at %v: %v, want %v", what, c.at, err, c.want)
			}
		}
		if log.Len() > 0 {
			t.Errorf("an error is logged too: %s", &log)
		}
		s.InsecureExpired = true
		if err := s.Sign(io.Discard, from(entity)); err != nil {
			t.Errorf("by choice: %v", err)
		}
		if (log.Len() > 0) != (c.want != nil) || c.want != nil && !strings.Contains(log.String(), "level=WARN") {
			t.Errorf("at %v the log is %q", c.at, &log)
		}
		log.Reset()
	}
}

func TestCheckFrom(t *testing.T) {
	key := keys["p256"]()
	subject, err := asn1.MarshalWithParams("old@example.jp", "ia5")
	must(t, err)
	cert := issue(t, key, func(c *x509.Certificate) {
		c.EmailAddresses = []string{"Sales@Example.co.jp", "second@example.jp"}
		c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: asn1.RawValue{FullBytes: subject}}}
	})
	s, err := smime.New(key, cert)
	must(t, err)
	for from, want := range map[string]bool{
		"sales@example.co.jp": true, "SALES@EXAMPLE.CO.JP": true, "second@example.jp": true, "old@example.jp": true,
		"other@example.jp": false, "": false, "sales@example.co.jp.evil.test": false,
		"\u212aa@x": false, "ſales@example.co.jp": false, // U+017F is an s to strings.EqualFold
		"other@example.jp second@example.jp": false, "other@example.jp,second@example.jp": true,
	} {
		err := s.CheckFrom(strings.Split(from, ",")...)
		if (err == nil) != want || err != nil && !errors.Is(err, smime.ErrAddress) {
			t.Errorf("%s: %v", from, err)
		}
	}
	if err := s.CheckFrom(); err == nil {
		t.Error("no author is fine")
	}
	var log bytes.Buffer
	s.InsecureFrom, s.Logger = true, slog.New(slog.NewTextHandler(&log, nil))
	if err := s.CheckFrom("other@example.jp"); err != nil || !strings.Contains(log.String(), "other@example.jp") {
		t.Errorf("by choice: %v, %q", err, &log)
	}
}

func TestHashes(t *testing.T) {
	for _, c := range []struct {
		kind string
		hash crypto.Hash
		ok   bool
	}{
		{"rsa2048", crypto.SHA256, true}, {"rsa2048", crypto.SHA384, true}, {"rsa2048", crypto.SHA512, true},
		{"rsa2048", crypto.SHA1, false}, {"rsa2048", crypto.MD5, false}, {"rsa2048", crypto.SHA3_256, false}, {"rsa2048", 99, false},
		{"p384", crypto.SHA256, false}, {"p384", crypto.SHA384, true}, {"p521", crypto.SHA384, false}, {"p256", crypto.SHA512, true},
	} {
		s := newSigner(t, c.kind)
		s.Hash = c.hash
		err := s.Sign(io.Discard, from(entity))
		if (err == nil) != c.ok || err != nil && !errors.Is(err, smime.ErrHash) {
			t.Errorf("%s with hash %d: %v", c.kind, c.hash, err)
		}
	}
}

// A key in hardware signs as well as one in memory. One that signs something else
// is found out.
func TestOpaqueSigners(t *testing.T) {
	for _, kind := range goodKinds {
		key := keys[kind]()
		s, err := smime.New(token{key}, issue(t, key, nil), authority(t))
		must(t, err)
		s.Clock = clock
		if _, err := verifier(t).Verify(signed(t, s, entity)); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		for name, sign := range map[string]func([]byte) ([]byte, error){
			"the wrong digest": func(d []byte) ([]byte, error) {
				d = bytes.Clone(d)
				d[0]++
				return token{key}.Sign(rand.Reader, d, hashOfSize(len(d)))
			},
			"nothing":             func([]byte) ([]byte, error) { return nil, nil },
			"r and s without DER": func([]byte) ([]byte, error) { return make([]byte, 64), nil },
		} {
			liar, err := smime.New(function{key, sign}, issue(t, key, nil))
			must(t, err)
			var out bytes.Buffer
			if err := liar.Sign(&out, from(entity)); !errors.Is(err, smime.ErrKeyMismatch) || out.Len() > 0 {
				t.Errorf("%s signs %s: %v", kind, name, err)
			}
		}
		away := errors.New("the token is away")
		absent, err := smime.New(function{key, func([]byte) ([]byte, error) { return nil, away }}, issue(t, key, nil))
		must(t, err)
		if err := absent.Sign(io.Discard, from(entity)); !errors.Is(err, away) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func hashOfSize(n int) crypto.Hash {
	return map[int]crypto.Hash{32: crypto.SHA256, 48: crypto.SHA384, 64: crypto.SHA512}[n]
}

type function struct {
	crypto.Signer
	sign func(digest []byte) ([]byte, error)
}

func (f function) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	return f.sign(digest)
}

// However a Signer is printed, its key isn't.
func TestNothingPrintsTheKey(t *testing.T) {
	s := newSigner(t, "p256")
	d, err := keys["p256"]().(*ecdsa.PrivateKey).Bytes()
	must(t, err)
	secrets := []string{string(d), fmt.Sprintf("%x", d), fmt.Sprintf("%X", d), fmt.Sprint(d)[1:20], fmt.Sprintf("%#v", d)[8:40]}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("signer", "signer", s, "value", *s)
	texts := []string{log.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
		texts = append(texts, fmt.Sprintf(verb, s), fmt.Sprintf(verb, *s), fmt.Sprintf(verb, struct{ S *smime.Signer }{s}))
	}
	for _, text := range texts {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("the key is in %s", text)
			}
		}
	}
	if got := s.String(); got != "smime signer CN=Sales" {
		t.Errorf("String is %q", got)
	}
}

// A certificate from elsewhere can't write lines into a log.
func TestNamesInErrors(t *testing.T) {
	key := keys["ed25519"]()
	for subject, want := range map[string]string{
		"a\r\nlevel=INFO\x1b[2J": "CN=a??level=INFO?[2J", "営業部": "CN=営業部", strings.Repeat("長", 100): "CN=" + strings.Repeat("長", 65) + "...",
	} {
		_, err := smime.New(key, issue(t, key, func(c *x509.Certificate) { c.Subject.CommonName = subject }))
		var e *smime.Error
		if !errors.As(err, &e) || e.Certificate != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestZeroSigner(t *testing.T) {
	var s smime.Signer
	for what, err := range map[string]error{
		"Check": s.Check(), "Sign": s.Sign(io.Discard, from(entity)), "CheckFrom": s.CheckFrom(sender),
	} {
		if !errors.Is(err, smime.ErrNoKey) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := s.Decrypt(nil); !errors.Is(err, smime.ErrNoKey) {
		t.Errorf("Decrypt: %v", err)
	}
	_ = s.String()
}

// One Signer serves many goroutines.
func TestConcurrentUse(t *testing.T) {
	signers := []*smime.Signer{newSigner(t, "p256"), newSigner(t, "rsa2048")}
	v := verifier(t)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			s := signers[i%2]
			mine := fmt.Sprintf("Subject: %d\r\n\r\n%s", i, strings.Repeat("x\r\n", i))
			for range 3 {
				var out bytes.Buffer
				if err := s.Sign(&out, from(mine)); err != nil {
					t.Error(err)
				}
				if got, err := v.Verify(out.Bytes()); err != nil || string(got.Entity) != mine {
					t.Errorf("%v", err)
				}
			}
		})
	}
	wg.Wait()
}
