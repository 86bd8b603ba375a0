package smime_test

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/qdmail/qdmail/smime"
)

func TestLoadPFX(t *testing.T) {
	for _, kind := range goodKinds {
		key := keys[kind]()
		cert := issue(t, key, nil)
		for name, encoder := range map[string]*pkcs12.Encoder{"modern": pkcs12.Modern2023, "3DES": pkcs12.LegacyDES, "RC2": pkcs12.LegacyRC2} {
			// The certificate of the key needn't come first.
			data, err := encoder.Encode(key, root(t), []*x509.Certificate{authority(t), cert}, password)
			must(t, err)
			file := filepath.Join(t.TempDir(), "key.pfx")
			must(t, os.WriteFile(file, data, 0o600))
			s, err := smime.LoadPFX(file, password)
			must(t, err)
			s.Clock = clock
			if !s.Certificate().Equal(cert) || len(s.Chain()) != 1 {
				t.Errorf("%s: %v with %d more", kind, s, len(s.Chain()))
			}
			if _, err := verifier(t).Verify(signed(t, s, entity)); err != nil {
				t.Errorf("%s, %s: %v", kind, name, err)
			}
			_, err = smime.LoadPFX(file, password+"x")
			wantError(t, kind+" "+name, err, file, smime.ErrPassword, password)
		}
	}
}

func TestOpenSSLsPFX(t *testing.T) {
	for name, want := range map[string]error{
		"modern.pfx": nil, "legacy.pfx": nil,
		"sha384.pfx": smime.ErrUnsupported, "nomac.pfx": smime.ErrUnsupported, "iterations.pfx": smime.ErrUnsupported,
		"nokey.pfx": smime.ErrFormat, "cert.pem": smime.ErrFormat, "missing.pfx": fs.ErrNotExist,
	} {
		s, err := smime.LoadPFX(testFile(name), "test")
		if want != nil {
			wantError(t, name, err, testFile(name), want, "test ")
		} else if err != nil || s.Certificate().Subject.CommonName != "Test" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two keys, BER, a password that can't be written: each has its own error.
func TestRefusedPFX(t *testing.T) {
	der, err := os.ReadFile(testFile("modern.pfx"))
	must(t, err)
	ber := append([]byte{0x30, 0x80}, der[4:]...)
	ber = append(ber, 0, 0)
	for name, c := range map[string]struct {
		data     []byte
		password string
		want     error
	}{
		"indefinite length": {ber, "test", smime.ErrUnsupported},
		"trailing octets":   {append(der[:len(der):len(der)], 0), "test", smime.ErrFormat},
		"cut":               {der[:len(der)-1], "test", smime.ErrFormat},
		"empty":             {nil, "test", smime.ErrFormat},
		"wrong password":    {der, "Test", smime.ErrPassword},
		"no password":       {der, "", smime.ErrPassword},
		"emoji":             {der, "\U0001F511", smime.ErrUnsupported},
	} {
		if _, _, err := smime.ParsePFX(c.data, c.password); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for name, kind := range map[string]string{"another key": "p384", "Ed25519": "ed25519"} {
		key := keys[kind]()
		data, err := pkcs12.Modern2023.Encode(key, issue(t, keys["p256"](), nil), nil, password)
		must(t, err)
		if _, _, err := smime.ParsePFX(data, password); !errors.Is(err, smime.ErrKeyMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
