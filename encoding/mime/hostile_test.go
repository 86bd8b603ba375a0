package mime_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/qdmail/qdmail/encoding/mime"
)

// unlimited lets the size of an input alone decide how long it takes.
var unlimited = mime.Limits{Depth: 1 << 30, Parts: 1 << 30, Fields: 1 << 30, HeaderOctets: 1 << 30, Params: 1 << 30}

func nestedMultiparts(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	return b.Bytes()
}

// Each of these would take minutes or run out of stack with a parser that isn't
// linear, and most ask for more than the default limits allow.
func TestHostileSizes(t *testing.T) {
	repeat := func(s string, n int) []byte { return bytes.Repeat([]byte(s), n) }
	mixed := "Content-Type: multipart/mixed; boundary=b\n\n"
	for _, v := range []struct {
		name  string
		in    []byte
		limit mime.Kind // 0: it is taken by default
		parts int       // without limits; 0 if it isn't tried, because of the memory
	}{
		{"1e5 nested multiparts", nestedMultiparts(1e5), mime.TooDeep, 1e5 + 1},
		{"1e5 nested multiparts of one boundary", repeat(mixed+"--b\n", 1e5), mime.TooDeep, 1e5 + 1},
		{"1e5 nested messages", repeat("Content-Type: message/rfc822\n\n", 1e5), mime.TooDeep, 1e5 + 1},
		{"1e6 fields", repeat("a:b\n", 1e6), mime.TooManyFields, 1},
		{"1e6 continuation lines", append([]byte("a: b\n"), repeat(" c\n", 1e6)...), mime.HeaderTooLong, 1},
		{"100 MB in one field", append([]byte("a: "), repeat("x", 100e6)...), mime.HeaderTooLong, 1},
		{"1e6 boundaries", append([]byte(mixed), repeat("--b\n", 1e6)...), mime.TooManyParts, 0},
		{"1e5 boundaries", append([]byte(mixed), repeat("--b\n", 1e5)...), mime.TooManyParts, 1e5 + 1},
		{"1e6 lines like a boundary", append([]byte(mixed+"--b\n\n"), repeat("--bb\n", 1e6)...), 0, 2},
		{"1e6 end delimiters", append([]byte(mixed+"--b\n\n"), repeat("--b--\n", 1e6)...), 0, 2},
		{"a long boundary that nearly occurs often", []byte("Content-Type: multipart/mixed; boundary=" + strings.Repeat("x", 1e5) + "\n\n" +
			strings.Repeat("--"+strings.Repeat("x", 1e5-1)+"\n", 300)), 0, 1},
		{"1e5 parameters", []byte("Content-Type: text/plain" + strings.Repeat(";a=b", 1e5) + "\n\n"), mime.TooManyParams, 1},
		{"1e5 sections", []byte("Content-Type: text/plain" + strings.Repeat(";a*1*=%41", 1e5) + "\n\n"), mime.TooManyParams, 1},
		{"spaces", []byte("A: " + strings.Repeat(" ", 1e6) + "x" + strings.Repeat("\r\n ", 1e4) + "\r\n\r\n"), 0, 1},
		{"semicolons", []byte("Content-Type: text/plain" + strings.Repeat(";", 1e6) + "\n\n"), 0, 1},
		{"open comments", []byte("Content-Type: " + strings.Repeat("(", 1e6) + "\n\n"), 0, 1},
		{"comments", []byte("Content-Type: text/plain;" + strings.Repeat("(a", 2e5) + strings.Repeat(")", 2e5) + "=\n\n"), 0, 1},
		{"open quotes", []byte("Content-Type: text/plain;" + strings.Repeat(`="a;`, 2e5) + "\n\n"), 0, 1},
		{"words", []byte("Content-Type: text/plain; name=" + strings.Repeat("=?utf-8?q?a", 9e4) + "\n\n"), 0, 1},
		{"padded groups", append([]byte("Content-Transfer-Encoding: base64\n\n"), repeat("YQ==\n", 1e6)...), 0, 1},
		{"escape sequences", append([]byte("Content-Type: text/plain; charset=iso-2022-jp\n\n"), repeat("\x1b$B$\" ", 2e5)...), 0, 1},
	} {
		t.Run(v.name, func(t *testing.T) {
			root, err := mime.Parse(v.in, mime.Limits{})
			var e *mime.Error
			switch {
			case v.limit == 0:
				if err != nil {
					t.Fatal(err)
				}
			case root != nil || !errors.As(err, &e) || e.Kind != v.limit || !errors.Is(err, v.limit) || !v.limit.Limit():
				t.Fatalf("%v", err)
			}
			if v.parts == 0 {
				return
			}
			if root, err = mime.Parse(v.in, unlimited); err != nil {
				t.Fatal(err)
			}
			parts := 0
			root.Walk(func(p *mime.Part) bool {
				parts++
				p.Text()
				p.FileName()
				p.Defects()
				p.Header.Text("a")
				return true
			})
			if parts != v.parts || !bytes.Equal(root.Raw(), v.in) {
				t.Errorf("%d parts", parts)
			}
		})
	}
}

func TestHostileWords(t *testing.T) {
	for _, s := range []string{
		strings.Repeat("=?", 1e6), strings.Repeat("=?x?q?", 3e5), strings.Repeat("=?utf-8?q?a", 2e5),
		strings.Repeat("=?utf-8?b?A", 2e5) + "?=", strings.Repeat("=?utf-8?b?=", 2e5), strings.Repeat("=", 1e6),
		"=?utf-8?q?" + strings.Repeat("?", 1e6), strings.Repeat("=?utf-8?q?=ff?= ", 1e5),
		strings.Repeat("=?utf-8?q?=ff?= =?sjis?q?=ff?= ", 5e4), strings.Repeat("=?iso-2022-jp?q?=1b$B$?= ", 5e4),
	} {
		if got := mime.DecodeHeader(s); len(got) > 2*len(s) {
			t.Errorf("%d octets of %.20q became %d", len(s), s, len(got))
		}
	}
	// mailio issue 227, and the address tricks of header decoding.
	for _, s := range []string{
		"=?==?b?==?=", "=??q?a?=", "=?utf-8?x?a?=", "=?utf-8?q?a", "=?utf-8?q?=4?=", "=?utf-8?b?=?=", "=?utf-8?b?a?=",
		"=?utf-8?b?Y=Q?=", "=?utf-8?b?YQ===?=", "=?x?q?a=40b.com=3E=20?=@x", "=?utf-8?q?=40evil.com=00?=@microsoft.com",
		"=?utf-8?q?x=0D=0ABcc:_e@x?=", "=?utf-8?b?Cg==?=", "=?utf-7?q?+ADw-?=", "=?utf-8?q?=FF?=", "=?utf 8?q?a?=",
	} {
		if got := mime.DecodeHeader(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

// A header has only the fields that every server sees.
func TestHostileHeaders(t *testing.T) {
	for _, v := range []struct {
		in, names string
		defect    mime.Kind
	}{
		{"Subject: x\rBcc: e@x\r\n\r\n", "Subject", mime.BareCR},
		{"Subject: x\r\rBcc: e@x\r\n\r\n", "Subject", mime.BareCR},
		{"Subject: x\x00\r\nTo: a\r\n\r\n", "Subject To", mime.NUL},
		{"Subject: x\u2028Bcc: e@x\r\n\r\n", "Subject", mime.EightBitHeader},
		{"Subject: x\xC2\x85Bcc: e@x\r\n\r\n", "Subject", mime.EightBitHeader},
		{"Subject: x\xFF\r\n\r\n", "Subject", mime.BadUTF8},
		{"Subject: x\r\nX A: b\r\nBcc: e@x\r\n\r\n", "Subject", mime.MissingBlankLine},
		{"Subject: x\r\n\r\r\nBcc: e@x\r\n\r\n", "Subject", mime.MissingBlankLine},
		{"Subject: x\r\n: y\r\nTo: a\r\n\r\n", "Subject  To", mime.BadField},
		{" x: y\r\nTo: a\r\n\r\n", " To", mime.BadField},
		{"From: a\r\nFrom: b\r\n\r\n", "From From", mime.DuplicateField},
		{"FROM: a\r\nfrom : b\r\n\r\n", "FROM from", mime.DuplicateField},
		{"Subject: " + strings.Repeat("x", 990) + "\r\n\r\n", "Subject", mime.LongLine},
		{"Subject: x\r\nBcc: e@x\n\r\n", "Subject Bcc", mime.BareLF},
	} {
		root := parse(t, v.in)
		var names []string
		for _, f := range root.Header {
			names = append(names, f.Name())
		}
		if got := strings.Join(names, " "); got != v.names {
			t.Errorf("%q: fields %q", v.in, got)
		}
		if !has(root, v.defect) {
			t.Errorf("%q: no %v in %v", v.in, v.defect, root.Defects())
		}
	}
}

// Names of files from the lists of other libraries' faults: none becomes another
// parameter, and nothing in them is hidden.
func TestHostileFileNames(t *testing.T) {
	long := strings.Repeat("あ", 1666)
	var sections strings.Builder
	for i := 0; i < len(long); i += 7 { // which splits characters
		fmt.Fprintf(&sections, ";\r\n filename*%d*=", i/7)
		if i == 0 {
			sections.WriteString("UTF-8''")
		}
		for _, o := range []byte(long[i:min(i+7, len(long))]) {
			fmt.Fprintf(&sections, "%%%02X", o)
		}
	}
	for _, v := range []struct{ disposition, want string }{
		{`attachment; filename="report.txt\"; filename=\"payload.exe"`, `report.txt"; filename="payload.exe`},
		{`attachment; filename="report.txt"; filename="payload.exe"`, "report.txt"},
		{`attachment; filename="a\".sh;\".pdf"`, `a".sh;".pdf`},
		{`attachment; filename="a".sh;".pdf"`, "a"},
		{`attachment; filename="a.txt`, "a.txt"},
		{`attachment; filename*=UTF-8''%E8%B3%87%E6%96%99%22%0D%0AX-Inj%3A%203.pdf`, "資料\"\r\nX-Inj: 3.pdf"},
		{`attachment; filename="=?utf-8?q?a=0D=0AX-Inj:_3?="`, "=?utf-8?q?a=0D=0AX-Inj:_3?="},
		{`attachment; filename="=?utf-8?q?a=22;_x=3D?="`, `a"; x=`},
		{"attachment; filename=\"a\xFF\xED\xA0\x80\x00.pdf\"", "a\xFF\xED\xA0\x80\x00.pdf"},
		{`attachment; filename="\` + "\u202E" + `fdp.exe"`, "\\\u202Efdp.exe"},
		{`attachment; filename="../../etc/passwd"`, "../../etc/passwd"},
		{`attachment; filename*=utf-8''a%00b%E2%80%AEfdp.exe`, "a\x00b\u202Efdp.exe"},
		{`attachment; filename*=utf-8''a%FFb; filename=b`, "b"},
		{`attachment; filename*=utf-8''a%FFb`, "utf-8''a%FFb"},
		{`attachment; filename*0*=utf-8''a%2E; filename*1="exe"; filename=a.txt`, "a.exe"}, // Exim CVE-2024-39929
		{`attachment; filename*0="a."; filename*1*=%65xe`, "a.exe"},
		{"attachment" + sections.String(), long},
	} {
		root := parse(t, "Content-Disposition: "+v.disposition+"\r\n\r\n")
		if got := root.FileName(); got != v.want {
			t.Errorf("%.80s: %q", v.disposition, got)
		}
		if root.Disposition != "attachment" || len(root.DispositionParams) != 1 {
			t.Errorf("%.80s: %q", v.disposition, root.DispositionParams)
		}
	}
}

func TestHostileBoundaries(t *testing.T) {
	for _, v := range []struct {
		contentType string
		boundary    string // in the body; empty if no part is to be found
	}{
		{"multipart/mixed; boundary=\"b\r\n X\"", "b X"},
		{"multipart/mixed; boundary=\"b\rX\"", "b\rX"},
		{"multipart/mixed; boundary=\"b  \"", "b"},
		{"multipart/mixed; boundary=" + strings.Repeat("x", 100), strings.Repeat("x", 100)},
		{"multipart/mixed; boundary=a=b/c?d", "a=b/c?d"},
		{"multipart/mixed; boundary=\"a(b)c\"", "a(b)c"},
		{"multipart/mixed; boundary==?utf-8?q?=41?=", "=?utf-8?q?=41?="},
		{"multipart/mixed; boundary*0=a; boundary*1=b", "ab"},
		{"multipart/mixed; boundary=a; boundary=b", "a"},
		{"multipart/mixed; boundary=--", "--"},
		{"multipart/mixed; boundary=\"\"", ""},
		{"multipart/mixed; boundary=\" \"", ""},
		{"multipart/mixed", ""},
	} {
		body := "--" + v.boundary + "\r\n\r\nx--" + v.boundary + "\r\n --" + v.boundary + "\r\n--" + v.boundary + "--\r\n"
		root := parse(t, "Content-Type: "+v.contentType+"\r\n\r\n"+body)
		if v.boundary == "" {
			if len(root.Parts) != 0 || !has(root, mime.NoBoundary) {
				t.Errorf("%q: %d parts, %v", v.contentType, len(root.Parts), root.Defects())
			}
			continue
		}
		if len(root.Parts) != 1 || string(root.Parts[0].Body()) != "x--"+v.boundary+"\r\n --"+v.boundary {
			t.Errorf("%q: %d parts", v.contentType, len(root.Parts))
		}
	}
}

// The charset of a text is what somebody else wrote.
func TestHostileCharsets(t *testing.T) {
	for _, name := range []string{"utf-8\r\n X", "utf-7", "x-unknown", "koi8-r", "utf-16", strings.Repeat("utf-8", 1e4), "../../etc", "\xff"} {
		root := parse(t, "Content-Type: text/plain; charset=\""+name+"\"\r\n\r\nabc")
		text, err := root.Text()
		var e *mime.Error
		if text != "" || !errors.As(err, &e) || e.Kind != mime.UnknownCharset || e.Value != strings.ReplaceAll(name, "\r\n", "") {
			t.Errorf("%.30q: %q, %v", name, text, err)
		}
		if len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\r\n") || !utf8.ValidString(err.Error()) {
			t.Errorf("%q", err)
		}
	}
}
