package dkim_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/dkim"
)

var benchmarkKeys = []struct {
	name string
	keys func() []dkim.Key
}{
	{"RSA-2048", func() []dkim.Key { return []dkim.Key{rsaOne()} }},
	{"Ed25519", func() []dkim.Key { return []dkim.Key{edOne()} }},
	{"both", func() []dkim.Key { return []dkim.Key{rsaOne(), edOne()} }},
}

// BenchmarkBare is what the keys themselves cost: one signature each.
func BenchmarkBare(b *testing.B) {
	digest := sha256.Sum256([]byte(letter))
	for _, bb := range benchmarkKeys {
		b.Run(bb.name, func(b *testing.B) {
			keys := bb.keys()
			b.ReportAllocs()
			for b.Loop() {
				for _, k := range keys {
					opts := crypto.SHA256
					if k.Selector == "e1" {
						opts = 0
					}
					if _, err := k.Private.Sign(rand.Reader, digest[:], opts); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkSign signs a small mail, and one of 25 MiB that is never in memory as a
// whole.
func BenchmarkSign(b *testing.B) {
	for _, size := range []struct {
		name  string
		lines int64
	}{{"small", 0}, {"25MiB", 25 << 20 / 78}} {
		for _, bb := range benchmarkKeys {
			b.Run(size.name+"/"+bb.name, func(b *testing.B) {
				s := newSigner(b, dkim.Config{Keys: bb.keys()})
				open := func() (io.ReadCloser, error) {
					return io.NopCloser(io.MultiReader(strings.NewReader(letter), io.LimitReader(&lines{}, size.lines*78))), nil
				}
				b.SetBytes(int64(len(letter)) + size.lines*78)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.SignMessage(open); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// lines gives lines like those of base64, without end.
type lines struct{ at int }

var line = strings.Repeat("QUJD", 19) + "\r\n"

func (l *lines) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		m := copy(p[n:], line[l.at:])
		n, l.at = n+m, (l.at+m)%len(line)
	}
	return n, nil
}
