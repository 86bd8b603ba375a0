package wrap_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/qdmail/qdmail/message/wrap"
)

func rep(s string, n int) string { return strings.Repeat(s, n) }

// The numbers are those of the test vectors that the library keeps since its
// PHP predecessor, whose 45 full-width units are 90 columns.
func TestVectors(t *testing.T) {
	long := "https://example.jp/" + rep("path/", 30)
	for _, v := range []struct{ name, in, want string }{
		{"34 full-width", rep("あ", 100), rep("あ", 45) + "\n" + rep("あ", 45) + "\n" + rep("あ", 10)},
		{"34 ASCII without a space", rep("a", 200), rep("a", 90) + "\n" + rep("a", 90) + "\n" + rep("a", 20)},
		{"35 full stop", rep("あ", 45) + "。" + rep("あ", 10), rep("あ", 45) + "。\n" + rep("あ", 10)},
		{"35 URL line", "前\n" + long + "\n後", "前\n" + long + "\n後"},
		{"35 opening bracket", rep("あ", 44) + "「い」" + rep("う", 3), rep("あ", 44) + "\n「い」ううう"},
	} {
		t.Run(v.name, func(t *testing.T) {
			got := wrap.Text(v.in, wrap.Options{Width: 90})
			if got != v.want {
				t.Errorf("got\n%s\nwant\n%s", got, v.want)
			}
			if def := wrap.Text(v.in, wrap.Options{}); def != got {
				t.Errorf("the default gave\n%s", def)
			}
			if joined := strings.ReplaceAll(got, "\n", ""); joined != strings.ReplaceAll(v.in, "\n", "") {
				t.Errorf("joined again it is %q", joined)
			}
		})
	}
}

// Each text is wrapped to ten columns; "/" shows where, "_" is a space at the
// end of a line.
func TestRules(t *testing.T) {
	for _, v := range []struct{ name, want string }{
		{"exactly full", "あいうえお"},
		{"one more", "あいうえお/か"},
		{"mixed widths", "あいうえa/おか"},

		{"comma hangs", "あいうえお、/かきくけこ。"},
		{"half-width full stop hangs", "あいうえお｡/か"},
		{"closing bracket pulls one down", "あいうえ/お」か"},
		{"full stop and bracket pull down", "あいうえ/お。」か"},
		{"bracket and full stop", "あいうえ/お」。か"},
		{"small kana", "あいうえ/きゃく"},
		{"long vowel", "あいうえ/かーど"},
		{"iteration mark", "あいうえ/人々が"},
		{"question", "あいうえ/お？か"},
		{"question, ASCII", "あいうえ/お?か"},
		{"half-width kana", "ｱｲｳｴｵｶｷｸｶ/ｶﾞｷﾞ"},
		{"half-width small kana", "ｱｲｳｴｵｶｷｸｹ/ｷｬｸ"},
		{"opening bracket moves down", "あいうえ/「おか"},
		{"two opening brackets", "あいう/『「おか"},
		{"ASCII bracket", "あいうえ /(おか)"},
		{"dashes together", "あいうえ/――お"},
		{"dots together", "あいうえ/……お"},
		{"different marks may part", "あいうえ―/…"},

		{"words", "to be or_/not to be"},
		{"word moves down", "あいうえ/word"},
		{"word between Japanese", "あいうword/えお"},
		{"hyphen and apostrophe", "can't_/over-done"},
		{"curly apostrophe", "we don’t_/we don’t"},
		{"quotation", "あい/う\"quote\"/え"},
		{"accents", "été été_/été"},
		{"Greek counts two", "αβγδ_/αβγδ"},
		{"Hangul", "가나다라마/바"},

		{"number", "あいう/12,345"},
		{"full-width number", "あい/１，２３４"},
		{"decimal", "あいう/３．１４"},
		{"time", "あい/１０：３０"},
		{"percent", "あいう/100％え"},
		{"percent, all full-width", "あいう/１０％え"},
		{"yen", "あいうえ/￥100え"},
		{"price", "あいうえ/100円え"},
		{"price in units of ten thousand", "あいうえ/3万円え"},
		{"date", "あい2026年/12月24日"},
		{"unit sign", "あいうえ/10㎏え"},
		{"minus", "あいうえ/−５度え"},
		{"the unit is a plain character elsewhere", "あいうえ円/円円"},

		{"spaces stay at the end", "aaaa bbbb___/cccc"},
		{"spaces don't count", "aaaaabbbbb____/c"},
		{"full-width space stays at the end", "あいうえお　/か"},
		{"indentation", "  あいうえ/お"},
		{"indented long word", "  aaaaaaaa/aaaa"},
		{"indentation that fills the line", "____________/あ"},
		{"tab", "\tab/あ"},
		{"no-break space", "aaaa_/bbb\u00a0ccc"},
		{"zero width space", "aaaaaaa\u200b/bbbbbbb"},
		{"word joiner", "あいうえ/お\u2060か"},
		{"stars", "★★★★★/★"},

		{"http", "あ/http://a.jp/b?c=d&e=f/い"},
		{"https", "あ/https://a.jp/b"},
		{"some scheme", "あ/x-app+1://a/bc"},
		{"mailto", "あ/mailto:foo@example.jp"},
		{"mail address", "あ/foo.bar@example.jp/い"},
		{"URL in brackets", "あ/「https://a.jp/b」/い"},
		{"indented URL", "   https://a.jp/b"},
		{"full stop after a URL", "https://a.jp/b。/い"},

		{"ideographic variation", "葛\U000E0100葛\U000E0100葛\U000E0100葛\U000E0100葛\U000E0100/葛\U000E0100"},
		{"decomposed", "か\u3099か\u3099か\u3099か\u3099か\u3099/か\u3099"},
		{"family", "👨\u200d👩\u200d👧👨\u200d👩\u200d👧👨\u200d👩\u200d👧👨\u200d👩\u200d👧👨\u200d👩\u200d👧/👨\u200d👩\u200d👧"},
		{"skin tone", "👍🏽👍🏽👍🏽👍🏽👍🏽/👍🏽"},
		{"flags", "🇯🇵🇯🇵🇯🇵🇯🇵🇯🇵/🇯🇵"},
		{"heart as an emoji", "❤\ufe0f❤\ufe0f❤\ufe0f❤\ufe0f❤\ufe0f/❤\ufe0f"},
		{"combining marks in a long word", "aaaaaaaaaa\u0301/aaa"},

		{"only full stops", "。。。。。。/。。。。。。/。"},
		{"only opening brackets", "「「「「「/「"},
	} {
		t.Run(v.name, func(t *testing.T) {
			want := strings.ReplaceAll(v.want, "_", " ")
			if !strings.Contains(v.want, "://") {
				want = strings.ReplaceAll(want, "/", "\n")
			} else { // the slashes of a URL are no marks
				for _, mark := range []string{"あ/", "/い"} {
					want = strings.ReplaceAll(want, mark, strings.ReplaceAll(mark, "/", "\n"))
				}
			}
			if v.name == "mailto" || v.name == "mail address" {
				want = strings.ReplaceAll(v.want, "/", "\n")
			}
			in := strings.ReplaceAll(want, "\n", "")
			if got := wrap.Text(in, wrap.Options{Width: 10}); got != want {
				t.Errorf("got\n%q\nwant\n%q", got, want)
			}
		})
	}
}

// Whatever the width, these don't begin a line, and those don't end one.
func TestForbidden(t *testing.T) {
	const (
		noStart = "、。，．・：；？！゛゜ヽヾゝゞ々ー）］｝〕〉》」』】ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ｡｣､･ｧｨｩｪｫｬｭｮｯｰ)]},.;:!?"
		noEnd   = "（［｛〔〈《「『【‘“〝｢([{"
	)
	for width := 8; width < 40; width++ {
		for _, r := range noStart {
			for line := range strings.SplitSeq(wrap.Text(rep("漢字"+string(r), 30), wrap.Options{Width: width}), "\n") {
				if strings.HasPrefix(line, string(r)) {
					t.Errorf("%d columns: %c begins %q", width, r, line)
				}
			}
		}
		for _, r := range noEnd {
			for line := range strings.SplitSeq(wrap.Text(rep("漢字"+string(r), 30)+"漢", wrap.Options{Width: width}), "\n") {
				if strings.HasSuffix(line, string(r)) {
					t.Errorf("%d columns: %c ends %q", width, r, line)
				}
			}
		}
	}
}

func TestOptions(t *testing.T) {
	ten := wrap.Options{Width: 10}
	for _, v := range []struct {
		name     string
		opt      wrap.Options
		in, want string
	}{
		{"narrow symbols", wrap.Options{Width: 10, NarrowAmbiguous: true}, "○○○○○○○○○○○", "○○○○○○○○○○\n○"},
		{"wide symbols", ten, "○○○○○○", "○○○○○\n○"},
		{"long words", wrap.Options{Width: 10, KeepLongWords: true}, "あ" + rep("a", 12) + "い", "あ\n" + rep("a", 12) + "\nい"},
		{"kept line", wrap.Options{Width: 10, Keep: func(l string) bool { return strings.HasPrefix(l, "code") }},
			"code あいうえおか\r\nあいうえおか", "code あいうえおか\r\nあいうえお\r\nか"},

		{"CRLF", ten, "あいうえおか\r\nあ\r\n", "あいうえお\r\nか\r\nあ\r\n"},
		{"CR", ten, "あいうえおか\rあ\r", "あいうえお\rか\rあ\r"},
		{"last line like the one before", ten, "あ\r\nあいうえおか", "あ\r\nあいうえお\r\nか"},
		{"blank lines", ten, "\n\n\nあいうえおか\n\n", "\n\n\nあいうえお\nか\n\n"},
		{"empty", ten, "", ""},

		{"quoted", ten, "> あいうえおか", "> あいうえ\n> おか"},
		{"quoted without a space", ten, ">あいうえおか", ">あいうえ\n>おか"},
		{"quoted twice", ten, "> > あいうえ", "> > あいう\n> > え"},
		{"quoted, nothing but marks", ten, rep(">", 20), rep(">", 20)},
		{"quoted too deep", ten, ">>>>>>あいうえ", ">>>>>>あいうえ"},
		{"quoted CRLF", ten, "> aaaa bbbb\r\n", "> aaaa \r\n> bbbb\r\n"},
		{"quoted URL", ten, "> https://a.jp/b あ", "> https://a.jp/b \n> あ"},

		{"not UTF-8", ten, rep("\xff", 11), rep("\xff", 10) + "\n\xff"},
		{"one column", wrap.Options{Width: 1}, "あい a", "あ\nい \na"},
		{"negative width", wrap.Options{Width: -1}, rep("a ", 46), rep("a ", 45) + "\na "},
	} {
		t.Run(v.name, func(t *testing.T) {
			if got := wrap.Text(v.in, v.opt); got != v.want {
				t.Errorf("got\n%q\nwant\n%q", got, v.want)
			}
		})
	}
}

// Inputs that cost some programs a time that grows with the square of their
// length.
func TestHostile(t *testing.T) {
	for _, in := range []string{
		rep(" ", 1e5) + "x",
		"x" + rep(" ", 1e5) + "x",
		"（" + rep(" ", 1e5) + "x",
		rep("\t", 1e5) + "x",
		rep("a", 1<<20),
		rep("。", 1<<16),
		rep("（", 1<<16),
		rep("。（", 1<<16),
		rep("\u0301", 1<<17),
		rep("\u200b", 1<<17),
		rep("👨\u200d", 1<<16),
		rep(">", 1e5) + " a" + rep(" a", 1e5),
		rep("> ", 20) + rep("a ", 1e5),
		rep("a:", 1<<17),
		rep("mailto", 1<<16) + ":",
		rep("@", 1<<17),
		rep("1,", 1<<17),
		rep("\xf0\x9f", 1<<16),
		rep("\n", 1<<16),
	} {
		out := wrap.Text(in, wrap.Options{})
		if len(out) > 4*len(in) {
			t.Errorf("%.20q grew from %d to %d octets", in, len(in), len(out))
		}
		check(t, in, out, wrap.Options{Width: wrap.DefaultWidth})
	}
}

func TestCharacters(t *testing.T) {
	for _, want := range [][]string{
		{"a", "あ", "か\u3099", "e\u0301", "葛\U000E0100"},
		{"👨\u200d👩\u200d👧", "👍🏽", "🇯🇵", "🇯🇵", "🇯", "a"},
		{"1\ufe0f\u20e3", "❤\ufe0f", "🏴\U000E0067\U000E0062\U000E007F"},
		{"\u1100\u1161\u11a8", "가", "나\u11a8"},
		{"ｶﾞ", "ｱ", "\xff", "\xe3\x81"[:1], "\x81"},
		{"あ", "\u200b", "い"},
	} {
		if got := wrap.Characters(strings.Join(want, "")); !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
	}
}

// check holds a wrapped text against the one that was given.
func check(t testing.TB, in, out string, opt wrap.Options) {
	t.Helper()
	for in != "" {
		line, eol := firstLine(in)
		in = in[len(line)+len(eol):]
		marks, valid := quoteMarks(line), utf8.ValidString(line)
		for first, todo := true, line; ; first = false {
			got, gotEOL := firstLine(out)
			out = out[len(got)+len(gotEOL):]
			checkWidth(t, line, got, marks, opt)
			piece, ok := strings.CutPrefix(got, marks)
			if !ok {
				t.Fatalf("%q has lost the marks %q", got, marks)
			}
			if first {
				piece = got
			}
			if todo, ok = strings.CutPrefix(todo, piece); !ok || piece == "" && todo != "" {
				t.Fatalf("%q became %q, which doesn't go on with %q", line, got, todo)
			}
			if valid && !utf8.ValidString(piece) {
				t.Fatalf("%q has half a character", piece)
			}
			if todo == "" {
				if gotEOL != eol {
					t.Fatalf("%q ends with %q, not with %q", line, gotEOL, eol)
				}
				break
			}
		}
	}
	if out != "" {
		t.Fatalf("%q was added", out)
	}
}

func checkWidth(t testing.TB, line, got, marks string, opt wrap.Options) {
	t.Helper()
	if len(marks) > opt.Width/2 || wrap.HasURL(got) {
		return
	}
	if n, hang, seen := wrap.Columns(got[len(marks):], opt); n-hang > opt.Width-len(marks) && seen > 1 {
		t.Fatalf("%d columns in %q\nof %q", n, got, line)
	}
}

func firstLine(s string) (line, eol string) {
	for i := range len(s) {
		switch {
		case strings.HasPrefix(s[i:], "\r\n"):
			return s[:i], "\r\n"
		case s[i] == '\n' || s[i] == '\r':
			return s[:i], s[i : i+1]
		}
	}
	return s, ""
}

func quoteMarks(line string) string {
	rest := line
	for {
		r, ok := strings.CutPrefix(rest, ">")
		if !ok {
			return line[:len(line)-len(rest)]
		}
		rest = strings.TrimPrefix(r, " ")
	}
}

// Joined again, a wrapped text is what was given; no line is too wide; and
// wrapping it once more changes nothing.
func FuzzText(f *testing.F) {
	for _, s := range []string{
		rep("あ", 50) + "。", "> " + rep("ab ", 40), "詳しくはhttps://example.jp/をご覧ください。",
		"１，０００円\r\n（税込）\rが\tい　う", "👨\u200d👩\u200d👧か\u3099\u2060\u00a0\u200b", "a\xffb\n>\n",
	} {
		f.Add(s, uint8(20), false)
		f.Add(s, uint8(3), true)
	}
	f.Fuzz(func(t *testing.T, s string, width uint8, narrow bool) {
		opt := wrap.Options{Width: int(width), NarrowAmbiguous: narrow}
		out := wrap.Text(s, opt)
		if width == 0 {
			opt.Width = wrap.DefaultWidth
		}
		check(t, s, out, opt)
		if again := wrap.Text(out, opt); again != out && !strings.Contains(s, ">") {
			t.Fatalf("%q\nbecame %q\nand then %q", s, out, again)
		}
		opt.Keep = func(string) bool { return true }
		if got := wrap.Text(s, opt); got != s {
			t.Fatalf("%q was to be kept and became %q", s, got)
		}
	})
}

func BenchmarkText(b *testing.B) {
	japanese := rep(rep("これは日本語の文章で、折り返しの速さを測るためのものです。", 8)+"\n", 100)
	for _, v := range []struct{ name, text string }{
		{"Japanese", japanese},
		{"English", rep(rep("The quick brown fox jumps over the lazy dog. ", 8)+"\n", 100)},
		{"short lines", rep("短い行です。\n", 2000)},
		{"no break", rep("a", 1<<20)},
	} {
		b.Run(v.name, func(b *testing.B) {
			b.SetBytes(int64(len(v.text)))
			b.ReportAllocs()
			for b.Loop() {
				wrap.Text(v.text, wrap.Options{Width: 70})
			}
		})
	}
}

func ExampleText() {
	const text = "このたびはご注文いただき、誠にありがとうございました。詳しくはhttps://example.jp/orders/12345をご覧ください。"
	fmt.Println(wrap.Text(text, wrap.Options{Width: 40}))
	// Output:
	// このたびはご注文いただき、誠にありがとう
	// ございました。詳しくは
	// https://example.jp/orders/12345をご覧く
	// ださい。
}
