package mime_test

import (
	"bytes"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/qdmail/qdmail/encoding/mime"
)

// checkTree holds every part against what a tree promises, whatever the input.
func checkTree(t testing.TB, in []byte, root *mime.Part, limits mime.Limits) {
	t.Helper()
	if !bytes.Equal(root.Raw(), in) || root.Offset() != 0 {
		t.Fatalf("Raw is %q, not %q", root.Raw(), in)
	}
	depth := map[*mime.Part]int{root: 1}
	parts := 0
	root.Walk(func(p *mime.Part) bool {
		parts++
		if depth[p] > limits.Depth || len(p.Header) > limits.Fields {
			t.Fatalf("depth %d, %d fields", depth[p], len(p.Header))
		}
		checkPart(t, in, p)
		// Preamble, parts and epilogue follow each other inside the body.
		pos := p.Offset() + len(p.Raw()) - len(p.Body()) + len(p.Preamble())
		for _, child := range p.Parts {
			depth[child] = depth[p] + 1
			if child.Offset() < pos {
				t.Fatalf("a part begins at %d, before %d", child.Offset(), pos)
			}
			pos = child.Offset() + len(child.Raw())
		}
		if end := p.Offset() + len(p.Raw()) - len(p.Epilogue()); pos > end {
			t.Fatalf("the parts end at %d, behind %d", pos, end)
		}
		return true
	})
	if parts > limits.Parts {
		t.Fatalf("%d parts", parts)
	}
}

func checkPart(t testing.TB, in []byte, p *mime.Part) {
	t.Helper()
	if !bytes.Equal(in[p.Offset():p.Offset()+len(p.Raw())], p.Raw()) {
		t.Fatalf("Raw %q isn't what stands at %d", p.Raw(), p.Offset())
	}
	var whole []byte
	for _, f := range p.Header {
		if f.Offset() != p.Offset()+len(whole) {
			t.Fatalf("field %q at %d", f.Raw(), f.Offset())
		}
		whole = append(whole, f.Raw()...)
		if f.Name() != "" && !f.Is(f.Name()) {
			t.Fatalf("field %q isn't its own name", f.Raw())
		}
		if bytes.IndexByte([]byte(f.Value()), '\n') >= 0 {
			t.Fatalf("value %q has a line ending", f.Value())
		}
		mime.DecodeHeader(f.Value())
	}
	if whole = append(append(whole, p.Blank()...), p.Body()...); !bytes.Equal(whole, p.Raw()) {
		t.Fatalf("pieces %q\nRaw    %q", whole, p.Raw())
	}
	content, err := p.Content()
	var e *mime.Error
	if err != nil && !errors.As(err, &e) || len(content) > len(p.Body()) {
		t.Fatalf("%d octets became %d, %v", len(p.Body()), len(content), err)
	}
	text, err := p.Text()
	if err != nil && !errors.As(err, &e) || !utf8.ValidString(text) {
		t.Fatalf("%q, %v", text, err)
	}
	p.FileName()
	seen := map[mime.Kind]bool{}
	for _, d := range p.Defects() {
		if seen[d.Kind] || d.Kind.Limit() || d.Offset < 0 || d.Offset > len(in) || d.Error() == "" {
			t.Fatalf("defect %+v", d)
		}
		seen[d.Kind] = true
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "\n", "\r\n\r\n", "a:b", "Subject: x\r\n\r\nbody\r\n", "From a@b Mon\nA: b\n c\n\nd",
		nestedMail, "\xEF\xBB\xBFA: b\n\nc", "--b\n--b--",
		"Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\n--b\nA: b\n--b--\n--b--",
		"Content-Type: multipart/digest; boundary=b\n\np\n--b\n\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\ne\n--b--\ne",
		"Content-Type: message/rfc822\n\nContent-Type: message/global\n\nContent-Transfer-Encoding: base64\n\nYQ==YQ",
		"Content-Type: multipart/mixed; boundary=\"--\"\n\n----\nContent-Type: message/rfc822\n\n------\n",
		"Content-Type: text/plain; charset=iso-2022-jp\nContent-Transfer-Encoding: quoted-printable\n\n=1B$B$\"=\n=1B(B= \n=",
		"Content-Disposition: a; filename*0*=utf-8'ja'%E3; filename*1*=%81%82; filename=\"=?utf-8?b?44GC?=\"; x\n\n",
		"Content-Type: (a(b)c) text/plain (x; charset=\"a\\\"b;c\" junk; charset*=shift_jis''%82%a0;;=;*0=\n\n\x82",
	} {
		f.Add([]byte(s), 5, 8, 9, 300, 7)
	}
	f.Fuzz(func(t *testing.T, in []byte, depth, parts, fields, octets, params int) {
		limits := mime.Limits{
			Depth: max(depth, 1), Parts: max(parts, 1), Fields: max(fields, 1),
			HeaderOctets: max(octets, 1), Params: max(params, 1),
		}
		root, err := mime.Parse(in, limits)
		var e *mime.Error
		if err != nil {
			if root != nil || !errors.As(err, &e) || !e.Kind.Limit() || e.Offset < 0 || e.Offset > len(in) {
				t.Fatalf("%v, %+v", root, err)
			}
			// Without limits it is taken.
			const all = 1 << 30
			limits = mime.Limits{Depth: all, Parts: all, Fields: all, HeaderOctets: all, Params: all}
			if root, err = mime.Parse(in, limits); err != nil {
				t.Fatal(err)
			}
		}
		checkTree(t, in, root, limits)
	})
}

func FuzzDecodeHeader(f *testing.F) {
	for _, s := range []string{
		"", "=?", "=?==?b?==?=", "=?utf-8?q?a=?=", "=?UTF-8?B?44G?= =?utf-8?b?gg==?=", "a =?us-ascii?q?_?= b",
		"=?iso-2022-jp?B?GyRCJCI=?=\r\n =?ISO-2022-JP?B?JCQbKEI=?=", "=?shift_jis*ja?q?=82?==?sjis?q?=a0?=", "\x1b$B$\"\x1b(B",
		"=?euc-jp?q?=a4=a2?= =?x?q?y?= =?windows-1252?Q?=80=81?=",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := mime.DecodeHeader(s)
		if utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Fatalf("%q became %q", s, got)
		}
		for _, c := range []string{"\r", "\n", "\x00"} {
			if bytes.Count([]byte(got), []byte(c)) > bytes.Count([]byte(s), []byte(c)) {
				t.Fatalf("%q became %q, with one more %q", s, got, c)
			}
		}
		if !bytes.Contains([]byte(s), []byte("?=")) && bytes.IndexByte([]byte(s), 0x1B) < 0 && got != s {
			t.Fatalf("%q has no encoded-word and became %q", s, got)
		}
		// What stands around it doesn't matter.
		if in := mime.DecodeHeader("x " + s + " y"); in != "x "+got+" y" && !bytes.ContainsAny([]byte(s), "\x1b") {
			t.Fatalf("%q became %q, and inside %q", s, got, in)
		}
	})
}
