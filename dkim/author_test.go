package dkim_test

import (
	"net/mail"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/dkim"
)

func TestAuthorDomain(t *testing.T) {
	for value, want := range map[string]string{
		"a@b.jp":                         "b.jp",
		" \t<a@b.jp>":                    "b.jp",
		"A B <a@b.jp>":                   "b.jp",
		`"x@y.jp" <a@b.jp>`:              "b.jp",
		`"x <x@y.jp>" <a@b.jp>`:          "b.jp",
		`"\"<x@y.jp>" <a@b.jp>`:          "b.jp",
		`"a@x"@b.jp`:                     "b.jp",
		`"a..b."@docomo.ne.jp`:           "docomo.ne.jp",
		"a..b.@docomo.ne.jp":             "docomo.ne.jp",
		"(x@y.jp) a@b.jp (c (d) e@f.jp)": "b.jp",
		`(x\)@y.jp) a@b.jp`:              "b.jp",
		"a @ b . jp":                     "b.jp",
		"x@y.jp <a@b.jp>":                "b.jp",
		"a@b.jp, c@d.jp":                 "b.jp",
		"A <a@b.jp>, c@d.jp":             "b.jp",
		", a@b.jp":                       "b.jp",
		"<@x.jp,@y.jp:a@b.jp>":           "b.jp",
		"Group: A <a@b.jp>, c@d.jp;":     "b.jp",
		"Group: a@b.jp;":                 "b.jp",
		"Nobody:;":                       "",
		"=?UTF-8?Q?x=40y.jp?= <a@b.jp>":  "b.jp",
		"太郎 <太郎@例え.jp>":                  "例え.jp",
		"a@[192.0.2.1]":                  "[192.0.2.1]",
		"":                               "",
		"a":                              "",
		"a@":                             "",
		`"a@b.jp`:                        "",
		"(a@b.jp":                        "",
		`a@b.jp\`:                        `b.jp\`,
	} {
		if got := dkim.AuthorDomain(value); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}

// FuzzAuthor holds the domain against what the standard library reads, of all that
// both can read.
func FuzzAuthor(f *testing.F) {
	for _, s := range []string{`"x <x@y.jp>" <a@b.jp>`, "(x@y) a@b.jp (c)", "G: a@b.jp, c@d;", `"a\"@b"@c, d@e`, "<a@[::1]>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got := dkim.AuthorDomain(value)
		list, err := mail.ParseAddressList(value)
		if err != nil || len(list) == 0 {
			return
		}
		address := list[0].Address
		if want := address[strings.LastIndexByte(address, '@')+1:]; got != want {
			t.Errorf("%q: %q, the standard library reads %q", value, got, want)
		}
	})
}
