package route_test

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/route"
)

const file = `# the whole table
docomo.ne.jp   hosts:mx.carrier.example:25  from=news.example.co.jp,.a.example,<> source=192.0.2.7,2001:db8::7 ehlo=out7.example.co.jp tls=opportunistic concurrency=2 recipients=1 rate=1/s
docomo.ne.jp	direct concurrency=1   # everybody else
.ezweb.ne.jp   direct   rate="30/m" ehlo=[IPv6:2001:db8::1]

mx:.google.com relay:a#b tls=verify:smtp.example
mx:mx.b.example relay:c:d tls=insecure-none
日本語.jp       sendmail
old.example    refuse   reply="550 5.1.2 \"gone\" \\ for ever"
slow.example   refuse   from=a.example reply="451 later"
x.example      refuse
staging.test   hold
a.example,.b.example,日本.example direct rate=1/s
*              direct rate=5/90s
`

var routes = []route.Route{
	{
		Pattern: "docomo.ne.jp", Target: "hosts:mx.carrier.example:25", From: []string{"news.example.co.jp", ".a.example", "<>"},
		Options: route.Options{
			Source: []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")}, EHLO: "out7.example.co.jp",
			TLS: route.TLSOpportunistic, Concurrency: 2, Recipients: 1, Rate: route.Rate{Count: 1, Per: time.Second},
		},
	},
	{Pattern: "docomo.ne.jp", Target: "direct", Options: route.Options{Concurrency: 1}},
	{Pattern: ".ezweb.ne.jp", Target: "direct", Options: route.Options{Rate: route.Rate{Count: 30, Per: time.Minute}, EHLO: "[IPv6:2001:db8::1]"}},
	{Pattern: "mx:.google.com", Target: "relay:a#b", Options: route.Options{TLS: "verify:smtp.example"}},
	{Pattern: "mx:mx.b.example", Target: "relay:c:d", Options: route.Options{TLS: route.InsecureTLSNone}},
	{Pattern: "日本語.jp", Target: "sendmail"},
	{Pattern: "old.example", Target: route.Refuse, Reply: &delivery.Reply{Code: 550, Enhanced: delivery.EnhancedCode{5, 1, 2}, Text: `"gone" \ for ever`}},
	{Pattern: "slow.example", Target: route.Refuse, From: []string{"a.example"}, Reply: &delivery.Reply{Code: 451, Text: "later"}},
	{Pattern: "x.example", Target: route.Refuse},
	{Pattern: "staging.test", Target: route.Hold},
	{Pattern: "a.example,.b.example,日本.example", Target: "direct", Options: route.Options{Rate: route.Rate{Count: 1, Per: time.Second}}},
	{Pattern: "*", Target: "direct", Options: route.Options{Rate: route.Rate{Count: 5, Per: 90 * time.Second}}},
}

func TestParse(t *testing.T) {
	got, err := route.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, routes) {
		t.Errorf("got\n%swant\n%s", route.Format(got), route.Format(routes))
	}
	again, err := route.Parse(route.Format(got))
	if err != nil || !reflect.DeepEqual(got, again) {
		t.Errorf("written\n%sand read\n%s%v", route.Format(got), route.Format(again), err)
	}
	for _, empty := range []string{"", "\n\n", "# a b\n \t \r\n#", " # \u3000 \x00"} {
		if got, err := route.Parse(empty); len(got) != 0 || err != nil {
			t.Errorf("%q: %v, %v", empty, got, err)
		}
	}
	if got, err := route.Parse("* direct\r\na b\r\n"); len(got) != 2 || err != nil {
		t.Errorf("CRLF: %v, %v", got, err)
	}
}

// TestParseErrors: where a mistake is, and what it is.
func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"*":                                   `line 1, column 2: a target is missing after the pattern`,
		"\n  日本.jp  # x":                      `line 2, column 8: a target is missing after the pattern`,
		"a_b-.c x":                            `line 1, column 1: the pattern is no domain name: "a_b-.c"`,
		"*.a.test x":                          `line 1, column 1: the pattern is no domain name: "*.a.test"`,
		"mx:* x":                              `line 1, column 1: the pattern is no domain name: "mx:*"`,
		"MX:a.test x":                         `line 1, column 1: the pattern is no domain name: "MX:a.test"`,
		"a=b x":                               `line 1, column 1: a pattern comes here, without quotation marks and "="`,
		`"a" x`:                               `line 1, column 1: a pattern comes here, without quotation marks and "="`,
		"a.test tls=verify":                   `line 1, column 8: a target comes here, without quotation marks and "="`,
		"a.test x y":                          `line 1, column 10: an option comes here, such as tls=verify, not "y"`,
		"a.test x soruce=192.0.2.1":           `line 1, column 10: there is no option "soruce" (there are from, source, ehlo, tls, rate, concurrency, recipients, reply)`,
		"a.test x tls":                        `line 1, column 10: an option comes here, such as tls=verify, not "tls"`,
		"a.test x tls=":                       `line 1, column 14: the value of tls is missing`,
		`a.test x tls=""`:                     `line 1, column 14: the value of tls is missing`,
		"a.test x tls=no":                     `line 1, column 14: tls: none of insecure-none, opportunistic, required, verify and verify:name: "no"`,
		"a.test x tls=verify:":                `line 1, column 14: tls: no domain name in ASCII after verify: "verify:"`,
		"a.test x tls=verify tls=verify":      `line 1, column 21: tls is there already`,
		"a.test x rate=60":                    `line 1, column 15: rate: a rate is a number and a time, such as 60/m`,
		"a.test x rate=0/m":                   `line 1, column 15: rate: a rate is a number and a time, such as 60/m`,
		"a.test x rate=6/-1s":                 `line 1, column 15: rate: a rate is a number and a time, such as 60/m`,
		"a.test x concurrency=0":              `line 1, column 22: concurrency: no number from 1 to 1000000`,
		"a.test x recipients=-1":              `line 1, column 21: recipients: no number from 1 to 1000000`,
		"a.test x source=192.0.2":             `line 1, column 17: source: no IP address: "192.0.2"`,
		"a.test x source=192.0.2.1,192.0.2.2": `line 1, column 17: source: more than one source address of a family`,
		"a.test x source=fe80::1%eth0":        `line 1, column 17: source: no plain IPv4 or IPv6 address: "fe80::1%eth0"`,
		"a.test x ehlo=日本.jp":                 `line 1, column 15: ehlo: no domain name in ASCII: "日本.jp"`,
		"a.test x ehlo=[192.0.2.1":            `line 1, column 15: ehlo: no address literal: "[192.0.2.1"`,
		"a.test x ehlo=[2001:db8::1]":         `line 1, column 15: ehlo: no address literal: "[2001:db8::1]"`,
		"a.test x from=a.test,":               `line 1, column 15: from: the sender is no domain name: ""`,
		"a.test x from=u@a.test":              `line 1, column 15: from: the sender is no domain name: "u@a.test"`,
		"a.test x reply=550":                  `line 1, column 10: only refuse has a reply`,
		"a.test refuse tls=verify":            `line 1, column 15: refuse has no option tls`,
		"a.test hold reply=450":               `line 1, column 13: only refuse has a reply`,
		"a.test refuse reply=250":             `line 1, column 21: reply: a reply begins with a code from 400 to 599, such as "550 5.7.1 no"`,
		"a.test refuse reply=5555":            `line 1, column 21: reply: a reply begins with a code from 400 to 599, such as "550 5.7.1 no"`,
		`a.test refuse reply=" 550 no"`:       `line 1, column 21: reply: a reply begins with a code from 400 to 599, such as "550 5.7.1 no"`,
		`a.test refuse reply="no"`:            `line 1, column 21: reply: a reply begins with a code from 400 to 599, such as "550 5.7.1 no"`,
		"a.test refuse reply=\"550 a\tb\"":    `line 1, column 21: reply: the text of a reply is one printable line, not "a\tb"`,
		`a.test refuse reply="550 a`:          `line 1, column 21: the quotation mark is never closed`,
		`a.test refuse reply="550 a"b`:        `line 1, column 28: a blank is missing after the quotation mark`,
		`a.test refuse reply="550 \a"`:        `line 1, column 26: after "\" comes a quotation mark or another "\"`,
		`a.test refuse reply="550 a\`:         `line 1, column 27: after "\" comes a quotation mark or another "\"`,
		`a.test x"y`:                          `line 1, column 9: a quotation mark in the middle of a word; write "..." around all of it`,
		"a.test\u3000direct":                  `line 1, column 7: a character that can't be here: "\u3000"`,
		"a.test \x00":                         `line 1, column 8: a character that can't be here: "\x00"`,
		"a.test d\xff":                        `line 1, column 9: a character that can't be here: "\xff"`,
		"a.test x\nA.TEST y":                  `line 2, column 1: line 1 has the same pattern and takes all its mail`,
		"xn--wgv71a.jp x from=a\n\n日本.jp y\n 日本.jp z from=b": `line 4, column 2: line 3 has the same pattern and takes all its mail`,
		"a.test, x":                `line 1, column 1: the pattern is no domain name: ""`,
		"日本.jp,a,XN--wgv71a.JP x":  `line 1, column 1: the pattern is there twice: "XN--wgv71a.JP"`,
		"a,b x from=c\nd,b y\nb z": `line 3, column 1: line 2 has the same pattern and takes all its mail`,
		"a.test\n* direct\n.. x": "line 1, column 7: a target is missing after the pattern\n" +
			`line 3, column 1: the pattern is no domain name: ".."`,
	} {
		_, err := route.Parse(text)
		if err == nil || err.Error() != "route: "+want {
			t.Errorf("%q:\ngot  %v\nwant route: %s", text, err, want)
		}
		if one, ok := errors.AsType[*route.SyntaxError](err); !ok || one.Line < 1 || one.Column < 1 {
			t.Errorf("%q: %#v", text, one)
		}
	}
}

// FuzzParse: routes that were read are good ones, and the same when they are
// written and read again; mistakes are at a place that there is.
func FuzzParse(f *testing.F) {
	f.Add(file)
	f.Add("a.test x rate=5/90s source=::1 # y\r\n\"\n* hold from=<>")
	f.Add("a,.b,mx:.c x rate=1/s\n*,.d y")
	f.Add(`a.test refuse reply="550 5.1.1 \"\\"`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := route.Parse(text)
		if err != nil {
			lines := strings.Split(text, "\n")
			for _, e := range err.(route.Errors) {
				if e.Line < 1 || e.Line > len(lines) || e.Column < 1 || e.Column > len(lines[e.Line-1])+1 || e.Text == "" {
					t.Errorf("%q: %v", text, e)
				}
			}
			return
		}
		written := route.Format(got)
		again, err := route.Parse(written)
		if err != nil || !reflect.DeepEqual(got, again) {
			t.Errorf("%q, written\n%sand read\n%s%v", text, written, route.Format(again), err)
		}
		if route.Format(again) != written {
			t.Errorf("%q becomes %q", written, route.Format(again))
		}
		_, err = route.New(route.Config{Routes: got, MX: noMX, Open: func(route.Target, route.Options) (delivery.Transport, error) {
			return accept, nil
		}})
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}
