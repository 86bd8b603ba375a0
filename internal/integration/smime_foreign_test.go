//go:build integration

package integration_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/qdmail/qdmail/message"
	"github.com/qdmail/qdmail/smime"
)

// entityFile writes a MIME entity for other programs to sign and encrypt.
func entityFile(t *testing.T) (file string, entity []byte) {
	t.Helper()
	var e message.Encoder
	body, err := e.Encode(&order(t).Message)
	must(t, err)
	_, entity, _ = bytes.Cut(octets(t, body), []byte("MIME-Version: 1.0\r\n"))
	file = filepath.Join(t.TempDir(), "entity")
	must(t, os.WriteFile(file, entity, 0o600))
	return file, entity
}

// TestReadEncrypted shows that we open what openssl and gpgsm encrypt, by default
// and by choice.
func TestReadEncrypted(t *testing.T) {
	p := testPKI(t)
	file, entity := entityFile(t)
	for _, kind := range keyKinds {
		h := p.of(recipients[0], kind)
		leaf := writePEM(t, "recipient.pem", "CERTIFICATE", h.cert.Raw)
		variants := [][]string{
			{"-aes128"}, {"-aes-192-cbc"}, {"-aes-256-gcm"}, {"-aes-128-gcm"}, {"-aes256", "-stream"}, {"-aes256", "-keyid"},
		}
		if kind[0] == 'r' {
			variants = append(variants, nil, []string{"-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256", "-keyopt", "rsa_mgf1_md:sha1"})
		} else {
			variants = append(variants, []string{"-aes256", "-keyopt", "ecdh_kdf_md:sha384"})
		}
		for _, options := range variants {
			args := append([]string{"cms", "-encrypt", "-binary", "-in", file, "-recip", leaf}, options...)
			got, err := smime.Decrypt(openssl(t, args...), h.cert, h.key)
			if err != nil || !bytes.Equal(got.Entity, entity) {
				t.Errorf("%s: openssl cms -encrypt %q: %v", kind, options, err)
			}
		}
	}
	g, h := newGnuPG(t, p), p.of(recipients[0], "rsa2048")
	g.importKey(t, h)
	object := g.produce(t, "--recipient", recipients[0], "--encrypt", file)
	got, err := smime.Decrypt(append([]byte("Content-Type: application/pkcs7-mime\r\n\r\n"), object...), h.cert, h.key)
	if err != nil || !bytes.Equal(got.Entity, entity) {
		t.Errorf("gpgsm --encrypt: %v", err)
	}
}

// produce returns what gpgsm writes.
func (g *gnupg) produce(t *testing.T, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	_, err := g.run(within(t), append([]string{"--passphrase-fd", "0", "--output", out}, args...)...)
	must(t, err)
	data, err := os.ReadFile(out)
	must(t, err)
	return data
}

// TestReadSigned shows that we verify what openssl and gpgsm sign.
func TestReadSigned(t *testing.T) {
	p, judges := testPKI(t), newSignatureJudges(t)
	file, entity := entityFile(t)
	verifier := &smime.Verifier{Roots: judges.pool}
	for _, kind := range keyKinds {
		h := p.sender(kind)
		_, key := h.files(t)
		leaf := writePEM(t, "leaf.pem", "CERTIFICATE", h.cert.Raw)
		chain := writePEM(t, "chain.pem", "CERTIFICATE", p.middle.Raw)
		for _, options := range [][]string{
			{"-md", "sha512"}, {"-nodetach"}, {"-nodetach", "-stream"}, {"-noattr", "-md", "sha384"}, {"-cades"},
		} {
			args := append([]string{"cms", "-sign", "-binary", "-in", file, "-signer", leaf, "-certfile", chain, "-inkey", key}, options...)
			got, err := verifier.Verify(openssl(t, args...))
			switch {
			case err != nil || !bytes.Equal(got.Entity, entity) || len(got.Signatures) != 1:
				t.Errorf("%s: openssl cms -sign %q: %v", kind, options, err)
			case got.CheckFrom(h.cert.EmailAddresses...) != nil:
				t.Errorf("%s: %v", kind, got.CheckFrom(h.cert.EmailAddresses...))
			}
		}
	}
	h := p.sender("rsa2048")
	judges.gnupg.importKey(t, h)
	object := judges.gnupg.produce(t, "--local-user", h.cert.EmailAddresses[0], "--sign", file)
	got, err := verifier.Verify(append([]byte("Content-Type: application/pkcs7-mime\r\n\r\n"), object...))
	if err != nil || !bytes.Equal(got.Entity, entity) {
		t.Errorf("gpgsm --sign: %v", err)
	}
}
