package smime_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/smime"
)

// smallEntity is what most mails are: a screen of text.
var smallEntity = "Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
	strings.Repeat(strings.Repeat("A", 76)+"\r\n", 20)

const largeSize = 25 << 20 / 78 * 78

func largeEntity() (io.ReadCloser, error) {
	return io.NopCloser(io.LimitReader(&repeat{line: strings.Repeat("x", 76) + "\r\n"}, largeSize)), nil
}

// BenchmarkSign signs a small mail; BenchmarkBareKey is what of it the key takes.
func BenchmarkSign(b *testing.B) {
	for _, kind := range []string{"rsa2048", "p256", "p384"} {
		s := newSigner(b, kind)
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				must(b, s.Sign(io.Discard, from(smallEntity)))
			}
		})
	}
}

func BenchmarkBareKey(b *testing.B) {
	for kind, hash := range map[string]crypto.Hash{"rsa2048": crypto.SHA256, "p256": crypto.SHA256, "p384": crypto.SHA384} {
		key := keys[kind]()
		digest := hash.New().Sum(nil)
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := key.Sign(rand.Reader, digest, hash); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLarge signs and encrypts 25 MiB; BenchmarkDigest is the time that
// reading them once more would take.
func BenchmarkLarge(b *testing.B) {
	detached, opaque := newSigner(b, "p256"), newSigner(b, "p256")
	opaque.Opaque = true
	e := encrypter(newReader(b, "a@x", "p256"))
	cbc := copiesFor(b, e, "a@x")[0]
	gcm := encrypter(newReader(b, "a@x", "p256"))
	gcm.Cipher = smime.AES256GCM
	for name, s := range map[string]interface {
		Sign(io.Writer, func() (io.ReadCloser, error)) error
	}{"detached": detached, "opaque": opaque, "CBC": cbc, "GCM": copiesFor(b, gcm, "a@x")[0]} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(largeSize)
			b.ReportAllocs()
			for b.Loop() {
				must(b, s.Sign(io.Discard, largeEntity))
			}
		})
	}
}

func BenchmarkDigest(b *testing.B) {
	b.SetBytes(largeSize)
	for b.Loop() {
		r, err := largeEntity()
		must(b, err)
		if _, err := io.CopyBuffer(struct{ io.Writer }{sha256.New()}, r, make([]byte, 8<<10)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, kind := range []string{"rsa2048", "p256"} {
		mail, v := signed(b, newSigner(b, kind), smallEntity), verifier(b)
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(mail); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
