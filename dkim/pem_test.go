package dkim_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/dkim"
)

func block(kind string, der []byte, headers ...string) []byte {
	b := &pem.Block{Type: kind, Bytes: der, Headers: map[string]string{}}
	for i := 0; i < len(headers); i += 2 {
		b.Headers[headers[i]] = headers[i+1]
	}
	return pem.EncodeToMemory(b)
}

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestPEM(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	rsa1, rsa8, ed8 := x509.MarshalPKCS1PrivateKey(rsaKey()), pkcs8(t, rsaKey()), pkcs8(t, edKey())
	certificate := block("CERTIFICATE", []byte("anything"))
	for name, c := range map[string]struct {
		data []byte
		key  crypto.PrivateKey
		want error
	}{
		"PKCS#1":               {block("RSA PRIVATE KEY", rsa1), rsaKey(), nil},
		"PKCS#8 RSA":           {block("PRIVATE KEY", rsa8), rsaKey(), nil},
		"PKCS#8 Ed25519":       {block("PRIVATE KEY", ed8), edKey(), nil},
		"beside a certificate": {slices.Concat(certificate, []byte("some text\n"), block("PRIVATE KEY", ed8), certificate), edKey(), nil},
		"CRLF":                 {bytes.ReplaceAll(block("PRIVATE KEY", ed8), []byte("\n"), []byte("\r\n")), edKey(), nil},
		"nothing":              {nil, nil, dkim.ErrKeyFormat},
		"DER":                  {rsa8, nil, dkim.ErrKeyFormat},
		"only public":          {block("PUBLIC KEY", rsa8), nil, dkim.ErrKeyFormat},
		"two keys":             {slices.Concat(block("PRIVATE KEY", ed8), block("PRIVATE KEY", rsa8)), nil, dkim.ErrKeyFormat},
		"cut":                  {block("PRIVATE KEY", ed8[:20]), nil, dkim.ErrKeyFormat},
		"cut PKCS#1":           {block("RSA PRIVATE KEY", rsa1[:20]), nil, dkim.ErrKeyFormat},
		"the other form":       {block("RSA PRIVATE KEY", rsa8), nil, dkim.ErrKeyFormat},
		"OpenSSH":              {block("OPENSSH PRIVATE KEY", ed8), nil, dkim.ErrKeyFormat},
		"encrypted PKCS#8":     {block("ENCRYPTED PRIVATE KEY", rsa8), nil, dkim.ErrKeyEncrypted},
		"encrypted PKCS#1":     {block("RSA PRIVATE KEY", rsa1, "Proc-Type", "4,ENCRYPTED", "DEK-Info", "AES-256-CBC,00"), nil, dkim.ErrKeyEncrypted},
		"EC":                   {block("EC PRIVATE KEY", ecDER), nil, dkim.ErrKeyType},
		"EC PKCS#8":            {block("PRIVATE KEY", pkcs8(t, ec)), nil, dkim.ErrKeyType},
		"X25519":               {block("PRIVATE KEY", pkcs8(t, x25519)), nil, dkim.ErrKeyType},
		"short":                {block("PRIVATE KEY", pkcs8(t, short)), nil, dkim.ErrKeySize},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := dkim.ParsePEM(c.data)
			if !errors.Is(err, c.want) || (key == nil) != (c.want != nil) {
				t.Fatalf("%v, %v; want %v", key, err, c.want)
			}
			file := filepath.Join(t.TempDir(), "key.pem")
			if err := os.WriteFile(file, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			loaded, err := dkim.LoadPEM(file)
			if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), file) {
				t.Errorf("%v; want %v and the name of the file", err, c.want)
			}
			if c.want != nil {
				return
			}
			for _, k := range []crypto.Signer{key, loaded} {
				if !k.(interface{ Equal(crypto.PrivateKey) bool }).Equal(c.key) {
					t.Errorf("another key")
				}
			}
		})
	}
	if _, err := dkim.LoadPEM(filepath.Join(t.TempDir(), "none.pem")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// FuzzPEM: whatever is taken for a key signs, and errors tell nothing of it.
func FuzzPEM(f *testing.F) {
	f.Add(block("PRIVATE KEY", pkcs8(f, edKey())))
	f.Add(block("PRIVATE KEY", pkcs8(f, rsaKey())))
	f.Add(block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey())))
	f.Add(block("ENCRYPTED PRIVATE KEY", []byte("x"), "DEK-Info", "y"))
	f.Add(block("EC PRIVATE KEY", []byte("x")))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := dkim.ParsePEM(data)
		if err != nil {
			known := []error{dkim.ErrKeyFormat, dkim.ErrKeyEncrypted, dkim.ErrKeyType, dkim.ErrKeySize}
			if key != nil || !slices.ContainsFunc(known, func(e error) bool { return errors.Is(err, e) }) {
				t.Fatalf("%v, %v", key, err)
			}
			return
		}
		k := dkim.Key{Domain: "example.jp", Selector: "s", Private: key}
		wantValid(t, sign(t, newSigner(t, dkim.Config{Keys: []dkim.Key{k}}), letter)+letter, 1, k)
		again, err := dkim.ParsePEM(block("PRIVATE KEY", pkcs8(t, key)))
		if err != nil || !again.(interface{ Equal(crypto.PrivateKey) bool }).Equal(key) {
			t.Errorf("another key: %v", err)
		}
	})
}
