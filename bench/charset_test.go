package bench_test

import (
	"testing"

	"golang.org/x/text/encoding/japanese"

	"github.com/qdmail/qdmail/encoding/charset"
)

// BenchmarkISO2022JP converts about 10 KB of Japanese to ISO-2022-JP. With
// result=new the octets are returned in memory of their own, by x/text's
// Encoder.String; with result=reused they go into a buffer that is there already,
// by its Transform.
func BenchmarkISO2022JP(b *testing.B) {
	s := novel()
	src, dst := []byte(s), make([]byte, 2*len(s))
	enc := japanese.ISO2022JP.NewEncoder()
	for _, v := range []struct {
		name    string
		convert func() (int, error)
	}{
		{"result=new/lib=qdmail", func() (int, error) {
			out, err := charset.ISO2022JP.Append(nil, s)
			return len(out), err
		}},
		{"result=new/lib=x-text", func() (int, error) {
			out, err := japanese.ISO2022JP.NewEncoder().String(s)
			return len(out), err
		}},
		{"result=reused/lib=qdmail", func() (int, error) {
			out, err := charset.ISO2022JP.Append(dst[:0], s)
			return len(out), err
		}},
		{"result=reused/lib=x-text", func() (int, error) {
			enc.Reset()
			n, _, err := enc.Transform(dst, src, true)
			return n, err
		}},
	} {
		b.Run(v.name, func(b *testing.B) {
			if _, err := v.convert(); err != nil { // which makes the tables
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(s)))
			for b.Loop() {
				if _, err := v.convert(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
