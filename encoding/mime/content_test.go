package mime_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"golang.org/x/text/encoding/japanese"

	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/mime"
)

func TestContent(t *testing.T) {
	const none = -1
	for _, v := range []struct {
		encoding, body, want string
		bad                  int // where in the body
	}{
		{"base64", "", "", none},
		{"base64", "44GC\r\n44GE\r\n", "あい", none},
		{"base64", "YQ==\r\n\r\n", "a", none},
		{"base64", " Y Q = = ", "a", none},
		{"base64", "YWI=", "ab", none},
		{"base64", "YW*Jj", "abc", 2},
		{"base64", "YQ", "a", 2},
		{"base64", "YQ=", "a", 2},
		{"base64", "YQ===", "a", 2},
		{"base64", "YWJjY", "abc", 5},
		{"base64", "=YWJj", "abc", 0},
		{"base64", "Y=WJj", "abc", 1},
		{"base64", "YWJj=", "abc", 4},
		{"base64", "YQ==\r\nYg==\r\nYWJj", "ababc", 6},
		{"base64", "YWI=\n__________\nList of users\n", "ab", 5},
		{"base64", "YWI=\nWrite to the list\nYWJj\n", "ab", 5},
		{"base64", strings.Repeat("A", 8) + "\x00=\xFF\n", strings.Repeat("\x00", 6), 8},
		{"quoted-printable", "", "", none},
		{"quoted-printable", "a=3D=E3=81=82\r\nb\n", "a=あ\r\nb\n", none},
		{"quoted-printable", "a=\r\nb=\nc= \t\r\nd", "abcd", none},
		{"quoted-printable", "a \t\r\nb=20\r\nc ", "a\r\nb \r\nc", none},
		{"quoted-printable", "a=", "a", none},
		{"quoted-printable", "=e3=8182", "\xe3\x8182", none},
		{"quoted-printable", "a=ZZ=4=", "a=ZZ=4", 1},
		{"quoted-printable", "x\r\n=3D==3D", "x\r\n===", 6},
		{"quoted-printable", "\xE3", "\xE3", 0},
		{"7bit", "a=3D\r\n", "a=3D\r\n", none},
		{"8bit", "\xFF", "\xFF", none},
		{"binary", "\x00\r", "\x00\r", none},
		{"x-uuencode", "begin", "begin", 0},
		{"", "x", "x", 0},
	} {
		p := parse(t, "Content-Transfer-Encoding: "+v.encoding+"\r\n\r\n"+v.body)
		got, err := p.Content()
		if string(got) != v.want {
			t.Errorf("%s %q: %q", v.encoding, v.body, got)
		}
		var e *mime.Error
		switch {
		case v.bad == none:
			if err != nil {
				t.Errorf("%s %q: %v", v.encoding, v.body, err)
			}
		case !errors.As(err, &e) || e.Offset != len(p.Raw())-len(v.body)+v.bad:
			t.Errorf("%s %q: %v", v.encoding, v.body, err)
		}
	}
	// A multipart isn't encoded, whatever it says.
	p := parse(t, "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n--b\n\nx\n--b--")
	if got, err := p.Content(); string(got) != "--b\n\nx\n--b--" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestText(t *testing.T) {
	eucJP, _ := japanese.EUCJP.NewEncoder().String("日本語の①～－ｱ")
	sjis, _ := japanese.ShiftJIS.NewEncoder().String("日本語の①～－ｱ表")
	jis, err := charset.CP50220.Append(nil, "日本語の①〜−\r\nカ表")
	if err != nil {
		t.Fatal(err)
	}
	const kanji, ascii = "\x1b$B", "\x1b(B"
	for _, v := range []struct {
		charset, content, want string
		err                    error
	}{
		{"utf-8", "日本語\r\n", "日本語\r\n", nil},
		{"UTF8", "a\xFF\xFEb", "a\uFFFDb", mime.BadCharset},
		{"utf-8", "\uFFFD", "\uFFFD", nil},
		{"", "plain", "plain", nil},
		{"us-ascii", "日本語", "日本語", nil},
		{"us-ascii", "\x93\xfa", "\uFFFD", mime.BadCharset},
		{"", string(jis), "日本語の①〜−\r\nカ表", nil},
		{"", "\x1b[31m", "\x1b[31m", nil},
		{"ISO-2022-JP", string(jis), "日本語の①〜−\r\nカ表", nil},
		{"'cp50221'", "\x1b(I1\x1b(B", "ｱ", nil},
		{"Shift_JIS", sjis, "日本語の①～－ｱ表", nil},
		{"windows-31j", sjis, "日本語の①～－ｱ表", nil},
		{"sjis", "\x95", "\uFFFD", mime.BadCharset},
		{"cp932", "a\x95\x5c\xF0\x40b", "a表\uFFFDb", mime.BadCharset},
		{"EUC-JP", eucJP, "日本語の①～－ｱ", nil},
		{"x-euc-jp", "\x8F\xA2\xAF\xA4\x22", "˘\uFFFD\"", mime.BadCharset},
		{"iso-8859-1", "\xE9\x80\xA0\xFF", "é€\u00A0ÿ", nil},
		{"windows-1252", "\x93\xE9\x94", "“é”", nil},
		{"cp1252", "a\x81", "a\uFFFD", mime.BadCharset},

		// ISO-2022-JP that package charset refuses.
		{"iso-2022-jp", kanji + "$\"", "あ", nil},
		{"iso-2022-jp", kanji + "$\"\r\n" + kanji + "$$" + ascii + "x\r\n", "あ\r\nいx\r\n", nil},
		{"iso-2022-jp", kanji + "$\"\r\n\r\n", "あ\r\n\r\n", nil},
		{"iso-2022-jp", kanji + "$\"\r\nabcd", "あ\r\nabcd", mime.BadCharset},
		{"iso-2022-jp", kanji + "$\" $$\t" + ascii, "あ い\t", nil},
		{"iso-2022-jp", kanji + "$" + ascii + "x", "\uFFFDx", mime.BadCharset},
		{"iso-2022-jp", kanji + "$\"$\r\nx" + ascii, "あ\uFFFD\r\nx", mime.BadCharset},
		{"iso-2022-jp", kanji + "$\x01$\"" + ascii, "\uFFFD\x01あ", mime.BadCharset},
		{"iso-2022-jp", "\x1b$(D\x22\x2f" + ascii + kanji + "!A!]" + ascii, "˘〜−", nil},
		{"iso-2022-jp", "\x1b$(D\x22\x2f\x22" + ascii, "˘\uFFFD", mime.BadCharset},
		{"iso-2022-jp", kanji + "$\"\x80" + ascii, "あ\uFFFD", mime.BadCharset},
		{"iso-2022-jp", "\xb1" + kanji + "$\"" + ascii, "\uFFFDあ", mime.BadCharset},
		{"iso-2022-jp", "\x0e1\x0f", "\uFFFD1\uFFFD", mime.BadCharset},
		{"iso-2022-jp", "\x1b$A!!" + ascii, "\uFFFD$A!!", mime.BadCharset},
		{"iso-2022-jp", "\x1b(I1~" + ascii, "ｱ\uFFFD", mime.BadCharset},
		{"iso-2022-jp", "x\x1b", "x\uFFFD", mime.BadCharset},
		{"iso-2022-jp", kanji + "\x7e\x7e" + ascii, "\uFFFD", mime.BadCharset},

		{"koi8-r", "x", "", mime.UnknownCharset},
		{"utf-16", "x", "", mime.UnknownCharset},
	} {
		head := "Content-Transfer-Encoding: base64\r\n"
		if v.charset != "" {
			head += "Content-Type: text/plain; charset=" + v.charset + "\r\n"
		}
		p := parse(t, head+"\r\n"+base64.StdEncoding.EncodeToString([]byte(v.content)))
		got, err := p.Text()
		if got != v.want || !errors.Is(err, v.err) {
			t.Errorf("%s %q: %q, %v", v.charset, v.content, got, err)
		}
		var e *mime.Error
		if errors.As(err, &e) && e.Value != strings.Trim(v.charset, "'") {
			t.Errorf("%s %q: %+v", v.charset, v.content, e)
		}
	}
}

func TestTextErrors(t *testing.T) {
	p := parse(t, "Content-Transfer-Encoding: base64\r\n\r\nYQ")
	if got, err := p.Text(); got != "a" || !errors.Is(err, mime.BadBase64) {
		t.Errorf("%q, %v", got, err)
	}
	p = parse(t, "Content-Type: text/plain; charset=x\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ")
	if got, err := p.Text(); got != "" || !errors.Is(err, mime.UnknownCharset) {
		t.Errorf("%q, %v", got, err)
	}
	for _, s := range []string{nestedMail, "Content-Type: message/rfc822\n\nA: b\n\nc", "Content-Type: multipart/mixed\n\nx"} {
		if got, err := parse(t, s).Text(); got != "" || !errors.Is(err, mime.NotText) {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// Every double octet of ISO-2022-JP means the same with and without a defect
// elsewhere in the text.
func TestLenientAgreesWithStrict(t *testing.T) {
	text := func(body string) string {
		s, err := parse(t, "Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n"+body).Text()
		if err != nil {
			return ""
		}
		return s
	}
	n := 0
	for hi := byte(0x21); hi <= 0x7E; hi++ {
		for lo := byte(0x21); lo <= 0x7E; lo++ {
			open := "\x1b$B" + string([]byte{hi, lo})
			strict, err := charset.CP50220.Decode([]byte(open + "\x1b(B"))
			if err != nil {
				strict = ""
			} else {
				n++
			}
			if lenient := text(open); lenient != strict {
				t.Errorf("%02X%02X: %q, %q", hi, lo, lenient, strict)
			}
		}
	}
	if n < 6879 {
		t.Errorf("%d characters", n)
	}
}
