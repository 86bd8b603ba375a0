package mime_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/encoding/mime"
)

const nestedMail = "From: a@example.jp\r\nSubject: =?ISO-2022-JP?B?GyRCJUYlOSVIGyhC?=\r\n" +
	"Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\npreamble\r\n--b1\r\n" +
	"Content-Type: multipart/alternative; boundary=b2\r\n\r\n--b2\r\n\r\ntext\r\n--b2\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b2--\r\n" +
	"\r\n--b1\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody\r\n\r\n--b1--\r\nepilogue\r\n"

func parse(t testing.TB, s string) *mime.Part {
	t.Helper()
	root, err := mime.Parse([]byte(s), mime.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	checkTree(t, []byte(s), root, unlimited)
	return root
}

func has(p *mime.Part, k mime.Kind) bool {
	for _, d := range p.Defects() {
		if d.Kind == k {
			return true
		}
	}
	return false
}

// outline writes a tree as one line: type(children) with the bodies of leaves.
func outline(p *mime.Part) string {
	s := p.MediaType
	if len(p.Parts) == 0 {
		return s + fmt.Sprintf(" %q", p.Body())
	}
	s += "("
	for i, child := range p.Parts {
		if i > 0 {
			s += ", "
		}
		s += outline(child)
	}
	return s + ")"
}

func TestTree(t *testing.T) {
	const head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	for _, v := range []struct{ name, in, want string }{
		{"whole", nestedMail, `multipart/mixed(multipart/alternative(text/plain "text", text/html "<p>"), message/rfc822(text/plain "body\r\n"))`},
		{"empty", "", `text/plain ""`},
		{"header only", "Subject: x\r\n", `text/plain ""`},
		{"body only", "\r\nbody", `text/plain "body"`},
		{"LF", strings.ReplaceAll(head+"--b\r\n\r\nx\r\n--b--\r\n", "\r\n", "\n"), `multipart/mixed(text/plain "x")`},
		{"mixed line endings", head + "--b\n\r\nx\n--b\r\n\ny\r\n--b--", `multipart/mixed(text/plain "x", text/plain "y")`},
		{"padding", head + "--b \t\r\n\r\nx\r\n--b--  \r\n", `multipart/mixed(text/plain "x")`},
		{"stray CR", head + "--b\r\r\n\r\nx\r\n--b--\r\r\n", `multipart/mixed(text/plain "x")`},
		{"prefix", head + "--b\r\n\r\n--bb\r\n--b--b\r\n-- b\r\n--b--", `multipart/mixed(text/plain "--bb\r\n--b--b\r\n-- b")`},
		{"not at the beginning of a line", head + "--b\r\n\r\nx --b\r\n--b--", `multipart/mixed(text/plain "x --b")`},
		{"no blank line in a part", head + "--b\r\nA: b\r\n--b--", `multipart/mixed(text/plain "")`},
		{"a part of text alone", head + "--b\r\njust text\r\n--b--", `multipart/mixed(text/plain "just text")`},
		{"empty parts", head + "--b\r\n--b\r\n\r\n--b\r\n\r\n\r\n--b--", `multipart/mixed(text/plain "", text/plain "", text/plain "")`},
		{"cut off", head + "--b\r\n\r\nx", `multipart/mixed(text/plain "x")`},
		{"cut off in a header", head + "--b\r\nConte", `multipart/mixed(text/plain "Conte")`},
		{"cut off in a delimiter", head + "--b\r\n\r\nx\r\n--b-", `multipart/mixed(text/plain "x\r\n--b-")`},
		{"inner one not closed", "Content-Type: multipart/mixed; boundary=a\n\n--a\n" + head + "--b\n\nx\n--a\n\ny\n--a--",
			`multipart/mixed(multipart/mixed(text/plain "x"), text/plain "y")`},
		{"inner delimiter behind its end", "Content-Type: multipart/mixed; boundary=a\n\n--a\n" + head + "--b\n\nx\n--b--\n--b\n\ny\n--a--",
			`multipart/mixed(multipart/mixed(text/plain "x"))`},
		{"one boundary twice", head + "--b\n" + head + "--b\n\nx\n--b--\n--b\n\ny\n--b--",
			`multipart/mixed(multipart/mixed(text/plain "x"), text/plain "y")`},
		{"outer boundary is inner with dashes", "Content-Type: multipart/mixed; boundary=b--\n\n--b--\n" + head + "--b\n\nx\n--b--\n\n--b----",
			`multipart/mixed(multipart/mixed(text/plain "x"))`},
		{"digest", "Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: x\n\nbody\n--d\nContent-Type: text/html\n\n<p>\n--d--",
			`multipart/digest(message/rfc822(text/plain "body"), text/html "<p>")`},
		{"message in message", "Content-Type: message/rfc822\n\nContent-Type: message/global\nContent-Transfer-Encoding: 8bit\n\nSubject: x\n\ny",
			`message/rfc822(message/global(text/plain "y"))`},
		{"message without anything", head + "--b\nContent-Type: message/rfc822\n\n--b--", `multipart/mixed(message/rfc822(text/plain ""))`},
		{"encoded message", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTogYgoKYw==", `message/rfc822 "QTogYgoKYw=="`},
		{"encoded multipart", "Content-Transfer-Encoding: base64\n" + head + "--b\n\nx\n--b--", `multipart/mixed(text/plain "x")`},
		{"message/partial stays whole", "Content-Type: message/partial; id=a\n\nSubject: x\n\ny", `message/partial "Subject: x\n\ny"`},
		{"no boundary", "Content-Type: multipart/mixed\n\n--b\n\nx\n--b--", `multipart/mixed "--b\n\nx\n--b--"`},
		{"no delimiter", head + "text", `multipart/mixed "text"`},
		{"end only", head + "text\r\n--b--\r\n", `multipart/mixed "text\r\n--b--\r\n"`},
		{"type in capitals", "CONTENT-TYPE: MULTIPART/Mixed; BOUNDARY=B\n\n--B\n\nx\n--b\n--B--", `multipart/mixed(text/plain "x\n--b")`},
		{"mbox", "From a@b Mon Jan  1 00:00:00 2024\nContent-Type: text/html\n\nx", `text/html "x"`},
		{"byte order mark", "\xEF\xBB\xBFContent-Type: text/html\n\nx", `text/html "x"`},
	} {
		t.Run(v.name, func(t *testing.T) {
			if got := outline(parse(t, v.in)); got != v.want {
				t.Errorf("\ngot  %s\nwant %s", got, v.want)
			}
		})
	}
}

func TestDefects(t *testing.T) {
	const head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	for _, v := range []struct{ in, want string }{
		{nestedMail, ""},
		{head + "--b\r\n\r\nx\r\n", "a multipart without its end"},
		{head + "x\r\n--b--\r\n", "a multipart without parts"},
		{head + "x\r\n", "a multipart without parts"},
		{"Content-Type: multipart/mixed\r\n\r\n", "a multipart without a boundary"},
		{"Content-Transfer-Encoding: base64\r\n" + head + "--b\r\n\r\n--b--", `an encoded multipart or message "base64"`},
		{"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n", `an encoded multipart or message "base64"`},
		{"Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n\r\n", ""},
		{head + "--b\n\r\nx\r\n--b--", "LF without CR"},
		{head + "\n--b\r\n\r\nx\r\n--b--", "LF without CR"},
		{head + "--b\r\n\r\nx\r\n--b--\r\n\n", "LF without CR"},
		{"A: b\n\r\nx", "LF without CR"},
		{"A: b\r\n\nx", "LF without CR"},
		{"\r\na\nb", "LF without CR"},
		{"Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\na\nb\r\x00\xFF", ""},
		{"\r\na\rb", "CR without LF"},
		{"\r\na\x00b", "an octet 0"},
		{"\r\n" + strings.Repeat("x", 999) + "\r\n", "a line over 998 octets"},
		{"\r\n" + strings.Repeat("x", 998) + "\r\n", ""},
		{"\r\n\xE3\x81\x82", "octets beyond ASCII in a 7-bit body"},
		{"Content-Transfer-Encoding: 8bit\r\n\r\n\xE3\x81\x82", ""},
		{"Content-Transfer-Encoding: 8bit\r\n\r\n\xFF", `octets that aren't valid in the charset`},
		{"Content-Type: text/plain; charset=x\r\n\r\n", `unknown charset "x"`},
		{"Content-Type: image/png; charset=x\r\n\r\n", ""},
		{"Content-Transfer-Encoding: base64\r\n\r\nYQ", "invalid base64"},
		{"Content-Transfer-Encoding: quoted-printable\r\n\r\n=4", "invalid quoted-printable"},
		{"Content-Transfer-Encoding: x-uuencode\r\n\r\nx", `unknown transfer encoding "x-uuencode"`},
		{"Content-Type: text\r\n\r\n", `not a media type "text"`},
		{"Content-Type: a b/c\r\n\r\n", `not a parameter "b/c", not a media type "a"`},
		{"Content-Type: text/plain; a=b c\r\n\r\n", `not a parameter "a=b c"`},
		{"Content-Disposition: inline; a*x=b\r\n\r\n", `not a parameter "a*x=b"`},
		{"Content-Disposition: inline; a*=koi8-r''%C1\r\n\r\n", `unknown charset "koi8-r"`},
		{"Subject: あ\r\n\r\n", "octets beyond ASCII in the header"},
		{"Subject: \xFF\r\n\r\n", "octets beyond ASCII in the header, octets that aren't UTF-8 in the header"},
		{"Content-ID: <a>\r\nX: y\r\nContent-ID: <b>\r\n\r\n", `a field that may stand only once "Content-ID"`},
		{"Received: a\r\nReceived: b\r\n\r\n", ""},
		{"From a@b\r\n\r\n", "a header line that is no field"},
		{"Subject: x\r\nno field\r\n", "no blank line after the header"},
	} {
		var got []string
		for _, d := range parse(t, v.in).Defects() {
			text := d.Kind.Error()
			if d.Value != "" {
				text += fmt.Sprintf(" %q", d.Value)
			}
			got = append(got, text)
		}
		if s := strings.Join(got, ", "); s != v.want {
			t.Errorf("%.60q: %s, want %s", v.in, s, v.want)
		}
	}
	if d := parse(t, "A: b\r\n\r\nab\ncd\n").Defects(); len(d) != 1 || d[0].Offset != 10 {
		t.Errorf("%v", d)
	}
	// Not twice, and not once more at each look.
	p := parse(t, "A: b\n\nYQ\nYQ\n")
	if a, b := p.Defects(), p.Defects(); len(a) != 1 || len(b) != 1 {
		t.Errorf("%v, %v", a, b)
	}
}

func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for k := mime.TooDeep; k <= mime.NotText; k++ {
		if s := k.Error(); seen[s] || strings.HasPrefix(s, "mime.") {
			t.Errorf("%d: %s", k, s)
		} else {
			seen[s] = true
		}
	}
	if s := (mime.NotText + 1).Error(); !strings.HasPrefix(s, "mime.Kind(") {
		t.Error(s)
	}
	if !mime.TooManyParams.Limit() || mime.BadField.Limit() || mime.Kind(0).Limit() {
		t.Error("Limit")
	}
}

func TestLimits(t *testing.T) {
	const head = "Content-Type: multipart/mixed; boundary=b; c=d\n\n" // 46 octets and a blank line
	three := head + "--b\n\nx\n--b\n\ny\n--b--\n"
	for _, v := range []struct {
		in     string
		limits mime.Limits
		want   mime.Kind
		offset int
	}{
		{three, mime.Limits{Parts: 3, Depth: 2, Fields: 1, HeaderOctets: 47, Params: 2}, 0, 0},
		{three, mime.Limits{Parts: 2}, mime.TooManyParts, 59},
		{three, mime.Limits{Depth: 1}, mime.TooDeep, 52},
		{three, mime.Limits{Params: 1}, mime.TooManyParams, 0},
		{"Content-Disposition: a; b=c; d=e\n\n", mime.Limits{Params: 1}, mime.TooManyParams, 0},
		{three, mime.Limits{HeaderOctets: 46}, mime.HeaderTooLong, 46},
		{"A: b\nC: d\n\n", mime.Limits{Fields: 1}, mime.TooManyFields, 5},
		{"A: b\n", mime.Limits{HeaderOctets: 5}, 0, 0},
		{"A: b\n c\n", mime.Limits{HeaderOctets: 5}, mime.HeaderTooLong, 5},
		{head + "--b\nA: b\nC: d\n", mime.Limits{Fields: 1}, mime.TooManyFields, 57},
		{strings.Repeat("a:b\n", 1000), mime.Limits{}, 0, 0},
		{strings.Repeat("a:b\n", 1001), mime.Limits{Fields: -1}, mime.TooManyFields, 4000},
		{"a:" + strings.Repeat("x", 1<<20-3) + "\n", mime.Limits{}, 0, 0},
		{"a:" + strings.Repeat("x", 1<<20-2) + "\n", mime.Limits{}, mime.HeaderTooLong, 1 << 20},
		{string(nestedMultiparts(31)), mime.Limits{}, 0, 0},
		{string(nestedMultiparts(32)), mime.Limits{}, mime.TooDeep, len(nestedMultiparts(32))},
	} {
		root, err := mime.Parse([]byte(v.in), v.limits)
		if v.want == 0 {
			if err != nil {
				t.Errorf("%.30q %+v: %v", v.in, v.limits, err)
			}
			continue
		}
		var e *mime.Error
		if root != nil || !errors.As(err, &e) || e.Kind != v.want || e.Offset != v.offset || !errors.Is(err, v.want) {
			t.Errorf("%.30q %+v: %v", v.in, v.limits, err)
		}
	}
}

func TestPreambleEpilogue(t *testing.T) {
	root := parse(t, nestedMail)
	if p, e := root.Preamble(), root.Epilogue(); string(p) != "preamble" || string(e) != "epilogue\r\n" {
		t.Errorf("%q, %q", p, e)
	}
	// The line ending before a delimiter is the delimiter's.
	inner := root.Parts[0]
	if p, e := inner.Preamble(), inner.Epilogue(); len(p) != 0 || len(e) != 0 || !strings.HasSuffix(string(inner.Raw()), "--b2--\r\n") {
		t.Errorf("%q, %q", p, e)
	}
	none := parse(t, "Content-Type: multipart/mixed; boundary=b\n\ntext\n")
	if p, e := none.Preamble(), none.Epilogue(); string(p) != "text\n" || len(e) != 0 {
		t.Errorf("%q, %q", p, e)
	}
	leaf := parse(t, "A: b\n\ntext")
	if p, e := leaf.Preamble(), leaf.Epilogue(); len(p) != 0 || len(e) != 0 || string(leaf.Blank()) != "\n" {
		t.Errorf("%q, %q", p, e)
	}
}

func TestWalk(t *testing.T) {
	root := parse(t, nestedMail)
	var all, top []string
	root.Walk(func(p *mime.Part) bool { all = append(all, p.MediaType); return true })
	root.Walk(func(p *mime.Part) bool { top = append(top, p.MediaType); return p == root })
	if got := strings.Join(all, " "); got != "multipart/mixed multipart/alternative text/plain text/html message/rfc822 text/plain" {
		t.Error(got)
	}
	if got := strings.Join(top, " "); got != "multipart/mixed multipart/alternative message/rfc822" {
		t.Error(got)
	}
}

// Nothing that a caller appends to a window of the input gets into the input.
func TestWindows(t *testing.T) {
	in := []byte(nestedMail)
	root, err := mime.Parse(in, mime.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	root.Walk(func(p *mime.Part) bool {
		content, _ := p.Content()
		for _, b := range [][]byte{p.Raw(), p.Blank(), p.Body(), p.Preamble(), p.Epilogue(), content} {
			_ = append(b, "XXXX"...)
		}
		for _, f := range p.Header {
			_, _ = append(f.Raw(), "XXXX"...), append(f.RawValue(), "XXXX"...)
		}
		return true
	})
	if string(in) != nestedMail {
		t.Errorf("%q", in)
	}
}
