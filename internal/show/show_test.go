package show_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/qdmail/qdmail/internal/show"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                    "",
		"250 ok  ":            "250 ok",
		"a\r\nb\x1b[31m\x00c": "a  b [31m c",
		"a\u0085b\u2028c":     "a b c",
		"拒否":                  "拒否",
		"a\xffb":              "a\uFFFDb",
	} {
		if got := show.Text(in); got != want {
			t.Errorf("%q became %q, not %q", in, got, want)
		}
	}
}

func FuzzShow(f *testing.F) {
	for _, seed := range []string{"", "abc", "日本語", "\xff\r\n", "a\u2029 "} {
		f.Add(seed, 4)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = max(n, 0) % 100
		text := show.Text(s)
		if !utf8.ValidString(text) || strings.ContainsFunc(text, show.IsControl) || show.Text(text) != text {
			t.Errorf("%q became %q", s, text)
		}
		if part := show.Cut(text, n); len(part) > n || !strings.HasPrefix(text, part) || !utf8.ValidString(part) || len(text) <= n && part != text {
			t.Errorf("%q cut to %d became %q", text, n, part)
		}
	})
}
