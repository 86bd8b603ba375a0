package smime_test

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/smime"
)

func TestLoadPEM(t *testing.T) {
	for _, kind := range goodKinds {
		key := keys[kind]()
		cert := issue(t, key, nil)
		blocks := []*pem.Block{keyBlock(t, key)}
		switch k := key.(type) {
		case *rsa.PrivateKey:
			blocks = append(blocks, &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})
		case *ecdsa.PrivateKey:
			der, err := x509.MarshalECPrivateKey(k)
			must(t, err)
			blocks = append(blocks, &pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
		}
		for _, b := range blocks {
			// The order of the certificates doesn't matter, and one file does.
			certFile := write(t, "c.pem", certBlock(root(t)), certBlock(authority(t)), certBlock(cert))
			keyFile := write(t, "k.pem", &pem.Block{Type: "EC PARAMETERS"}, b)
			both := write(t, "both.pem", b, certBlock(cert), certBlock(authority(t)))
			for _, files := range [][2]string{{certFile, keyFile}, {both, both}} {
				s, err := smime.LoadPEM(files[0], files[1])
				must(t, err)
				s.Clock = clock
				if !s.Certificate().Equal(cert) || len(s.Chain()) != 1 {
					t.Errorf("%s: %v with %d more", kind, s, len(s.Chain()))
				}
				if _, err := verifier(t).Verify(signed(t, s, entity)); err != nil {
					t.Errorf("%s, %s: %v", kind, b.Type, err)
				}
			}
		}
	}
}

// The names of Qdmail are the defaults, in the working directory.
func TestDefaultFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	var e *smime.Error
	if _, err := smime.LoadPEM("", ""); !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &e) || e.File != "cert.pem" {
		t.Errorf("no certificate: %v", err)
	}
	key := keys["p256"]()
	copyFile(t, write(t, "x", certBlock(issue(t, key, nil))), "cert.pem")
	if _, err := smime.LoadPEM("", ""); !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &e) || e.File != "private.pem" {
		t.Errorf("no key: %v", err)
	}
	copyFile(t, write(t, "x", keyBlock(t, key)), "private.pem")
	if _, err := smime.LoadPEM("", ""); err != nil {
		t.Error(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, data, 0o600))
}

// testFile is one of those that openssl made.
func testFile(name string) string { return filepath.Join("testdata", name) }

func TestEncryptedPEM(t *testing.T) {
	cert := testFile("cert.pem")
	for _, name := range []string{
		"pkcs8-aes256.pem", "pkcs8-aes128-sha1.pem", "pkcs8-aes192-sha512.pem", "pkcs8-des3-sha384.pem",
		"pkcs8-aes256-sha224.pem", "pkcs8-scrypt.pem", "traditional-aes256.pem", "traditional-des3.pem",
	} {
		s, err := smime.LoadEncryptedPEM(cert, testFile(name), "test")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s.Clock = func() time.Time { return s.Certificate().NotBefore }
		signed(t, s, entity)
		for password, want := range map[string]error{"": smime.ErrEncrypted, "Test": smime.ErrPassword, strings.Repeat("x", 1000): smime.ErrPassword} {
			_, err := smime.LoadEncryptedPEM(cert, testFile(name), password)
			wantError(t, name, err, testFile(name), want, password)
		}
		_, err = smime.LoadPEM(cert, testFile(name))
		wantError(t, name, err, testFile(name), smime.ErrEncrypted, "test")
	}
	for name, want := range map[string]error{
		"pkcs8-pbes1.pem": smime.ErrUnsupported, "pkcs8-aria.pem": smime.ErrUnsupported, "pkcs8-iterations.pem": smime.ErrUnsupported,
	} {
		_, err := smime.LoadEncryptedPEM(cert, testFile(name), "test")
		wantError(t, name, err, testFile(name), want, "test")
	}
	// The key belongs to another certificate, and that is seen only when it is open.
	_, err := smime.LoadEncryptedPEM(cert, testFile("traditional-rsa.pem"), "test")
	wantError(t, "another key", err, cert, smime.ErrKeyMismatch, "test ")
}

// wantError fails unless err has the reason and names the file, and neither the
// password nor anything of the key.
func wantError(t *testing.T, what string, err error, file string, want error, password string) {
	t.Helper()
	var e *smime.Error
	switch {
	case !errors.Is(err, want) || !errors.As(err, &e):
		t.Errorf("%s: %v, want %v", what, err, want)
	case e.File != file:
		t.Errorf("%s: the file is %q, want %q", what, e.File, file)
	case len(password) > 4 && strings.Contains(err.Error(), password):
		t.Errorf("%s: the password is in %q", what, err)
	}
}

// One in 256 wrong passwords makes padding that looks right; each of them is
// called wrong.
func TestManyWrongPasswords(t *testing.T) {
	cert, err := os.ReadFile(testFile("cert.pem"))
	must(t, err)
	for _, name := range []string{"traditional-aes256.pem", "traditional-des3.pem", "pkcs8-aes256.pem"} {
		key, err := os.ReadFile(testFile(name))
		must(t, err)
		for i := range 1000 {
			if _, _, err := smime.ParsePEM(cert, key, "wrong"+strings.Repeat("!", i)); !errors.Is(err, smime.ErrPassword) {
				t.Fatalf("%s, password %d: %v", name, i, err)
			}
		}
	}
}

func TestFaultyPEM(t *testing.T) {
	key := keys["p256"]()
	cert, private := write(t, "cert.pem", certBlock(issue(t, key, nil))), write(t, "key.pem", keyBlock(t, key))
	empty := write(t, "empty.pem")
	large := write(t, "large.pem", &pem.Block{Type: "X", Bytes: make([]byte, 4<<20)})
	bad := func(kind string) string { return write(t, "bad.pem", &pem.Block{Type: kind, Bytes: []byte("bad")}) }
	dek := write(t, "dek.pem", &pem.Block{Type: "EC PRIVATE KEY", Bytes: make([]byte, 32),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "CAMELLIA-256-CBC,00"}})
	for name, c := range map[string]struct {
		cert, key, at string
		want          error
	}{
		"no certificate in it": {private, private, private, smime.ErrNoCertificate},
		"no key in it":         {cert, cert, cert, smime.ErrNoKey},
		"empty":                {empty, private, empty, smime.ErrNoCertificate},
		"too large":            {large, private, large, smime.ErrFormat},
		"a folder":             {t.TempDir(), private, "", nil},
		"a bad certificate":    {bad("CERTIFICATE"), private, "", smime.ErrFormat},
		"a bad key":            {cert, bad("PRIVATE KEY"), "", smime.ErrFormat},
		"a bad RSA key":        {cert, bad("RSA PRIVATE KEY"), "", smime.ErrFormat},
		"a bad EC key":         {cert, bad("EC PRIVATE KEY"), "", smime.ErrFormat},
		"a bad encrypted key":  {cert, bad("ENCRYPTED PRIVATE KEY"), "", smime.ErrFormat},
		"an unknown cipher":    {cert, dek, dek, smime.ErrUnsupported},
	} {
		_, err := smime.LoadEncryptedPEM(c.cert, c.key, "test")
		var e *smime.Error
		switch {
		case !errors.As(err, &e) || e.File == "" || c.at != "" && e.File != c.at:
			t.Errorf("%s: %#v", name, err)
		case c.want != nil && !errors.Is(err, c.want):
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	ed := keys["ed25519"]()
	file := write(t, "ed.pem", keyBlock(t, ed), certBlock(issue(t, ed, nil)))
	_, err := smime.LoadPEM(file, file)
	wantError(t, "Ed25519", err, file, smime.ErrEd25519, "")
	if !errors.Is(err, smime.ErrUnsupportedKey) {
		t.Error("Ed25519 is no unsupported key")
	}
}

func TestLoadCertificates(t *testing.T) {
	certs, err := smime.LoadCertificates(write(t, "c.pem", certBlock(root(t)), keyBlock(t, keys["p256"]()), certBlock(authority(t))))
	if err != nil || len(certs) != 2 || certs[1].Subject.CommonName != "Authority" {
		t.Errorf("%d certificates, %v", len(certs), err)
	}
	file := write(t, "none.pem")
	_, err = smime.LoadCertificates(file)
	wantError(t, "none", err, file, smime.ErrNoCertificate, "")
}
