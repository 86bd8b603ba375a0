package transfer_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/width"

	"github.com/qdmail/qdmail/encoding/transfer"
)

func TestAppendFlowed(t *testing.T) {
	const plain, delSp = false, true
	for _, v := range []struct {
		name     string
		delSp    bool
		width    int
		in, want string
	}{
		{"short lines", plain, 20, "one\ntwo\r\nthree\rfour", "one\r\ntwo\r\nthree\r\nfour"},
		{"line ending at the end", plain, 20, "one\n\n", "one\r\n\r\n"},
		{"empty", plain, 20, "", ""},
		{"paragraph", plain, 12, "one two three four\nfive", "one two \r\nthree four\r\nfive"},
		{"full to the last column", plain, 12, "one two thre\none two three", "one two thre\r\none two \r\nthree"},
		{"the space counts", plain, 8, "one two three", "one two \r\nthree"},
		{"so does it here", plain, 7, "one two three", "one \r\ntwo \r\nthree"},
		{"long word", plain, 8, "a https://example.jp/ b", "a \r\nhttps://example.jp/ \r\nb"},
		{"spaces within", plain, 8, "one   two", "one   \r\ntwo"},
		{"more spaces than fit", plain, 8, "one        two", "one     \r\n    two"},
		{"spaces at the end", plain, 20, "one  \n   \ntwo ", "one\r\n\r\ntwo"},
		{"tab at the end", plain, 20, "one\t\n", "one\t\r\n"},

		{"stuffed for a space", plain, 20, " one", "  one"},
		{"stuffed for From", plain, 20, "From here\nFrom\nfrom here", " From here\r\nFrom\r\nfrom here"},
		{"stuffed in the middle", plain, 10, "letters From me > you", "letters \r\n From me \r\n > you"},
		{"stuffing counts", plain, 8, " one two", "  one \r\ntwo"},

		{"quoted", plain, 12, "> one two three", "> one two \r\n> three"},
		{"quoted without a space", plain, 12, ">one two three", ">one two \r\n> three"},
		{"quoted deeper", plain, 11, ">>> one two three", ">>> one \r\n>>> two \r\n>>> three"},
		{"quoted too deep", plain, 8, ">>>>> a b c d", ">>>>> a b c d"},
		{"quoted, with an indentation", plain, 12, ">  one two three", ">  one two \r\n> three"},
		{"quoted, empty", plain, 12, ">\n> \n>>  ", ">\r\n>\r\n>>"},
		{"quoted From", plain, 12, ">From here", ">From here"},

		{"signature", plain, 20, "text \n-- \nname", "text\r\n-- \r\nname"},
		{"quoted signature", plain, 20, "> text\n> -- \n>-- ", "> text\r\n> -- \r\n>-- "},
		{"no signature", plain, 8, "-- one two\n--  \n -- ", "-- one \r\ntwo\r\n--\r\n  --"},
		{"no signature while flowing", plain, 4, "-- three", "-- three"},
		{"none in Japanese", delSp, 4, "--日本", "--日 \r\n本"},

		{"Japanese without DelSp", plain, 8, "日本語の文章です", "日本語の文章です"},
		{"Japanese", delSp, 9, "日本語の文章です", "日本語の \r\n文章です"},
		{"full-width characters and the mark", delSp, 8, "日本語の文章です", "日本語 \r\nの文章 \r\nです"},
		{"full stop", delSp, 9, "日本語文。あ", "日本語 \r\n文。あ"},
		{"opening bracket", delSp, 9, "日本語「文」", "日本語 \r\n「文」"},
		{"word in Japanese", delSp, 8, "日本wordの語", "日本 \r\nwordの語"},
		{"no break in a word", delSp, 4, "abcdefgh日", "abcdefgh \r\n日"},
		{"space in Japanese", delSp, 12, "one two three", "one two  \r\nthree"},
		{"decomposed kana", delSp, 6, "かか\u3099か", "か \r\nか\u3099か"},
		{"after decomposed kana", delSp, 5, "か\u3099か", "か\u3099 \r\nか"},
		{"skin tone", delSp, 4, "👍🏽👍🏽", "👍🏽 \r\n👍🏽"},
		{"quoted Japanese", delSp, 9, "> 日本語の文章", "> 日本語 \r\n> の文章"},
	} {
		t.Run(v.name, func(t *testing.T) {
			if got := string(transfer.AppendFlowed(nil, v.in, v.width, v.delSp)); got != v.want {
				t.Errorf("got\n%q\nwant\n%q", got, v.want)
			}
			checkFlowed(t, v.in, v.width, v.delSp)
		})
	}
}

func TestFlowedWidth(t *testing.T) {
	long := strings.Repeat("abcdefg ", 20)
	for _, w := range []int{0, -1, 79, 1 << 30} {
		first, _, _ := strings.Cut(string(transfer.AppendFlowed(nil, long, w, false)), "\r\n")
		if len(first) != 72 {
			t.Errorf("width %d: the first line has %d columns, want nine words", w, len(first))
		}
	}
	if got := string(transfer.AppendFlowed([]byte("x: "), "a", 0, false)); got != "x: a" {
		t.Errorf("got %q", got)
	}
}

func TestUnflow(t *testing.T) {
	const plain, delSp = false, true
	for _, v := range []struct {
		name     string
		delSp    bool
		in, want string
	}{
		{"paragraph", plain, "one \r\ntwo \r\nthree\r\nfour\r\n", "one two three\nfour\n"},
		{"no line ending at the end", plain, "one \r\ntwo", "one two"},
		{"LF and CR", plain, "one \ntwo\nthree \rfour\r", "one two\nthree four\n"},
		{"empty line ends a paragraph", plain, "one \r\n\r\ntwo", "one \ntwo"},
		{"two spaces", plain, "one  \r\ntwo", "one  two"},
		{"DelSp", delSp, "日本 \r\n語です\r\n", "日本語です\n"},
		{"DelSp and a space", delSp, "one  \r\ntwo", "one two"},

		{"stuffed", plain, "  one\r\n From here\r\n > two\r\n \r\n", " one\nFrom here\n> two\n\n"},
		{"stuffed and flowed", plain, "one \r\n From two", "one From two"},
		{"a space alone is stuffing", plain, " \r\none", "\none"},

		// The conversation of section 4.5, told anew: each depth flows by itself.
		{"quoted", plain, ">> Shall we \r\n>> meet?\r\n> On Monday \r\n> or so.\r\nFine.", ">> Shall we meet?\n> On Monday or so.\nFine."},
		{"quoted without stuffing", plain, ">one \r\n>two", ">one two"},
		{"stuffing that differs", plain, "> one \r\n>two", "> one two"},
		{"depth wins", plain, "> one \r\n>> two \r\nthree", "> one \n>> two \nthree"},
		{"depth wins, DelSp", delSp, "> one \r\nthree", "> one \nthree"},
		{"marks with a space between are one mark", plain, "> > one \r\n> two", "> > one two"},

		{"signature", plain, "text\r\n-- \r\nname", "text\n-- \nname"},
		{"signature ends a paragraph", plain, "text \r\n-- \r\nname", "text \n-- \nname"},
		{"quoted signature", plain, "> text \r\n> -- \r\n> name", "> text \n> -- \n> name"},
		{"signature and DelSp", delSp, "-- \r\nname", "-- \nname"},

		{"flowing to the end", plain, "one ", "one "},
		{"flowing to the end, DelSp", delSp, "one \r\n", "one \n"},
		{"empty", plain, "", ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			if got := transfer.Unflow(v.in, v.delSp); got != v.want {
				t.Errorf("got\n%q\nwant\n%q", got, v.want)
			}
		})
	}
}

// normal is what becomes of a text on its way: line endings are LF, and no line
// but the one above a signature ends with a space.
func normal(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		content := strings.TrimLeft(l, ">")
		if len(content) < len(l) {
			content = strings.TrimPrefix(content, " ")
		}
		if content != "-- " {
			lines[i] = strings.TrimRight(l, " ")
		}
	}
	return strings.Join(lines, "\n")
}

func checkFlowed(t testing.TB, text string, columns int, delSp bool) {
	t.Helper()
	flowed := string(transfer.AppendFlowed(nil, text, columns, delSp))
	if got := transfer.Unflow(flowed, delSp); got != normal(text) {
		t.Fatalf("%q\nbecame %q\nand then %q", text, flowed, got)
	}
	if !transfer.IsCRLF(flowed) {
		t.Fatalf("not all line endings of %q are CRLF", flowed)
	}
	if columns <= 0 || columns > transfer.MaxFlowed {
		columns = transfer.MaxFlowed
	}
	for line := range strings.SplitSeq(flowed, "\r\n") {
		marks := len(line) - len(strings.TrimLeft(line, ">"))
		// A word may be too long, but two don't stand on a line that is.
		if wide(line) > columns && marks <= columns/2 && strings.Contains(strings.Trim(line[marks:], " "), " ") &&
			!strings.HasPrefix(strings.TrimLeft(line[marks:], " "), "-- ") {
			t.Fatalf("%d columns in %q", wide(line), line)
		}
		if strings.HasPrefix(line, "From ") {
			t.Fatalf("%q isn't stuffed", line)
		}
	}
}

// wide is the number of columns of s.
func wide(s string) (n int) {
	for _, r := range s {
		n++
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth, width.EastAsianAmbiguous:
			n++
		}
	}
	return n
}

func TestFlowedHostile(t *testing.T) {
	for _, in := range []string{
		strings.Repeat(" ", 1e5) + "x",
		strings.Repeat("a", 1<<20),
		strings.Repeat("日", 1<<18),
		strings.Repeat("。", 1<<18),
		strings.Repeat("a ", 1<<19),
		strings.Repeat(">", 1e5) + strings.Repeat(" a", 1e5),
		strings.Repeat(">", 30) + strings.Repeat(" a", 1e5),
		strings.Repeat("\n", 1<<20),
		strings.Repeat("\u3099", 1<<18),
	} {
		for _, delSp := range []bool{false, true} {
			checkFlowed(t, in, 0, delSp)
		}
	}
}

func FuzzFlowed(f *testing.F) {
	for _, s := range []string{
		"one two  three\n-- \nname", "> one two three\r\n>> x", " From here\rFrom there", "日本語の、文章word「です」。",
		"> -- \n-- a b", ">  \n > a\n", "--日本\n--  ", "か\u3099👍🏽\xff",
	} {
		f.Add(s, 9, true)
		f.Add(s, 5, false)
	}
	f.Fuzz(func(t *testing.T, text string, width int, delSp bool) {
		checkFlowed(t, text, width, delSp)
		transfer.Unflow(text, delSp)
	})
}

func BenchmarkAppendFlowed(b *testing.B) {
	japanese := strings.Repeat(strings.Repeat("これは日本語の文章で、速さを測るためのものです。", 8)+"\n", 100)
	b.SetBytes(int64(len(japanese)))
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		dst = transfer.AppendFlowed(dst[:0], japanese, 0, true)
	}
}

func ExampleAppendFlowed() {
	flowed := transfer.AppendFlowed(nil, "この行は長いので、折り返されます。", 24, true)
	fmt.Printf("%q\n", flowed)
	fmt.Println(transfer.Unflow(string(flowed), true))
	// Output:
	// "この行は長いので、折り \r\n返されます。"
	// この行は長いので、折り返されます。
}
