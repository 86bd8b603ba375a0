package dkim_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/qdmail/qdmail/dkim"
)

var (
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
	edKey = sync.OnceValue(func() ed25519.PrivateKey {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			panic(err)
		}
		return key
	})
)

func rsaOne() dkim.Key { return dkim.Key{Domain: "example.jp", Selector: "r1", Private: rsaKey()} }
func edOne() dkim.Key  { return dkim.Key{Domain: "example.jp", Selector: "e1", Private: edKey()} }

func newSigner(t testing.TB, c dkim.Config) *dkim.Signer {
	t.Helper()
	s, err := dkim.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// opener returns what SignMessage wants, for a message in memory.
func opener(message string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(message)), nil }
}

func sign(t testing.TB, s *dkim.Signer, message string) string {
	t.Helper()
	field, err := s.SignMessage(opener(message))
	if err != nil {
		t.Fatal(err)
	}
	return field
}

// published answers for the DNS with the records of the keys.
func published(t testing.TB, keys ...dkim.Key) func(string) ([]string, error) {
	t.Helper()
	zone := map[string]string{}
	for _, k := range keys {
		r, err := k.Record()
		if err != nil {
			t.Fatal(err)
		}
		zone[r.Name] = strings.Join(r.Strings(), "")
	}
	return func(name string) ([]string, error) {
		if txt, ok := zone[name]; ok {
			return []string{txt}, nil
		}
		return nil, errors.New("no such name: " + name)
	}
}

// verify returns what the verifier of our dependency says of each signature.
func verify(t testing.TB, message string, keys ...dkim.Key) []*msgauth.Verification {
	t.Helper()
	list, err := msgauth.VerifyWithOptions(strings.NewReader(message), &msgauth.VerifyOptions{LookupTXT: published(t, keys...)})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// wantValid fails unless the message has n signatures, all valid.
func wantValid(t testing.TB, message string, n int, keys ...dkim.Key) []*msgauth.Verification {
	t.Helper()
	list := verify(t, message, keys...)
	if len(list) != n {
		t.Errorf("%d signatures, want %d", len(list), n)
	}
	for _, v := range list {
		if v.Err != nil {
			t.Errorf("%v", v.Err)
		}
	}
	return list
}

// opaque hides a key as a device does, and may fail or sign something else.
type opaque struct {
	crypto.Signer
	fail  error
	wrong bool
	calls *int
}

func (o opaque) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if o.calls != nil {
		*o.calls++
	}
	if o.fail != nil {
		return nil, o.fail
	}
	if o.wrong {
		digest = bytes.Repeat([]byte{1}, len(digest))
	}
	return o.Signer.Sign(rand, digest, opts)
}

// letter is an ordinary mail with most of the fields that are covered.
const letter = "From: =?ISO-2022-JP?B?GyRCO3pFRBsoQg==?= <sales@example.jp>\r\n" +
	"To: \"Doe, John\" <taro@example.com>\r\n" +
	"Subject: =?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=\r\n" +
	" =?ISO-2022-JP?B?GyRCJUYlOSVIGyhC?=\r\n" +
	"Message-ID: <id@example.jp>\r\n" +
	"Date: Thu, 01 Jan 2026 09:00:00 +0900\r\n" +
	"List-Unsubscribe: <https://example.jp/u?t=1>\r\n" +
	"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" +
	"X-Ours: 1\r\n" +
	"MIME-Version: 1.0\r\n" +
	"Content-Type: text/plain; charset=iso-2022-jp\r\n" +
	"Content-Transfer-Encoding: 7bit\r\n" +
	"\r\n" +
	"\x1b$B$\"\x1b(Ba\x1b$B$$\x1b(B\r\n" +
	"\r\n" +
	"Yours\r\n"
