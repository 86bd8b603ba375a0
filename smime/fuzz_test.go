package smime_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/smime"
)

// FuzzSign signs any entity: it is refused as unfit, or verifies as what it is
// with CRLF line endings, detached and opaque.
func FuzzSign(f *testing.F) {
	f.Add(entity, false)
	f.Add("a: b\n\nc\n", true)
	f.Add("x\ry\x00\xff", false)
	f.Add("\r\n--=_signed_aaaaaaaaaaaaaaaaaaaaaaaa--\r\n", true)
	s, v := newSigner(f, "p256"), verifier(f)
	opaque := *s
	opaque.Opaque = true
	f.Fuzz(func(t *testing.T, text string, inside bool) {
		signer := s
		if inside {
			signer = &opaque
		}
		var out bytes.Buffer
		err := signer.Sign(&out, from(text))
		if errors.Is(err, smime.ErrEntity) {
			return
		}
		must(t, err)
		got, err := v.Verify(out.Bytes())
		must(t, err)
		want := strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
		if string(got.Entity) != want {
			t.Errorf("%q became %q", text, got.Entity)
		}
	})
}

// FuzzVerify reads anything. Whatever verifies was signed.
func FuzzVerify(f *testing.F) {
	s, v := newSigner(f, "p256"), verifier(f)
	f.Add(signed(f, s, entity))
	s.Opaque = true
	f.Add(signed(f, s, entity))
	f.Add([]byte("Content-Type: multipart/signed; boundary=b\n\n--b\n\n--b\nContent-Type: application/pkcs7-signature\n\nx\n--b--\n"))
	f.Add(append([]byte("Content-Type: application/pkcs7-mime\n\n"), bytes.Repeat([]byte{0x30, 0x80}, 1000)...))
	f.Fuzz(func(t *testing.T, mail []byte) {
		got, err := v.Verify(mail)
		var e *smime.Error
		switch {
		case err == nil && string(got.Entity) != entity:
			t.Errorf("%q verifies", got.Entity)
		case err != nil && !errors.As(err, &e):
			t.Errorf("%#v is no Error", err)
		}
	})
}

// FuzzDecrypt reads anything. Whatever is authenticated was encrypted.
func FuzzDecrypt(f *testing.F) {
	readers := []reader{newReader(f, "a@x", "p256"), newReader(f, "b@x", "rsa2048")}
	e := encrypter(readers...)
	for _, e.Cipher = range []smime.Cipher{smime.AES256CBC, smime.AES256GCM} {
		for _, e.OAEP = range []bool{false, true} {
			f.Add(signed(f, copiesFor(f, e, "a@x", "b@x")[0], entity))
		}
	}
	f.Fuzz(func(t *testing.T, mail []byte) {
		for _, r := range readers {
			got, err := smime.Decrypt(mail, r.cert, r.key)
			var e *smime.Error
			switch {
			case err == nil && got.Authenticated && string(got.Entity) != entity:
				t.Errorf("%q was authenticated", got.Entity)
			case err != nil && !errors.As(err, &e):
				t.Errorf("%#v is no Error", err)
			}
		}
	})
}

// FuzzParsePEM reads any files. A key that comes out belongs to its certificate.
func FuzzParsePEM(f *testing.F) {
	cert, err := os.ReadFile(testFile("cert.pem"))
	must(f, err)
	files, err := filepath.Glob(testFile("*s*.pem"))
	must(f, err)
	for _, name := range files {
		key, err := os.ReadFile(name)
		must(f, err)
		f.Add(cert, key, "test")
	}
	f.Fuzz(func(t *testing.T, cert, key []byte, password string) {
		k, certs, err := smime.ParsePEM(cert, key, password)
		wantPair(t, k, certs, err)
	})
}

// FuzzParsePFX does the same with PKCS #12.
func FuzzParsePFX(f *testing.F) {
	files, err := filepath.Glob(testFile("*.pfx"))
	must(f, err)
	for _, name := range files {
		data, err := os.ReadFile(name)
		must(f, err)
		f.Add(data, "test")
	}
	f.Fuzz(func(t *testing.T, data []byte, password string) {
		k, certs, err := smime.ParsePFX(data, password)
		wantPair(t, k, certs, err)
	})
}
