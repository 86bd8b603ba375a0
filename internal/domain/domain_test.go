package domain_test

import (
	"strings"
	"testing"

	"github.com/qdmail/qdmail/internal/domain"
)

func TestASCII(t *testing.T) {
	for in, want := range map[string]string{
		"example.jp":         "example.jp",
		"Example.JP":         "Example.JP",
		"sub_domain.example": "sub_domain.example",
		"localhost":          "localhost",
		"例え.テスト":             "xn--r8jz45g.xn--zckzah",
		"例え。jp":              "xn--r8jz45g.jp",
		"bücher_x.example":   "xn--bcher_x-n2a.example",
		"faß.de":             "xn--fa-hia.de",
	} {
		if got, err := domain.ASCII(in); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", ".", "a..b", ".a", "a.", "a b", "a/b", "a:b", "a@b", "a\r\n", "a\x00", "a\xff", "例\xff", "\u202e例.jp",
		strings.Repeat("x", 64) + ".jp", strings.Repeat("x.", 128) + "jp", strings.Repeat("例", 1<<20), "[192.0.2.1]",
	} {
		if got, err := domain.ASCII(in); err == nil {
			t.Errorf("%.40q became %q", in, got)
		} else if len(err.Error()) > 1000 {
			t.Errorf("%.40q: the error has %d octets", in, len(err.Error()))
		}
	}
}

// FuzzASCII: what comes out is ASCII, comes out again as it is, and is what ToASCII
// makes of it.
func FuzzASCII(f *testing.F) {
	for _, seed := range []string{"example.jp", "例え.テスト", "a_b.c", "xn--r8jz45g", "faß.de", "a..b", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := domain.ASCII(s)
		if err != nil {
			return
		}
		if again, err := domain.ASCII(got); err != nil || again != got {
			t.Errorf("%q became %q, and that %q, %v", s, got, again, err)
		}
		if plain, err := domain.ToASCII(s); err != nil || plain != got {
			t.Errorf("%q: %q, but %q, %v", s, got, plain, err)
		}
		if len(got) > 255 || strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q became %q", s, got)
		}
	})
}
