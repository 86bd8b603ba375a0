package charset_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/qdmail/qdmail/encoding/charset"
)

// checkTraits holds the traits of s to what slower functions say.
func checkTraits(t testing.TB, s string) {
	t.Helper()
	got := charset.TraitsOf(s)
	ascii := strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
	if (got&charset.NotASCII == 0) != ascii {
		t.Errorf("%q: NotASCII in %b", s, got)
	}
	control := func(r rune) bool { return r < ' ' || r == 0x7F }
	if (got&charset.Controls != 0) != strings.ContainsFunc(s, control) {
		t.Errorf("%q: Controls in %b", s, got)
	}
	if (got&charset.Breaks != 0) != strings.ContainsAny(s, "\r\n\x00") {
		t.Errorf("%q: Breaks in %b", s, got)
	}
	if (got&charset.Invalid == 0) != utf8.ValidString(s) {
		t.Errorf("%q: Invalid in %b", s, got)
	}
	if got&charset.Unusual != 0 {
		return
	}
	for _, c := range []charset.Charset{charset.UTF8, charset.ISO2022JP, charset.CP50220} {
		for _, clean := range []func(charset.Charset, string) (string, []charset.Change){charset.Clean, charset.CleanLine} {
			if out, changes := clean(c, s); out != s || len(changes) > 0 {
				t.Errorf("%q isn't unusual and becomes %q, %v", s, out, changes)
			}
		}
	}
}

func TestTraitsOfEveryCharacter(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		checkTraits(t, string(r))
	}
}

// TestTraitsOfEveryPlace puts what stands out at every place of a text, which is
// looked at several octets at a time.
func TestTraitsOfEveryPlace(t *testing.T) {
	for _, odd := range []string{"", "\r", "\n", "\x00", "\t", "\x01", "\x7f", "é", "あ", "か\u3099", "\u302A", "\u200B", "\u202E", "😀",
		"\xff", "\x80", "\xe3", "\xe3\x81", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"} {
		for _, around := range []string{"a", "あ", "é"} {
			for n := range 20 {
				for at := range n + 1 {
					checkTraits(t, strings.Repeat(around, at)+odd+strings.Repeat(around, n-at))
				}
			}
		}
	}
}

func TestTraitsOfRandomText(t *testing.T) {
	pieces := []string{"a", "plain text ", " ", "\r\n", "\x00", "\x1b", "~", "é", "日本語", "、", "カ", "\u3099", "ｶ", "①", "😀", "\u00A0", "\uFEFF", "\xe3\x81", "\xff"}
	r := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		var b strings.Builder
		for range r.IntN(8) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		checkTraits(t, b.String())
	}
}

func FuzzTraits(f *testing.F) {
	for _, s := range []string{"", "plain text", "日本語、カナ", "a\r\nb\x00", "\xe3\x81", "か\u3099", "Grüße"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkTraits(t, s) })
}

func BenchmarkTraits(b *testing.B) {
	for _, v := range []struct{ name, s string }{{"ascii", "Your order has been shipped"}, {"kanji", "ご注文の商品を発送いたしました"}} {
		b.Run(v.name, func(b *testing.B) {
			b.SetBytes(int64(len(v.s)))
			b.ReportAllocs()
			for b.Loop() {
				charset.TraitsOf(v.s)
			}
		})
	}
}
