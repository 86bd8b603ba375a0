package bench_test

import "testing"

// sink counts what is written to it. Unlike io.Discard it has no shortcut that one
// library would take and another wouldn't.
type sink int64

func (s *sink) Write(p []byte) (int, error) {
	*s += sink(len(p))
	return len(p), nil
}

// BenchmarkCompose measures what a program does for each mail: make the message
// from its pieces and write it. "wire-B" is the length of what comes out.
func BenchmarkCompose(b *testing.B) {
	each(b, letters(b, fullSize), func(b *testing.B, lib *library, l *letter) (w sink) {
		for b.Loop() {
			w = 0
			m, err := lib.build(l)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := m.WriteTo(&w); err != nil {
				b.Fatal(err)
			}
		}
		return w
	})
}

// BenchmarkEncodeOnly measures writing a message that was made before. How much of
// the work is done by then differs between libraries: qdmail does all of it when
// it writes, and gomail encodes the header before. The large file is left out, because
// not everybody can read it twice.
func BenchmarkEncodeOnly(b *testing.B) {
	all := letters(b, fullSize)
	again := all[:0]
	for _, l := range all {
		if l.path == "" {
			again = append(again, l)
		}
	}
	each(b, again, func(b *testing.B, lib *library, l *letter) (w sink) {
		m, err := lib.build(l)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			w = 0
			if _, err := m.WriteTo(&w); err != nil {
				b.Fatal(err)
			}
		}
		return w
	})
}

// each runs f, which returns the length of a mail, for every letter and every
// library that can write it.
func each(b *testing.B, letters []*letter, f func(*testing.B, *library, *letter) sink) {
	for _, l := range letters {
		for i := range libraries {
			lib := &libraries[i]
			if !lib.can(l) {
				continue
			}
			b.Run("case="+l.name+"/lib="+lib.name, func(b *testing.B) {
				warmUp(b, lib, l)
				b.ReportAllocs()
				b.ReportMetric(float64(f(b, lib, l)), "wire-B")
			})
		}
	}
}

// warmUp writes the letter once, so that tables which are made at their first use
// cost nobody anything.
func warmUp(b *testing.B, lib *library, l *letter) {
	m, err := lib.build(l)
	if err == nil {
		_, err = m.WriteTo(new(sink))
	}
	if err != nil {
		b.Fatal(err)
	}
}
