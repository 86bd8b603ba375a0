//go:build integration

package integration_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/smime"
)

// decryptOpenSSL returns the content of an encrypted mail.
func (h *holder) decryptOpenSSL(t *testing.T, mail []byte) ([]byte, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mail.eml")
	must(t, os.WriteFile(file, mail, 0o600))
	_, key := h.files(t)
	return tryOpenSSL(within(t), "cms", "-decrypt", "-in", file, "-inkey", key,
		"-recip", writePEM(t, "recipient.pem", "CERTIFICATE", h.cert.Raw))
}

// decryptGnuPG does so with gpgsm, which knows no MIME.
func (h *holder) decryptGnuPG(t *testing.T, g *gnupg, mail []byte) ([]byte, error) {
	t.Helper()
	in, out := filepath.Join(t.TempDir(), "mail.p7m"), filepath.Join(t.TempDir(), "content")
	must(t, os.WriteFile(in, pkcs7Body(t, mail), 0o600))
	if status, err := g.run(within(t), "--passphrase-fd", "0", "--output", out, "--decrypt", in); err != nil {
		return nil, err
	} else if !strings.Contains(status, "[GNUPG:] DECRYPTION_OKAY") {
		return nil, fmt.Errorf("gpgsm doesn't say that it is all right:\n%s", status)
	}
	return os.ReadFile(out)
}

// pkcs7Body returns the CMS object of a mail.
func pkcs7Body(t *testing.T, mail []byte) []byte {
	t.Helper()
	_, body, _ := bytes.Cut(withCRLF(mail), []byte("\r\n\r\n"))
	object, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(body), "\r\n", ""))
	must(t, err)
	return object
}

// importKey gives gpgsm a private key.
func (g *gnupg) importKey(t *testing.T, h *holder) {
	t.Helper()
	cert, key := h.files(t)
	file := filepath.Join(t.TempDir(), "key.p12")
	openssl(t, "pkcs12", "-export", "-legacy", "-in", cert, "-inkey", key, "-out", file, "-passout", "pass:")
	_, err := g.run(within(t), "--passphrase-fd", "0", "--import", file)
	must(t, err)
}

var recipients = []string{"taro@dest.test", "hanako@dest.test"}

// TestEncryption shows that openssl opens what is encrypted, to each kind of key
// alone and to several at once, with a good signature inside.
func TestEncryption(t *testing.T) {
	p, judges := testPKI(t), newSignatureJudges(t)
	signer, err := keySources["PEM"](t, p.sender("p256"))
	must(t, err)
	letters := signedLetters(t)
	for name, e := range map[string]*smime.Encrypter{
		"CBC":       {},
		"CBC, OAEP": {OAEP: true},
		"GCM":       {Cipher: smime.AES256GCM},
		"GCM, OAEP": {Cipher: smime.AES256GCM, OAEP: true},
	} {
		for i, kind := range keyKinds {
			kinds := []string{kind, keyKinds[(i+1)%len(keyKinds)]}
			t.Run(name+"/"+strings.Join(kinds, " and "), func(t *testing.T) {
				e := *e
				e.Signer = signer
				holders := []*holder{p.of(recipients[0], kinds[0]), p.of(recipients[1], kinds[1])}
				e.Find = smime.Among(holders[0].cert, holders[1].cert)
				copies, err := e.For(recipients, nil)
				must(t, err)
				if len(copies) != 1 || !slices.Equal(copies[0].Recipients, recipients) {
					t.Fatalf("copies: %+v", copies)
				}
				for _, l := range letters {
					mail := sealed(t, copies[0], l)
					checkLines(t, mail)
					for _, h := range holders {
						inner, err := h.decryptOpenSSL(t, mail)
						must(t, err)
						_, openSSL, gnuPG := judges.verify(within(t), t, inner)
						if openSSL != nil || gnuPG != nil {
							t.Error(openSSL, gnuPG)
						}
						own, err := smime.Decrypt(mail, h.cert, h.key)
						must(t, err)
						if !bytes.Equal(own.Entity, inner) {
							t.Error("we read something else than openssl")
						}
					}
				}
				if _, err := p.sender("rsa2048").decryptOpenSSL(t, sealed(t, copies[0], letters["UTF-8 text"])); err == nil {
					t.Error("somebody else opens it")
				}
			})
		}
	}
}

// TestGnuPGDecrypts shows that gpgsm opens what its version 2.2 can: CBC and RSA.
// (It fails at what openssl encrypts to elliptic curves, too, and knows no GCM.)
func TestGnuPGDecrypts(t *testing.T) {
	p, judges := testPKI(t), newSignatureJudges(t)
	signer, err := keySources["PEM"](t, p.sender("p384"))
	must(t, err)
	for _, kind := range []string{"rsa2048", "rsa4096"} {
		h := p.of(recipients[0], kind)
		judges.gnupg.importKey(t, h)
		e := smime.Encrypter{Find: smime.Among(h.cert), Signer: signer}
		copies, err := e.For(recipients[:1], nil)
		must(t, err)
		for _, l := range signedLetters(t) {
			inner, err := h.decryptGnuPG(t, judges.gnupg, sealed(t, copies[0], l))
			must(t, err)
			_, openSSL, gnuPG := judges.verify(within(t), t, inner)
			if openSSL != nil || gnuPG != nil {
				t.Error(openSSL, gnuPG)
			}
		}
	}
}

// TestSpoiltEncryption: GCM notices a changed octet wherever it is.
func TestSpoiltEncryption(t *testing.T) {
	p := testPKI(t)
	h := p.of(recipients[0], "p256")
	e := smime.Encrypter{Find: smime.Among(h.cert), Cipher: smime.AES256GCM}
	copies, err := e.For(recipients[:1], nil)
	must(t, err)
	mail := sealed(t, copies[0], order(t))
	body := bytes.Index(mail, []byte("\r\n\r\n")) + 4
	for _, at := range []int{body + 500, body + 2000, len(mail) - 10} { // key, content, tag
		spoilt := bytes.Clone(mail)
		for spoilt[at] < 'B' || spoilt[at] > 'Y' {
			at--
		}
		spoilt[at] ^= 1
		if _, err := h.decryptOpenSSL(t, spoilt); err == nil {
			t.Errorf("openssl opens it with octet %d changed", at)
		}
		if _, err := smime.Decrypt(spoilt, h.cert, h.key); err == nil {
			t.Errorf("we open it with octet %d changed", at)
		}
	}
}
