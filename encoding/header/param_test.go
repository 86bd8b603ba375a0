package header_test

import (
	"fmt"
	"io"
	"mime"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/header"
)

func jisReader(label string, r io.Reader) (io.Reader, error) {
	if !strings.EqualFold(label, "iso-2022-jp") {
		return nil, fmt.Errorf("unexpected charset %q", label)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	s, err := charset.CP50220.Decode(b)
	return strings.NewReader(s), err
}

func rawReader(_ string, r io.Reader) (io.Reader, error) { return r, nil }

func disposition(t testing.TB, name string) string {
	return field(t, "Content-Disposition", func(b *header.Builder) {
		b.Token("attachment")
		b.Param("filename", name)
	})
}

func TestVector26FileName(t *testing.T) {
	const name = "見積書.pdf"
	if f := disposition(t, name); f !=
		"Content-Disposition: attachment;\r\n filename*=UTF-8''%E8%A6%8B%E7%A9%8D%E6%9B%B8.pdf\r\n" {
		t.Errorf("%q", f)
	}
	f := field(t, "Content-Type", func(b *header.Builder) {
		b.Token("application/pdf")
		b.ParamWords("name", name, jp)
	})
	if f != "Content-Type: application/pdf;\r\n name=\"=?ISO-2022-JP?B?GyRCOCtAUT1xGyhCLnBkZg==?=\"\r\n" {
		t.Errorf("%q", f)
	}
}

var section = regexp.MustCompile(`^ filename\*\d+\*=(?:UTF-8'')?((?:%[0-9A-F]{2}|[^%;'])*);?$`)

func TestVector27LongFileName(t *testing.T) {
	name := strings.Repeat("長い名前の資料", 12)[:80*3]
	f := disposition(t, name)
	lines := strings.Split(strings.TrimSuffix(f, "\r\n"), "\r\n")
	for _, l := range lines[1:] {
		if len(l) > 78 {
			t.Errorf("%d octets: %q", len(l), l)
		}
		m := section.FindStringSubmatch(l)
		if m == nil {
			t.Errorf("split inside %%XX: %q", l)
			continue
		}
		if n := strings.Count(m[1], "%"); n%3 != 0 {
			t.Errorf("splits a character: %q", l)
		}
	}
	_, params, err := mime.ParseMediaType(value(t, f))
	if err != nil || params["filename"] != name {
		t.Errorf("%q %v", params, err)
	}
}

func TestParams(t *testing.T) {
	for _, name := range []string{"a.txt", "with space.txt", `a"b\c.txt`, `report.txt"; filename="payload.exe`, "a=?b?=.txt",
		"tab\t.txt", strings.Repeat("a", 61), strings.Repeat("a", 400), "x;y.txt", "資料 (最終).xlsx", "é", "100%.txt", "it's*.txt", "\u202efdp.exe", "😀😀😀😀😀😀😀😀😀😀.png"} {
		f := disposition(t, name)
		_, params, err := mime.ParseMediaType(value(t, f))
		if err != nil || params["filename"] != name || len(params) != 1 {
			t.Errorf("%q: %q %v", f, params, err)
		}
		c := jp
		if !c.Encodable(name) {
			c = charset.UTF8
		}
		f = field(t, "Content-Type", func(b *header.Builder) {
			b.Token("application/octet-stream")
			b.ParamWords("name", name, c)
		})
		_, params, err = mime.ParseMediaType(value(t, f))
		if err != nil || decode(t, params["name"]) != name || len(params) != 1 {
			t.Errorf("%q: %q %v", f, params, err)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"a", "日本語", "Re: 見積 2024", " x ", "=?a?b?c?=", "a\r\nb", "é  é", strings.Repeat("x ", 60), "\xff", "①"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range []charset.Charset{jp, charset.CP50220, charset.UTF8} {
			var b header.Builder
			b.Field("Subject")
			b.Text(s, c)
			b.End()
			if b.Err() != nil {
				if utf8.ValidString(s) && !strings.ContainsAny(s, "\r\n\x00") && c.Encodable(s) {
					t.Fatal(b.Err())
				}
				continue
			}
			out := string(b.Bytes())
			checkLines(t, out)
			want := s
			if c.JIS() {
				want = folded(c, s)
			}
			if got := decode(t, value(t, out)); got != want && got != s {
				t.Fatalf("%q became %q in %q", s, got, out)
			}
		}
	})
}

// folded is what c makes of s, there and back.
func folded(c charset.Charset, s string) string {
	out, err := c.Append(nil, s)
	if err != nil {
		return s
	}
	back, _ := c.Decode(out)
	return back
}

func FuzzPhrase(f *testing.F) {
	for _, s := range []string{"a b", "Doe, John", `"\`, "山田 太郎", "a  b", " ", "=?x?=", strings.Repeat("\\", 70)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b header.Builder
		b.Field("To")
		b.Mailbox(s, "a@b.jp", charset.UTF8)
		b.End()
		if b.Err() != nil {
			if utf8.ValidString(s) && !strings.ContainsAny(s, "\r\n\x00") {
				t.Fatal(b.Err())
			}
			return
		}
		out := string(b.Bytes())
		checkLines(t, out)
		name, ok := strings.CutSuffix(value(t, out), "<a@b.jp>")
		if !ok && s != "" {
			t.Fatalf("%q", out)
		}
		if s == "" {
			return
		}
		name = strings.TrimSuffix(name, " ")
		if q, ok := strings.CutPrefix(name, `"`); ok {
			name = unquote(strings.TrimSuffix(q, `"`))
		} else {
			name = decode(t, name)
		}
		if name != s {
			t.Fatalf("%q became %q in %q", s, name, out)
		}
	})
}

func unquote(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func FuzzParam(f *testing.F) {
	for _, s := range []string{"a.txt", "見積書.pdf", `a"b\c`, "", "\t", "x'y", "=?", strings.Repeat("字", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b header.Builder
		b.Field("Content-Type")
		b.Token("text/plain")
		b.ParamWords("name", s, charset.UTF8)
		b.Param("filename", s)
		b.End()
		if b.Err() != nil {
			if utf8.ValidString(s) && !strings.ContainsAny(s, "\r\n\x00") {
				t.Fatal(b.Err())
			}
			return
		}
		out := string(b.Bytes())
		checkLines(t, out)
		_, params, err := mime.ParseMediaType(value(t, out))
		if err != nil || params["filename"] != s || decode(t, params["name"]) != s {
			t.Fatalf("%q: %q %v in %q", s, params, err, out)
		}
	})
}

func FuzzAddrSpec(f *testing.F) {
	for _, s := range []string{"a@b", `"a b"@c`, "a..b@docomo.ne.jp", `"a\"b"@c`, `a"b@c`, "é@x", "a@b@c", `"@"@x`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out, err := header.AppendAddrSpec(nil, s)
		if err != nil {
			return
		}
		again, err := header.AppendAddrSpec(nil, string(out))
		if err != nil || string(again) != string(out) {
			t.Fatalf("%q, then %q, %v", out, again, err)
		}
		if strings.ContainsAny(string(out), "\r\n\x00") {
			t.Fatalf("%q", out)
		}
	})
}

func BenchmarkSubject(b *testing.B) {
	for _, v := range []struct {
		name, s string
		c       charset.Charset
	}{
		{"ASCII", "Your order has been shipped", charset.UTF8},
		{"ISO-2022-JP", "ご注文ありがとうございます（注文番号 2026-0042）", jp},
		{"UTF-8", "ご注文ありがとうございます（注文番号 2026-0042）", charset.UTF8},
	} {
		b.Run(v.name, func(b *testing.B) {
			buf := make([]byte, 0, 1024)
			b.ReportAllocs()
			for b.Loop() {
				var h header.Builder
				h.Reset(buf)
				h.Field("Subject")
				h.Text(v.s, v.c)
				h.End()
				buf = h.Bytes()[:0]
			}
		})
	}
}

// FuzzFolding: unfolding a field gives back what was folded.
func FuzzFolding(f *testing.F) {
	for _, s := range []string{"<a@b> <c@d>", strings.Repeat("word ", 60), "a  b", strings.Repeat("x", 997), " x "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b header.Builder
		b.Field("References")
		b.Structured(s)
		b.End()
		if b.Err() != nil {
			long := false
			for w := range strings.SplitSeq(s, " ") {
				long = long || len(w) > 900
			}
			if header.CheckASCII(s) == nil && !long && !strings.Contains(s, "  ") {
				t.Fatal(b.Err())
			}
			return
		}
		out := string(b.Bytes())
		checkLines(t, out)
		if got, want := value(t, out), strings.Trim(s, " "); got != want {
			t.Fatalf("%q became %q in %q", want, got, out)
		}
	})
}
