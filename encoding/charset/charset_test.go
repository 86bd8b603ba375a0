package charset_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/unicode/norm"

	"github.com/qdmail/qdmail/encoding/charset"
)

func encode(t *testing.T, c charset.Charset, s string) string {
	t.Helper()
	out, err := c.Append(nil, s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return string(out)
}

const jis, asc = "\x1b$B", "\x1b(B"

// The numbers are those of the test vectors that the library keeps since its
// PHP predecessor.
func TestVectors(t *testing.T) {
	for _, v := range []struct{ name, in, want string }{
		{"12 body with line ending", "あ\r\n", "\x1b\x24\x42\x24\x22\x1b\x28\x42\x0d\x0a"},
		{"13 mixed", "あaい", jis + `$"` + asc + "a" + jis + "$$" + asc},
		{"14 half-width kana", "ｱｲｳ", jis + "\x25\x22\x25\x24\x25\x26" + asc},
		{"15 voiced", "ﾊﾟｶﾞ", jis + "\x25\x51\x25\x2c" + asc},
		{"15 semi-voiced", "ｽﾍﾟｯｸ", jis + "\x25\x39\x25\x5a\x25\x43\x25\x2f" + asc},
		{"16 digits stay", "12３ｱ1Abc", "12" + jis + "\x23\x33\x25\x22" + asc + "1Abc"},
		{"17 wave dash", "〜～", jis + "\x21\x41\x21\x41" + asc},
		{"18 minus", "\u2212\uff0d", jis + "\x21\x5d\x21\x5d" + asc},
		{"19 double bar", "\u2016\u2225", jis + "\x21\x42\x21\x42" + asc},
		{"19 cent", "\u00a2\uffe0", jis + "\x21\x71\x21\x71" + asc},
		{"19 pound", "\u00a3\uffe1", jis + "\x21\x72\x21\x72" + asc},
		{"19 not", "\u00ac\uffe2", jis + "\x22\x4c\x22\x4c" + asc},
		{"19 dashes", "\u2015\u2014", jis + "\x21\x3d\x21\x3d" + asc},
		{"19 reverse solidus", "\uff3c", jis + "\x21\x40" + asc},
		{"20 yen", "\u00a5", jis + "\x21\x6f" + asc},
		{"20 overline", "\u203e", jis + "\x21\x31" + asc},
		{"backslash and tilde stay ASCII", "\\~", "\\~"},
		{"macOS kana", norm.NFD.String("プログラムがヾゞ"), encode(t, charset.ISO2022JP, "プログラムがヾゞ")},
		{"half-width with combining mark", "ｶ\u3099ﾊ\u309a", jis + "\x25\x2c\x25\x51" + asc},
		{"marks that join nothing", "ｱﾞ゛ﾟ", jis + "\x25\x22\x21\x2b\x21\x2b\x21\x2c" + asc},
		{"full-width base keeps a half-width mark apart", "カﾞ", jis + "\x25\x2b\x21\x2b" + asc},
		{"mark at a joined kana", "ｶﾞﾞ", jis + "\x25\x2c\x21\x2b" + asc},
		{"ウ", "ｳﾞ", jis + "\x25\x74" + asc},
		{"empty", "", ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			if got := encode(t, charset.ISO2022JP, v.in); got != v.want {
				t.Errorf("got %x\nwant %x", got, v.want)
			}
		})
	}
}

func TestVector21VendorRefused(t *testing.T) {
	for _, s := range []string{"①", "㈱", "Ⅰ", "髙", "﨑", "😀", "𠮷", "é", "か\u309a", "\u3099", "\u0085", "\u00a0"} {
		dst := []byte("before")
		out, err := charset.ISO2022JP.Append(dst, "日本"+s+"語")
		var ce *charset.Error
		if !errors.As(err, &ce) {
			t.Errorf("%s: got %x, %v", s, out, err)
			continue
		}
		r := []rune(s)
		if ce.Rune != r[len(r)-1] || ce.Offset != len("日本"+s)-len(string(r[len(r)-1])) {
			t.Errorf("%s: %+v", s, ce)
		}
		if string(out) != "before" {
			t.Errorf("%s: dst came back as %q", s, out)
		}
	}
}

func TestVector22CP50220(t *testing.T) {
	got := hex.EncodeToString([]byte(encode(t, charset.CP50220, "①㈱髙﨑")))
	if want := hex.EncodeToString([]byte(jis)) + "2d212d6a7c627975" + hex.EncodeToString([]byte(asc)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if l := charset.CP50220.String(); l != "ISO-2022-JP" {
		t.Errorf("label %s", l)
	}
	// What both rows 2 and 13 have goes out as row 2, which is standard.
	if got := encode(t, charset.CP50220, "∩√"); got != encode(t, charset.ISO2022JP, "∩√") {
		t.Errorf("%x", got)
	}
}

func TestControlsThatChangeTheState(t *testing.T) {
	for _, s := range []string{"\x1b", "\x0e", "\x0f"} {
		if out, err := charset.ISO2022JP.Append(nil, "あ"+s); err == nil {
			t.Errorf("%q passed as %x", s, out)
		}
	}
}

func TestInvalidUTF8(t *testing.T) {
	for _, s := range []string{"\xff", "\xe3\x81", "\xc1\xa2", "\xe0\x82\xa2", "\xed\xa0\x80", "あ\x80"} {
		for _, c := range []charset.Charset{charset.UTF8, charset.ISO2022JP, charset.CP50220} {
			out, err := c.Append(nil, s)
			var ce *charset.Error
			if !errors.As(err, &ce) || ce.Rune != utf8.RuneError {
				t.Errorf("%s %q: %x %v", c, s, out, err)
			}
		}
	}
}

func TestUnencodableListsAll(t *testing.T) {
	s := "A①日\xff本㈱"
	var got []string
	for i, r := range charset.ISO2022JP.Unencodable(s) {
		got = append(got, string(r)+"@"+string(rune('0'+i)))
	}
	if g := strings.Join(got, " "); g != "①@1 \ufffd@7 ㈱@;" {
		t.Errorf("got %s", g)
	}
	for i := range charset.UTF8.Unencodable(s) {
		if i != 7 {
			t.Errorf("UTF-8: %d", i)
		}
	}
	if charset.ISO2022JP.Encodable(s) || charset.UTF8.Encodable(s) || !charset.CP50220.Encodable("A①日") {
		t.Error("Encodable disagrees")
	}
}

// An independent table: every character that x/text's own encoder puts into JIS
// X 0208 proper gives the same octets here.
func TestAgainstXText(t *testing.T) {
	enc := japanese.ISO2022JP.NewEncoder()
	agreed, vendorRows, refused := 0, 0, 0
	for r := rune(0x80); r <= 0xFFFF; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		theirs, err := enc.String(string(r))
		ours, ourErr := charset.ISO2022JP.Append(nil, string(r))
		switch {
		case err != nil && ourErr != nil:
		case err != nil: // ours only: the spellings that x/text lacks
			if !strings.ContainsRune("¢£¥¬—‖‾−〜\u3099\u309a", r) && string(ours) == "" {
				t.Errorf("%U: only we have %x", r, ours)
			}
		case strings.HasPrefix(theirs, "\x1b(I"):
			if ourErr != nil {
				t.Errorf("half-width %U refused", r)
			}
		case ourErr != nil:
			if vendorOut, err := charset.CP50220.Append(nil, string(r)); err != nil || string(vendorOut) != theirs {
				t.Errorf("CP50220 %U: %x, x/text %x", r, vendorOut, theirs)
			}
			if row := theirs[3] - 0x20; row != 13 && row < 89 {
				t.Errorf("%U refused though in row %d", r, row)
			}
			vendorRows++
		case string(ours) != theirs:
			t.Errorf("%U: %x, x/text %x", r, ours, theirs)
		default:
			agreed++
		}
		if ourErr != nil {
			refused++
		}
	}
	if agreed != 6879 {
		t.Errorf("%d characters agree, JIS X 0208 has 6879", agreed)
	}
	if vendorRows == 0 || refused == 0 {
		t.Errorf("vendor %d refused %d", vendorRows, refused)
	}
}

func TestDecode(t *testing.T) {
	for _, v := range []struct {
		c        charset.Charset
		in, want string // want "" with in not empty: an error
	}{
		{charset.ISO2022JP, jis + "\x21\x41\x21\x5d\x21\x42\x21\x3d" + asc, "〜−‖―"},
		{charset.ISO2022JP, "\x1b$@$\"\x1b(J\\", "あ\\"},
		{charset.ISO2022JP, jis + "$\"\r\n", ""},
		{charset.ISO2022JP, jis + "$\"", ""},
		{charset.ISO2022JP, jis + "$", ""},
		{charset.ISO2022JP, "\x1b", ""},
		{charset.ISO2022JP, "\x1b$(D\x22\x2f" + asc, ""},
		{charset.ISO2022JP, jis + "\x2d\x21" + asc, ""},
		{charset.CP50220, jis + "\x2d\x21\x7c\x62" + asc, "①髙"},
		{charset.ISO2022JP, "\x1b(I1" + asc, ""},
		{charset.CP50220, "\x1b(I1" + asc, "ｱ"},
		{charset.ISO2022JP, "\xa4\xa2", ""},
		{charset.UTF8, "あ", "あ"},
		{charset.UTF8, "\xff", ""},
	} {
		got, err := v.c.Decode([]byte(v.in))
		if (err == nil) != (v.want != "") || got != v.want {
			t.Errorf("%s %q: %q, %v", v.c, v.in, got, err)
		}
	}
}

// A prefix stands alone, fits, and the pieces put together give the whole back.
func TestAppendPrefix(t *testing.T) {
	const s = "Re: 日本語のﾃﾞｰﾀa、カ\u3099ﾊﾟ"
	whole, _ := charset.ISO2022JP.Decode([]byte(encode(t, charset.ISO2022JP, s)))
	for limit := range 60 {
		var got string
		rest := s
		for rest != "" {
			out, n, err := charset.ISO2022JP.AppendPrefix([]byte("x"), rest, limit)
			if err != nil {
				t.Fatal(limit, err)
			}
			if len(out)-1 > limit {
				t.Fatalf("limit %d: %d octets", limit, len(out)-1)
			}
			if n == 0 {
				break
			}
			piece, err := charset.ISO2022JP.Decode(out[1:])
			if err != nil {
				t.Fatal(limit, err)
			}
			got, rest = got+piece, rest[n:]
		}
		if (limit >= 8) != (rest == "") {
			t.Errorf("limit %d: %q left", limit, rest)
		}
		if rest == "" && got != whole {
			t.Errorf("limit %d: %q", limit, got)
		}
	}
	if out, n, err := charset.UTF8.AppendPrefix(nil, "aあ", 3); string(out) != "a" || n != 1 || err != nil {
		t.Errorf("UTF-8: %q %d %v", out, n, err)
	}
	if out, n, err := charset.UTF8.AppendPrefix(nil, "aあ\xff", 9); string(out) != "aあ" || n != 4 || err == nil {
		t.Errorf("UTF-8: %q %d %v", out, n, err)
	}
}

// Every code point on its own: what is accepted decodes to itself or to the
// character that it is folded to.
func TestEveryCodePoint(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		out, err := charset.ISO2022JP.Append(nil, string(r))
		if err != nil {
			continue
		}
		got, err := charset.ISO2022JP.Decode(out)
		if err != nil {
			t.Fatalf("%U: %x: %v", r, out, err)
		}
		again, _ := charset.ISO2022JP.Append(nil, got)
		if string(again) != string(out) {
			t.Errorf("%U became %q, which is other octets", r, got)
		}
	}
}

// Taking a long run in pieces must not look at the rest of it for each: with the
// square of the length, this would take many minutes.
func TestLongRuns(t *testing.T) {
	for _, s := range []string{strings.Repeat("x", 8<<20), strings.Repeat("あ", 2<<20), strings.Repeat("xあ", 1<<20), strings.Repeat("ｶﾞ", 1<<20)} {
		if !charset.ISO2022JP.Encodable(s) {
			t.Error("not encodable")
		}
		var piece []byte
		for rest := s; rest != ""; {
			out, n, err := charset.ISO2022JP.AppendPrefix(piece[:0], rest, 42)
			if n == 0 || err != nil {
				t.Fatalf("%d, %v", n, err)
			}
			piece, rest = out, rest[n:]
		}
	}
}

func FuzzISO2022JP(f *testing.F) {
	for _, s := range []string{"", "日本語", "aあb①", "ﾊﾟｶﾞ", "カ\u3099", "\x1b$B", "〜−‖", "\xff日", "😀"} {
		f.Add(s, 20)
		f.Add(s, -20)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		for _, c := range []charset.Charset{charset.ISO2022JP, charset.CP50220} {
			out, err := c.Append(nil, s)
			if (err == nil) != c.Encodable(s) {
				t.Fatalf("Append %v, Encodable %v", err, c.Encodable(s))
			}
			bad := 0
			for range c.Unencodable(s) {
				bad++
			}
			if (err == nil) != (bad == 0) {
				t.Fatalf("%v but %d listed", err, bad)
			}
			piece, n, _ := c.AppendPrefix(nil, s, limit)
			if limit >= 0 && len(piece) > limit || n > len(s) {
				t.Fatalf("limit %d: %d octets", limit, len(piece))
			}
			if got, err := c.Decode(piece); err != nil {
				t.Fatalf("prefix %x: %v", piece, err)
			} else if again, err := c.Append(nil, got); err != nil || string(again) != string(piece) {
				t.Fatalf("prefix %x, again %x, %v", piece, again, err)
			}
			if err != nil {
				continue
			}
			for _, b := range out {
				if b >= 0x80 {
					t.Fatalf("octet %#x", b)
				}
			}
			got, err := c.Decode(out)
			if err != nil {
				t.Fatalf("%x: %v", out, err)
			}
			if again, err := c.Append(nil, got); err != nil || string(again) != string(out) {
				t.Fatalf("again %x %v", again, err)
			}
			// x/text's decoder is nobody of ours; it spells some characters the
			// Microsoft way.
			theirs, err := japanese.ISO2022JP.NewDecoder().Bytes(out)
			if err != nil {
				t.Fatal(err)
			}
			micro := strings.NewReplacer("〜", "～", "−", "－", "‖", "∥", "¢", "￠", "£", "￡", "¬", "￢")
			if micro.Replace(got) != string(theirs) {
				t.Fatalf("%q, x/text %q", got, theirs)
			}
		}
	})
}

func BenchmarkISO2022JP10KB(b *testing.B) {
	text := strings.Repeat("吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\r\n", 100)
	b.Run("ours", func(b *testing.B) {
		dst := make([]byte, 0, 2*len(text))
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			dst, _ = charset.ISO2022JP.Append(dst[:0], text)
		}
	})
	b.Run("xtext-Encoder.String", func(b *testing.B) {
		enc := japanese.ISO2022JP.NewEncoder()
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			enc.String(text)
		}
	})
	b.Run("xtext-Transform", func(b *testing.B) {
		enc := japanese.ISO2022JP.NewEncoder()
		dst, src := make([]byte, 2*len(text)), []byte(text)
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			enc.Transform(dst, src, true)
		}
	})
}
