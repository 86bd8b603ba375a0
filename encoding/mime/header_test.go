package mime_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/encoding/mime"
)

func TestHeader(t *testing.T) {
	h := parse(t, "Received: one\r\nSUBJECT:  =?utf-8?q?=E3=81=82?=\r\n\t =?utf-8?q?=E3=81=84?=  \r\n"+
		"received : two\r\n (comment)\r\nX-Empty:\r\nX-Fold:\r\n folded\n\tmore\r\n \r\n\r\n").Header
	if got := h.Values("Received"); !slices.Equal(got, []string{"one", "two (comment)"}) {
		t.Errorf("%q", got)
	}
	for name, want := range map[string]string{
		"Subject": "=?utf-8?q?=E3=81=82?=\t =?utf-8?q?=E3=81=84?=", "received": "one", "x-empty": "", "X-FOLD": "folded\tmore",
		"X-None": "", "": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := h.Text("subject"); got != "あい" {
		t.Errorf("%q", got)
	}
	if h.Values("X-None") != nil {
		t.Error("values of nothing")
	}
	f := h[2]
	if f.Name() != "received" || string(f.RawValue()) != " two\r\n (comment)" || string(f.Raw()) != "received : two\r\n (comment)\r\n" || f.Offset() != 75 {
		t.Errorf("%q %q %q %d", f.Name(), f.RawValue(), f.Raw(), f.Offset())
	}
	var zero mime.Field
	if zero.Name() != "" || zero.Value() != "" || len(zero.Raw()) != 0 || len(zero.RawValue()) != 0 || zero.Is("") {
		t.Error("zero Field")
	}
}

// What ParseHeader is for: the groups of fields of RFC 3464.
func TestParseHeader(t *testing.T) {
	content := []byte("Reporting-MTA: dns; mx.example.jp\r\n\r\nFinal-Recipient: rfc822; a@example.jp\r\nStatus: 5.1.1\r\n\r\n" +
		"Final-Recipient: rfc822; b@example.jp\r\nStatus: 4.2.2")
	var got []string
	for len(content) > 0 {
		h, n, err := mime.ParseHeader(content, mime.Limits{})
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		var raw []byte
		for _, f := range h {
			raw = append(raw, f.Raw()...)
		}
		if !bytes.HasPrefix(content, raw) || len(bytes.Trim(content[len(raw):n], "\r\n")) > 0 {
			t.Errorf("%q and %d octets", raw, n)
		}
		got = append(got, h.Get("Final-Recipient")+" "+h.Get("status"))
		content = content[n:]
	}
	if s := strings.Join(got, ", "); s != " , rfc822; a@example.jp 5.1.1, rfc822; b@example.jp 4.2.2" {
		t.Error(s)
	}
	_, n, err := mime.ParseHeader([]byte("A: b\nno field\n"), mime.Limits{})
	if n != len("A: b\n") || err != nil {
		t.Error(n, err)
	}
	_, _, err = mime.ParseHeader([]byte("A: b\nC: d\n"), mime.Limits{Fields: 1})
	if !errors.Is(err, mime.TooManyFields) {
		t.Error(err)
	}
	h, n, err := mime.ParseHeader(nil, mime.Limits{})
	if len(h) != 0 || n != 0 || err != nil {
		t.Error(h, n, err)
	}
}

func TestDecodeHeader(t *testing.T) {
	for _, v := range [][2]string{
		{"", ""}, {"plain", "plain"}, {"あ", "あ"}, {"\xFF", "\xFF"}, {" a ", " a "},
		{"=?utf-8?q?a_b=20c?=", "a b c"},
		{"=?UTF-8?Q?a?= =?utf-8?b?Yg==?=", "ab"},
		{"=?utf-8?q?a?=\r\n\t=?utf-8?q?b?= c =?utf-8?q?d?=", "ab c d"},
		{"=?utf-8?q?a?= =?iso-8859-1?q?=e9?= =?utf-8?q?b?=", "aéb"},
		{"=?utf-8?q?a?==?utf-8?q?b?=", "ab"},
		{"Re:=?utf-8?q?a?=, x", "Re:a, x"},
		{`"=?utf-8?q?a?=" <a@b>`, `"a" <a@b>`},
		{"=?utf-8*ja?q?a?=", "a"},
		{"=?utf-8?q??= x", " x"},
		{"=?utf-8?q?what??=", "what?"},
		{"=?utf-8?q?two words?=", "two words"},
		{"=?utf-8?b?44 GC?=", "あ"},
		{"=?utf-8?b?44GC4?=", "=?utf-8?b?44GC4?="},
		{"=?utf-8?b?YQ?=", "a"},
		{"=?utf-8?b?YR==?=", "a"},
		{"=?us-ascii?q?a?=", "a"},
		{"=?utf-8?q?=e3=81=82?=", "あ"},
		{"=?=?utf-8?q?a?=", "=?a"},
		{"=?x?q?=?utf-8?q?a?=", "=?x?q?a"},
		{strings.Repeat("=?utf-8?q?"+strings.Repeat("x", 200)+"?= ", 3), strings.Repeat("x", 600) + " "},

		{"=?iso-2022-jp?B?GyRCJCIbKEI=?=", "あ"},
		{"=?ISO-2022-JP?Q?=1B$B$=22=1B(B?=", "あ"},
		{"=?shift_jis?B?lVw=?=", "表"},
		{"=?euc-jp?Q?=A4=A2?=", "あ"},
		{"=?windows-1252?Q?=80?=", "€"},
		{"=?ISO-8859-1?Q?=80=E9?=", "€é"},
		{"=?iso-2022-jp?B?GyRCLSEbKEI=?=", "①"},
		{"=?iso-2022-jp?B?GyhJMRsoQg==?=", "ｱ"},

		// A character split between two words.
		{"=?utf-8?q?=E3=81?= =?utf-8?q?=82?=", "あ"},
		{"=?utf-8?b?44E=?=\r\n =?utf-8?q?=82?= x", "あ x"},
		{"=?utf-8?q?a=E3?= =?UTF8?q?=81?= =?utf-8?q?=82b?=", "aあb"},
		{"=?shift_jis?q?=95?= =?sjis?q?=5c?=", "表"},
		{"=?euc-jp?q?=a4?= =?euc-jp?q?=a2?=", "あ"},
		{"=?iso-2022-jp?q?=1b$B$?= =?iso-2022-jp?q?=22=1b(B?=", "あ"},
		// A state that goes on in the next word, and one that doesn't.
		{"=?iso-2022-jp?q?=1b$B$=22?= =?iso-2022-jp?q?$$=1b(B?=", "あい"},
		{"=?iso-2022-jp?q?=1b$B$=22?= =?iso-2022-jp?q?=1b$B$$=1b(B?=", "あい"},
		{"=?iso-2022-jp?q?=1b$B$=22?=", "あ"},
		{"=?iso-2022-jp?q?=1b$B$=22?= =?iso-2022-jp?q?abcd?=", "あ =?iso-2022-jp?q?abcd?="},
		{"=?iso-2022-jp?q?=1b$B$?= =?iso-2022-jp?q?a?=", "=?iso-2022-jp?q?=1b$B$?= =?iso-2022-jp?q?a?="},

		// What can't be decoded stays, with the space around it.
		{"=?utf-8?q?=ff?= =?utf-8?q?a?=", "=?utf-8?q?=ff?= a"},
		{"=?utf-8?q?a?= =?utf-8?q?=ff?=", "a =?utf-8?q?=ff?="},
		{"=?utf-8?q?=e3?= =?euc-jp?q?=a4=a2?=", "=?utf-8?q?=e3?= あ"},
		{"=?utf-8?q?a?= =?koi8-r?q?=c1?= =?utf-8?q?b?=", "a =?koi8-r?q?=c1?= b"},
		{"=?utf-8?q?a=00?=", "=?utf-8?q?a=00?="},
		{"=?utf-8?q?a=09?=", "a\t"},

		// Text outside of encoded-words.
		{"\x1b$B$\"\x1b(B x", "あ x"},
		{"\x1b$B$\"\x1b(B =?utf-8?q?a?= \x1b$B$$\x1b(B", "あ a い"},
		{"\x1b[31m", "\x1b[31m"},
		{"\x1b$B$\"", "\x1b$B$\""},
	} {
		if got := mime.DecodeHeader(v[0]); got != v[1] {
			t.Errorf("%.60q: %.60q, want %.60q", v[0], got, v[1])
		}
	}
}
