package header_test

import (
	"bytes"
	"errors"
	"mime"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/header"
)

const jp = charset.ISO2022JP

// decode undoes encoded-words with the standard library's decoder.
func decode(t testing.TB, s string) string {
	t.Helper()
	dec := mime.WordDecoder{CharsetReader: jisReader}
	out, err := dec.DecodeHeader(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return out
}

func field(t testing.TB, name string, write func(b *header.Builder)) string {
	t.Helper()
	var b header.Builder
	b.Field(name)
	write(&b)
	b.End()
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	out := string(b.Bytes())
	checkLines(t, out)
	return out
}

func text(t testing.TB, s string, c charset.Charset) string {
	return field(t, "Subject", func(b *header.Builder) { b.Text(s, c) })
}

// value unfolds a field and cuts its name off.
func value(t testing.TB, f string) string {
	t.Helper()
	_, v, ok := strings.Cut(strings.TrimSuffix(f, "\r\n"), ":")
	if !ok {
		t.Fatalf("no field: %q", f)
	}
	v = strings.ReplaceAll(v, "\r\n", "")
	return strings.TrimPrefix(v, " ")
}

// singleSpace is where a line can fold.
var singleSpace = regexp.MustCompile(`[^ ] [^ ]`)

// checkLines asserts what holds for every field that a Builder writes.
func checkLines(t testing.TB, f string) {
	t.Helper()
	if !strings.HasSuffix(f, "\r\n") {
		t.Fatalf("no line ending: %q", f)
	}
	for i, line := range strings.Split(strings.TrimSuffix(f, "\r\n"), "\r\n") {
		if strings.ContainsAny(line, "\r\n\x00") {
			t.Fatalf("bare control in %q", line)
		}
		if i > 0 && (line == "" || line[0] != ' ' || strings.TrimSpace(line) == "") {
			t.Fatalf("continuation %q", line)
		}
		if len(line) > 998 {
			t.Fatalf("%d octets", len(line))
		}
		if len(line) > 78 && singleSpace.MatchString(line) && !strings.Contains(line, `"`) {
			t.Errorf("could fold: %q", line)
		}
		for w := range strings.FieldsSeq(line) {
			if !strings.HasPrefix(w, "=?") {
				continue
			}
			if len(line) > 76 {
				t.Errorf("%d octets in a line with encoded-words: %q", len(line), line)
			}
			if len(w) > 75 {
				t.Errorf("%d octets in %q", len(w), w)
			}
			if got := decode(t, w); got == w || !utf8.ValidString(got) {
				t.Errorf("%q doesn't decode alone: %q", w, got)
			}
		}
	}
}

func TestVectors1to3(t *testing.T) {
	for _, v := range []struct{ in, want string }{
		{"日本語", "Subject: =?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=\r\n"},
		{"テスト", "Subject: =?ISO-2022-JP?B?GyRCJUYlOSVIGyhC?=\r\n"},
		{"メールのテスト（サブジェクト）",
			"Subject: =?ISO-2022-JP?B?GyRCJWEhPCVrJE4lRiU5JUghSiU1JVYlOCUnJS8lSCFLGyhC?=\r\n"},
	} {
		if got := text(t, v.in, jp); got != v.want {
			t.Errorf("%s:\n got %q\nwant %q", v.in, got, v.want)
		}
	}
}

func TestVectors4to6LongSubject(t *testing.T) {
	in := strings.Repeat("あ", 60)
	f := text(t, in, jp) // checkLines looks at each word and line
	words := strings.Fields(strings.TrimPrefix(f, "Subject:"))
	if len(words) < 4 {
		t.Errorf("%d words", len(words))
	}
	for _, w := range words {
		raw, err := (&mime.WordDecoder{CharsetReader: rawReader}).Decode(w)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(raw, "\x1b$B") || !strings.HasSuffix(raw, "\x1b(B") || len(raw)%2 != 0 {
			t.Errorf("%q: %q", w, raw)
		}
	}
	if got := decode(t, value(t, f)); got != in {
		t.Errorf("got %q", got)
	}
}

func TestTextSurvives(t *testing.T) {
	long := strings.Repeat("0123456789", 20)
	for _, v := range []struct{ name, in string }{
		{"7 mixed", "Re: 見積 2024"},
		{"8 long word", long},
		{"8 long word behind a short one", "Re: " + long},
		{"10 look-alike", "=?utf-8?B?44GC?="},
		{"10 look-alike inside", "see =?utf-8?B?44GC?= there"},
		{"24 emoji", "ありがとう😀"},
		{"double spaces", "a  b   c    d"},
		{"folding at double spaces", strings.Repeat("word  ", 20) + "end"},
		{"leading space", " a"},
		{"trailing space", "a "},
		{"tab", "a\tb"},
		{"only a space", " "},
		{"many spaces", "a" + strings.Repeat(" ", 200) + "b"},
		{"Latin", "Grüße aus Köln"},
		{"Q with specials", "é=?_ \"(),.:;<>@[\\]"},
		{"escape", "a\x1bb"},
		{"kanji beyond the BMP", "𠮷野家"},
		{"variation sequence", "葛\U000E0100城"},
		{"combining", "e\u0301"},
		{"5000", strings.Repeat("漢字とかな", 1000)},
		{"77 octets", strings.Repeat("x", 77)},
		{"empty", ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			c := jp
			if !c.Encodable(v.in) {
				c = charset.UTF8
			}
			for _, c := range []charset.Charset{c, charset.UTF8} {
				f := text(t, v.in, c)
				if got := decode(t, value(t, f)); got != v.in {
					t.Errorf("%s: got %q\nfrom %q", c, got, f)
				}
				m, err := mail.ReadMessage(strings.NewReader(f + "\r\n"))
				if err != nil {
					t.Fatal(err)
				}
				if got := decode(t, m.Header.Get("Subject")); got != v.in && strings.TrimSpace(got) == got {
					t.Errorf("net/mail: got %q", got)
				}
			}
		})
	}
}

func TestLongFieldName(t *testing.T) {
	name := "X-" + strings.Repeat("n", 70)
	f := field(t, name, func(b *header.Builder) { b.Text("日本語のとても長い題名", jp) })
	if got := decode(t, value(t, f)); got != "日本語のとても長い題名" {
		t.Errorf("%q", f)
	}
}

func TestVector9Injection(t *testing.T) {
	for _, bad := range []string{"Hi\r\nBcc: x@y", "a\rb", "a\nb", "a\x00b", "a\xffb"} {
		for what, write := range map[string]func(b *header.Builder){
			"Text":       func(b *header.Builder) { b.Text(bad, jp) },
			"Structured": func(b *header.Builder) { b.Structured(bad) },
			"Token":      func(b *header.Builder) { b.Token(bad) },
			"Glue":       func(b *header.Builder) { b.Glue(bad) },
			"Phrase":     func(b *header.Builder) { b.Phrase(bad, jp) },
			"Mailbox":    func(b *header.Builder) { b.Mailbox(bad, "a@b.jp", jp) },
			"address":    func(b *header.Builder) { b.Mailbox("", bad+"@b.jp", jp) },
			"Param":      func(b *header.Builder) { b.Param("name", bad) },
			"ParamWords": func(b *header.Builder) { b.ParamWords("name", bad, jp) },
			"param name": func(b *header.Builder) { b.Param(bad, "x") },
		} {
			var b header.Builder
			b.Field("X")
			write(&b)
			b.End()
			var he *header.Error
			if !errors.As(b.Err(), &he) {
				t.Errorf("%s of %q passed: %q", what, bad, b.Bytes())
			}
			if s := string(b.Bytes()); strings.Contains(s, "\n") || strings.Contains(s, "\r") {
				t.Errorf("%s of %q wrote %q", what, bad, s)
			}
		}
	}
	for _, name := range []string{"", "X A", "X:", "X-A\r\nX-B", "X-é", "X\x00", "X\t", strings.Repeat("x", 77)} {
		var b header.Builder
		b.Field(name)
		b.Text("v", jp)
		b.End()
		if !errors.Is(b.Err(), header.ErrFieldName) || len(b.Bytes()) != 0 {
			t.Errorf("name %q: %v, %q", name, b.Err(), b.Bytes())
		}
	}
}

func TestStructuredRefusesText(t *testing.T) {
	var b header.Builder
	b.Field("List-Id")
	b.Structured("日本語 <x>")
	if !errors.Is(b.Err(), header.ErrNotASCII) {
		t.Error(b.Err())
	}
	b.Reset(nil)
	b.Field("X")
	b.Token(strings.Repeat("x", 1000))
	if !errors.Is(b.Err(), header.ErrLineTooLong) {
		t.Error(b.Err())
	}
}

func TestCharsetErrorHasOffset(t *testing.T) {
	var b header.Builder
	b.Field("Subject")
	in := strings.Repeat("あ", 50) + "①"
	b.Text(in, jp)
	var he *header.Error
	var ce *charset.Error
	if !errors.As(b.Err(), &he) || he.Rune != '①' || he.Offset != 150 || !errors.As(b.Err(), &ce) {
		t.Errorf("%v", b.Err())
	}
}

func TestVector11Mailboxes(t *testing.T) {
	for _, v := range []struct{ name, addr, want string }{
		{"山田, 太郎", "a@b.jp", "To: =?ISO-2022-JP?B?GyRCOzNFRBsoQiwgGyRCQkBPOhsoQg==?= <a@b.jp>\r\n"},
		{"Doe, John", "a@b.jp", "To: \"Doe, John\" <a@b.jp>\r\n"},
		{"John Doe", "a@b.jp", "To: John Doe <a@b.jp>\r\n"},
		{"", "a@b.jp", "To: a@b.jp\r\n"},
		{`a"b\c`, "a@b.jp", "To: \"a\\\"b\\\\c\" <a@b.jp>\r\n"},
		{"John  Doe", "a@b.jp", "To: \"John  Doe\" <a@b.jp>\r\n"},
		{"J. Doe", "a@b.jp", "To: \"J. Doe\" <a@b.jp>\r\n"},
		{"", "a..b.@docomo.ne.jp", "To: \"a..b.\"@docomo.ne.jp\r\n"},
		{"", `"a b"@x.jp`, "To: \"a b\"@x.jp\r\n"},
		{"", `"plain"@x.jp`, "To: plain@x.jp\r\n"},
		{"", `"toni@example.com> ORCPT=admin@admin.com"@example.com`,
			"To: \"toni@example.com> ORCPT=admin@admin.com\"@example.com\r\n"},
	} {
		f := field(t, "To", func(b *header.Builder) { b.Mailbox(v.name, v.addr, jp) })
		if f != v.want {
			t.Errorf("got  %q\nwant %q", f, v.want)
		}
		p := mail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: jisReader}}
		list, err := p.ParseList(value(t, f))
		if err != nil || len(list) != 1 || list[0].Name != v.name {
			t.Errorf("%q: %v %v", f, list, err)
		}
	}
}

func TestAddrSpecRefusals(t *testing.T) {
	for _, bad := range []string{"", "a", "@", "a@", "@b", `"a@b`, `"a"b"@c`, `"a\"@c`, "a@b c", "a@b>", "a@b\r", "a\u0085b@c",
		"a\u2028@c", "a\x7f@c", "a@b\u3000", "a@(c)b"} {
		if out, err := header.AppendAddrSpec(nil, bad); err == nil {
			t.Errorf("%q passed as %q", bad, out)
		}
	}
}

func TestLongNamesInAddressLists(t *testing.T) {
	names := []string{strings.Repeat("長い名前", 20), strings.Repeat("n", 90), `"` + strings.Repeat(`\`, 60), "A. " + strings.Repeat("b ", 60) + "c"}
	f := field(t, "Cc", func(b *header.Builder) {
		for i, n := range names {
			if i > 0 {
				b.Glue(",")
			}
			b.Mailbox(n, "address@example.jp", jp)
		}
	})
	p := mail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: jisReader}}
	list, err := p.ParseList(value(t, f))
	if err != nil || len(list) != len(names) {
		t.Fatalf("%v %v\n%s", list, err, f)
	}
	for i, n := range names {
		if list[i].Name != n {
			t.Errorf("%q became %q", n, list[i].Name)
		}
	}
}

// TestEveryOctet puts every octet at every place of a text, which is looked at
// several octets at a time.
func TestEveryOctet(t *testing.T) {
	for c := range 256 {
		for n := range 20 {
			for at := range n {
				b := bytes.Repeat([]byte("a"), n)
				b[at] = byte(c)
				s := string(b)
				text := c != '\r' && c != '\n' && c != 0 && c < 0x80
				if err := header.CheckText(s); (err == nil) != text {
					t.Errorf("CheckText(%q): %v", s, err)
				}
				if err := header.CheckASCII(s); (err == nil) != (c >= ' ' && c <= '~') {
					t.Errorf("CheckASCII(%q): %v", s, err)
				}
				if err := header.CheckName(s); (err == nil) != (c > ' ' && c <= '~' && c != ':') {
					t.Errorf("CheckName(%q): %v", s, err)
				}
			}
		}
	}
}
