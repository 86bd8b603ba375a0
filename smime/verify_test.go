package smime_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"go.mozilla.org/pkcs7"

	"github.com/qdmail/qdmail/smime"
)

// Every octet of what is signed counts, and every octet of the signature's
// signature.
func TestSpoiltMessages(t *testing.T) {
	s, v := newSigner(t, "p256"), verifier(t)
	out := signed(t, s, entity)
	start := bytes.Index(out, []byte(entity))
	for i := range entity {
		spoilt := bytes.Clone(out)
		spoilt[start+i] ^= 1
		if got, err := v.Verify(spoilt); err == nil {
			t.Errorf("octet %d: %q verifies", i, got.Entity)
		} else if !errors.Is(err, smime.ErrSignature) {
			t.Errorf("octet %d: %v", i, err)
		}
	}
	s.Opaque = true
	out = signed(t, s, entity)
	start = bytes.Index(out, []byte("\r\n\r\n")) + 4
	for i := start; i < len(out)-2; i++ {
		spoilt := bytes.Clone(out)
		if spoilt[i] == 'A' {
			spoilt[i] = 'B'
		} else {
			spoilt[i] = 'A'
		}
		// What isn't signed may change: lengths, versions, a certificate that isn't needed.
		if got, err := v.Verify(spoilt); err == nil && string(got.Entity) != entity {
			t.Errorf("octet %d: %q verifies", i, got.Entity)
		}
	}
}

func TestTrust(t *testing.T) {
	s := newSigner(t, "p256")
	out := signed(t, s, entity)
	key := keys["p256"]()
	alone, err := smime.New(key, s.Certificate()) // without the authority
	must(t, err)
	alone.Clock = clock
	incomplete := signed(t, alone, entity)
	between := x509.NewCertPool()
	between.AddCert(authority(t))
	before := between.Clone()
	nobody, server := verifier(t), verifier(t)
	nobody.Roots = x509.NewCertPool()
	late, early := verifier(t), verifier(t)
	late.Clock = func() time.Time { return notAfter.Add(time.Second) }
	early.Clock = func() time.Time { return notUntil.Add(-time.Second) }
	helped := verifier(t)
	helped.Intermediates = between
	for name, c := range map[string]struct {
		v    *smime.Verifier
		mail []byte
		ok   bool
	}{
		"as it should be":     {server, out, true},
		"no root":             {nobody, out, false},
		"the system's roots":  {&smime.Verifier{Clock: clock}, out, false},
		"too late":            {late, out, false},
		"too early":           {early, out, false},
		"without authority":   {server, incomplete, false},
		"authority elsewhere": {helped, incomplete, true},
	} {
		_, err := c.v.Verify(c.mail)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, smime.ErrUntrusted) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !between.Equal(before) {
		t.Error("the verifier changed the pool")
	}
}

// A certificate that is for something else can't sign mail, whatever pkcs7 says.
func TestSignersOfSomethingElse(t *testing.T) {
	key := keys["rsa2048"]()
	for name, change := range map[string]func(*x509.Certificate){
		"for servers":    func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
		"for encryption": func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment },
	} {
		cert := issue(t, key, change)
		if _, err := verifier(t).Verify(byPKCS7(t, key, cert, entity, pkcs7.OIDDigestAlgorithmSHA256)); !errors.Is(err, smime.ErrUntrusted) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := issue(t, key, nil)
	if _, err := verifier(t).Verify(byPKCS7(t, key, good, entity, pkcs7.OIDDigestAlgorithmSHA256)); err != nil {
		t.Errorf("good: %v", err)
	}
	if _, err := verifier(t).Verify(byPKCS7(t, key, good, entity, pkcs7.OIDDigestAlgorithmSHA1)); !errors.Is(err, smime.ErrUnsupported) {
		t.Errorf("SHA-1: %v", err)
	}
}

// byPKCS7 is an opaque mail that pkcs7 signs.
func byPKCS7(t *testing.T, key crypto.Signer, cert *x509.Certificate, content string, digest asn1.ObjectIdentifier) []byte {
	t.Helper()
	sd, err := pkcs7.NewSignedData([]byte(content))
	must(t, err)
	sd.SetDigestAlgorithm(digest)
	must(t, sd.AddSigner(cert, key, pkcs7.SignerInfoConfig{}))
	sd.AddCertificate(authority(t))
	der, err := sd.Finish()
	must(t, err)
	return opaqueMail(der)
}

func opaqueMail(der []byte) []byte {
	return []byte("Content-Type: application/x-pkcs7-mime\nContent-Transfer-Encoding: base64\n\n" +
		base64.StdEncoding.EncodeToString(der) + "\n")
}

// A mail as Unix stores it verifies, too, and what it returns is what was signed.
func TestStoredMails(t *testing.T) {
	for _, opaque := range []bool{false, true} {
		s := newSigner(t, "p256")
		s.Opaque = opaque
		mail := "From: " + sender + "\r\nMIME-Version: 1.0\r\n" + string(signed(t, s, entity))
		for name, stored := range map[string]string{
			"CRLF": mail, "LF": strings.ReplaceAll(mail, "\r\n", "\n"),
			"without the last line ending": strings.TrimSuffix(mail, "\r\n"),
			"with an epilogue":             mail + "\r\nSent from my phone\r\n",
			"with mailing list's spaces":   strings.ReplaceAll(mail, "Content-Type: multipart", "Content-Type : multipart"),
		} {
			if name == "with an epilogue" && opaque {
				continue
			}
			got, err := verifier(t).Verify([]byte(stored))
			if err != nil || string(got.Entity) != entity {
				t.Errorf("opaque %v, %s: %v", opaque, name, err)
			}
		}
	}
}

// What is no signed mail is no signed mail, whatever it looks like.
func TestNotSigned(t *testing.T) {
	s := newSigner(t, "p256")
	out := string(signed(t, s, entity))
	boundary := out[strings.Index(out, `boundary="`)+10:]
	boundary = boundary[:strings.IndexByte(boundary, '"')]
	s.Opaque = true
	certs, err := pkcs7.DegenerateCertificate(s.Certificate().Raw)
	must(t, err)
	for name, c := range map[string]struct {
		mail string
		want error
	}{
		"nothing":         {"", smime.ErrNotSigned},
		"text":            {"Subject: x\r\n\r\nmultipart/signed\r\n", smime.ErrNotSigned},
		"no boundary":     {"Content-Type: multipart/signed\r\n\r\n", smime.ErrFormat},
		"OpenPGP":         {strings.ReplaceAll(out, "pkcs7-signature", "pgp-signature"), smime.ErrNotSigned},
		"a third part":    {strings.Replace(out, "--"+boundary+"--", "--"+boundary+"\r\n\r\nmore\r\n--"+boundary+"--", 1), smime.ErrNotSigned},
		"no signature":    {out[:strings.LastIndex(out, "--"+boundary+"\r\n")] + "--" + boundary + "--\r\n", smime.ErrNotSigned},
		"cut":             {out[:len(out)/2], smime.ErrNotSigned},
		"no base64":       {out[:len(out)-100] + "!" + out[len(out)-99:], smime.ErrFormat},
		"content twice":   {strings.Replace(out, base64Of(out), base64Of(string(signed(t, s, entity))), 1), smime.ErrNotSigned},
		"only certs":      {string(opaqueMail(certs)), smime.ErrNotSigned},
		"encrypted":       {string(signed(t, copiesFor(t, encrypter(newReader(t, "a@x", "p256")), "a@x")[0], entity)), smime.ErrNotSigned},
		"no CMS":          {string(opaqueMail([]byte("hello"))), smime.ErrFormat},
		"broken type":     {"Content-Type: multipart/signed; =\r\n\r\n", smime.ErrFormat},
		"detached opaque": {"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64Of(out), smime.ErrNotSigned},
	} {
		_, err := verifier(t).Verify([]byte(c.mail))
		var e *smime.Error
		if !errors.As(err, &e) || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// base64Of returns the last base64 block of a mail.
func base64Of(mail string) string {
	body := mail[strings.LastIndex(mail, "\r\n\r\n")+4:]
	body, _, _ = strings.Cut(body, "\r\n--")
	return body
}

// A good signature of somebody else is not that of the author.
func TestVerifiedFrom(t *testing.T) {
	got, err := verifier(t).Verify(signed(t, newSigner(t, "p256"), entity))
	must(t, err)
	if err := got.CheckFrom("SALES@example.co.jp"); err != nil {
		t.Error(err)
	}
	if err := got.CheckFrom("ceo@example.co.jp"); !errors.Is(err, smime.ErrAddress) {
		t.Errorf("another author: %v", err)
	}
	if err := new(smime.Verified).CheckFrom(sender); err == nil {
		t.Error("nobody signed it, and that is fine")
	}
}

func TestNotEncrypted(t *testing.T) {
	r := newReader(t, "a@x", "p256")
	s := newSigner(t, "p256")
	s.Opaque = true
	for name, c := range map[string]struct {
		mail []byte
		want error
	}{
		"nothing": {nil, smime.ErrNotEncrypted},
		"text":    {[]byte("Subject: x\r\n\r\nx\r\n"), smime.ErrNotEncrypted},
		"signed":  {signed(t, s, entity), smime.ErrNotEncrypted},
		"no CMS":  {opaqueMail([]byte("hello")), smime.ErrFormat},
	} {
		if _, err := smime.Decrypt(c.mail, r.cert, r.key); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := smime.Decrypt(nil, nil, r.key); err == nil {
		t.Error("without a certificate")
	}
	if _, err := smime.Decrypt(nil, r.cert, nil); err == nil {
		t.Error("without a key")
	}
	var e *smime.Error
	if _, err := s.Decrypt(signed(t, copiesFor(t, encrypter(r), "a@x")[0], entity)); !errors.As(err, &e) || !errors.Is(err, smime.ErrNotForUs) {
		t.Errorf("to another certificate: %v", err)
	}
}
