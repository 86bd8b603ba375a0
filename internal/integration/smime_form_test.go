//go:build integration

package integration_test

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/smime"
)

// TestOpaqueSignatures shows that both judges verify signatures with the content
// inside, and see the same.
func TestOpaqueSignatures(t *testing.T) {
	p, judges := testPKI(t), newSignatureJudges(t)
	for _, kind := range keyKinds {
		signer, err := keySources["PEM"](t, p.sender(kind))
		must(t, err)
		detached := map[string][]byte{}
		letters := signedLetters(t)
		for shape, l := range letters {
			l.MessageID, l.Date = "fixed@sender.test", time.Unix(1e9, 0)
			detached[shape] = sealed(t, signer, l)
		}
		signer.Opaque = true
		for shape, l := range letters {
			mail := sealed(t, signer, l)
			checkLines(t, mail)
			content, err := judges.openssl(within(t), t, mail)
			must(t, err)
			if entity, _, err := cutSigned(detached[shape]); err != nil || len(content) != len(entity) {
				t.Errorf("%s, %s: %d octets of content, want %d", kind, shape, len(content), len(entity))
			}
			must(t, judges.gnupg.verifyOpaque(t, pkcs7Body(t, mail)))
			at := bytes.Index(mail, []byte("\r\n\r\n")) + 400 // in the content
			for mail[at] < 'B' || mail[at] > 'Y' {
				at++
			}
			mail[at] ^= 1
			if _, err := judges.openssl(within(t), t, mail); err == nil {
				t.Errorf("%s, %s: openssl takes a changed mail", kind, shape)
			}
			if judges.gnupg.verifyOpaque(t, pkcs7Body(t, mail)) == nil {
				t.Errorf("%s, %s: gpgsm takes a changed mail", kind, shape)
			}
		}
	}
}

func (g *gnupg) verifyOpaque(t *testing.T, object []byte) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "signed.p7m")
	must(t, os.WriteFile(file, object, 0o600))
	status, err := g.run(within(t), "--verify", file)
	if err == nil && (!strings.Contains(status, "[GNUPG:] GOODSIG ") || !strings.Contains(status, "[GNUPG:] TRUST_FULLY")) {
		err = fmt.Errorf("gpgsm doesn't say that the signature is good:\n%s", status)
	}
	return err
}

// TestSignatureAsOthersSeeIt has openssl print a signature: the time that was
// injected, the capabilities, the chain without its root, the hash function.
func TestSignatureAsOthersSeeIt(t *testing.T) {
	p, judges := testPKI(t), newSignatureJudges(t)
	for _, c := range []struct {
		kind   string
		hash   crypto.Hash
		micalg string
	}{
		{"rsa2048", 0, "sha-256"}, {"rsa4096", crypto.SHA384, "sha-384"}, {"rsa2048", crypto.SHA512, "sha-512"},
		{"p256", 0, "sha-256"}, {"p256", crypto.SHA512, "sha-512"},
		{"p384", 0, "sha-384"}, {"p384", crypto.SHA512, "sha-512"},
	} {
		signer, err := keySources["PFX"](t, p.sender(c.kind))
		must(t, err)
		at := p.sender(c.kind).cert.NotBefore.Add(90 * time.Second)
		signer.Hash, signer.Clock = c.hash, func() time.Time { return at }
		mail := sealed(t, signer, order(t))
		_, openSSL, gnuPG := judges.verify(within(t), t, mail)
		if openSSL != nil || gnuPG != nil {
			t.Error(openSSL, gnuPG)
		}
		_, header, _ := bytes.Cut(mail, []byte("Content-Type: multipart/signed; micalg="))
		if !bytes.HasPrefix(header, []byte(c.micalg+";")) {
			t.Errorf("micalg is %q, want %s", clip(string(header)), c.micalg)
		}
		file := filepath.Join(t.TempDir(), "mail.eml")
		must(t, os.WriteFile(file, mail, 0o600))
		out := string(openssl(t, "cms", "-cmsout", "-print", "-in", file))
		algorithm := "algorithm: sha" + strings.TrimPrefix(c.micalg, "sha-") + " "
		for what, n := range map[string]int{
			"object: signingTime": 1,
			"UTCTIME:" + at.UTC().Format("Jan _2 15:04:05 2006 GMT"): 1,
			"object: S/MIME Capabilities":                            1,
			"OBJECT            :aes-256-cbc":                         1,
			algorithm:                                                2, // of the SignedData and of the signer
			"d.certificate:":                                         2,
		} {
			if strings.Count(out, what) != n {
				t.Errorf("%s: %q stands there %d times, want %d:\n%s", c.kind, what, strings.Count(out, what), n, out)
			}
		}
	}
}

// TestKeyFiles shows that keys are read in every form that openssl writes, and
// that a wrong password is called one.
func TestKeyFiles(t *testing.T) {
	p := testPKI(t)
	for _, kind := range keyKinds {
		h := p.sender(kind)
		cert, key := h.files(t)
		traditional := map[bool]string{true: "rsa", false: "ec"}[kind[0] == 'r']
		for _, args := range [][]string{
			{"pkcs8", "-topk8", "-v2", "aes-256-cbc"},
			{"pkcs8", "-topk8", "-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"},
			{"pkcs8", "-topk8", "-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA512", "-iter", "100000"},
			{"pkcs8", "-topk8", "-v2", "des3", "-v2prf", "hmacWithSHA384"},
			{"pkcs8", "-topk8", "-scrypt"},
			{traditional, "-aes256"},
			{traditional, "-des3"},
			{"pkey", "-traditional", "-aes128"},
		} {
			out := filepath.Join(t.TempDir(), "key.pem")
			openssl(t, append(args, "-in", key, "-out", out, "-passout", "pass:"+pkiPassword)...)
			signer, err := smime.LoadEncryptedPEM(cert, out, pkiPassword)
			if err != nil || !signer.Certificate().Equal(h.cert) || len(signer.Chain()) != 1 {
				t.Errorf("%s, openssl %q: %v", kind, args, err)
			}
			for password, want := range map[string]error{"wrong": smime.ErrPassword, "": smime.ErrEncrypted} {
				if _, err := smime.LoadEncryptedPEM(cert, out, password); !errors.Is(err, want) {
					t.Errorf("%s, openssl %q with password %q: %v", kind, args, password, err)
				}
			}
		}
		for _, options := range [][]string{
			nil, {"-legacy"}, {"-macalg", "sha512", "-iter", "100000"}, {"-certpbe", "NONE"},
			{"-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"},
		} {
			signer, err := smime.LoadPFX(pfx(t, h, options...), pkiPassword)
			if err != nil || !signer.Certificate().Equal(h.cert) || len(signer.Chain()) != 1 {
				t.Errorf("%s, openssl pkcs12 %q: %v", kind, options, err)
			}
		}
		for _, options := range [][]string{{"-macalg", "sha384"}, {"-nomac"}} {
			if _, err := smime.LoadPFX(pfx(t, h, options...), pkiPassword); !errors.Is(err, smime.ErrUnsupported) {
				t.Errorf("%s, openssl pkcs12 %q: %v", kind, options, err)
			}
		}
	}
	ed := filepath.Join(t.TempDir(), "ed25519.pem")
	openssl(t, "req", "-x509", "-newkey", "ed25519", "-keyout", ed, "-out", ed+".cert", "-nodes", "-subj", "/CN=Ed")
	if _, err := smime.LoadPEM(ed+".cert", ed); !errors.Is(err, smime.ErrEd25519) {
		t.Errorf("Ed25519: %v", err)
	}
}
