package message_test

import (
	"errors"
	"net/mail"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/message"
)

func TestParseAddress(t *testing.T) {
	for _, v := range []struct{ in, name, addr string }{
		// RFC 5322 appendix A
		{"John Doe <jdoe@machine.example>", "John Doe", "jdoe@machine.example"},
		{`"Joe Q. Public" <john.q.public@example.com>`, "Joe Q. Public", "john.q.public@example.com"},
		{"Mary Smith <mary@x.test>", "Mary Smith", "mary@x.test"},
		{"jdoe@example.org", "", "jdoe@example.org"},
		{"Who? <one@y.test>", "Who?", "one@y.test"},
		{"<boss@nil.test>", "", "boss@nil.test"},
		{`"Giant; \"Big\" Box" <sysservices@example.net>`, `Giant; "Big" Box`, "sysservices@example.net"},
		{`Pete(A nice \) chap) <pete(his account)@silly.test(his host)>`, "", ""},
		{"pete@silly.test (Pete)", "Pete", "pete@silly.test"},
		// RFC 3696 section 3 and its errata
		{`"Abc\@def"@example.com`, "", `"Abc\@def"@example.com`},
		{`"Fred Bloggs"@example.com`, "", `"Fred Bloggs"@example.com`},
		{`customer/department=shipping@example.com`, "", "customer/department=shipping@example.com"},
		{"$A12345@example.com", "", "$A12345@example.com"},
		{"!def!xyz%abc@example.com", "", "!def!xyz%abc@example.com"},
		{"_somename@example.com", "", "_somename@example.com"},
		{"user@[192.0.2.1]", "", "user@[192.0.2.1]"},
		{"user@[IPv6:2001:db8::1]", "", "user@[IPv6:2001:db8::1]"},
		// names in Japanese
		{"山田 太郎 <taro@example.jp>", "山田 太郎", "taro@example.jp"},
		{"山田　太郎<taro@example.jp>", "山田　太郎", "taro@example.jp"},
		{"=?ISO-2022-JP?B?GyRCOzNFRBsoQg==?= <taro@example.jp>", "山田", "taro@example.jp"},
		{"=?UTF-8?B?5bGx55Sw?= =?UTF-8?B?5aSq6YOO?= <taro@example.jp>", "山田太郎", "taro@example.jp"},
		{"J. Doe <j@example.jp>", "J. Doe", "j@example.jp"},
		// carriers
		{"a..b.@docomo.ne.jp", "", "a..b.@docomo.ne.jp"},
		{".abc@ezweb.ne.jp", "", ".abc@ezweb.ne.jp"},
		{"携帯 <a..b@t.vodafone.ne.jp>", "携帯", "a..b@t.vodafone.ne.jp"},
		{`"a..b"@docomo.ne.jp`, "", `"a..b"@docomo.ne.jp`},
		// what must not be reinterpreted
		{"=?utf-8?q?=40evil.com=00?=@microsoft.com", "", "=?utf-8?q?=40evil.com=00?=@microsoft.com"},
		{`"victim@gmail.com x"@internal.domain`, "", `"victim@gmail.com x"@internal.domain`},
		{"taro@例え.jp", "", "taro@例え.jp"},
		{"太郎@例え.jp", "", "太郎@例え.jp"},
	} {
		a, err := message.ParseAddress(v.in)
		if (err == nil) != (v.addr != "") || a.Name != v.name || a.Address != v.addr {
			t.Errorf("%q: %+v, %v", v.in, a, err)
		}
		if err != nil {
			var ae *message.AddressError
			if !errors.As(err, &ae) {
				t.Errorf("%q: %T", v.in, err)
			}
			continue
		}
		// What is written reads back the same, by the standard library's parser.
		std, err := (&mail.AddressParser{WordDecoder: wordDecoder}).Parse(a.String())
		if strings.Contains(v.addr, "[") {
			continue // net/mail has no opinion on these in all versions
		}
		if err != nil || std.Name != v.name {
			t.Errorf("%q was written as %q and read as %v, %v", v.in, a.String(), std, err)
		}
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for _, bad := range []string{
		"", " ", "a", "@", "a@", "@b", "<>", "a@b, c@d", "a b@c", "<a@b", "a@b>", "a@b c", "x <a@b> y", `"a@b`, `"a" b@c`, "(a@b",
		"<@a,@b:u@c>", "a@b\r\nBcc: c@d", "a\r@b.com", "a@b\x00", "a@b\x7f", "a\u0085@b", "a\u2028@b", "a@b..c", "a@-b", "a@b-.c",
		"a..b@example.jp", ".a@example.jp", "a.@example.jp", "a@[1.2.3]", "a@[IPv6:1.2.3.4]", "a@[fe80::1%eth0]", "a@b_/c",
		`oastify.com!u\@x.com`, `u%evil.com(@x.com`, "a@b@c", "r@ex.com>\r\nDATA\r\n", "g: a@b;", strings.Repeat("x", 65) + "@b.jp",
		strings.Repeat("(", 17) + strings.Repeat(")", 17) + "a@b.jp", strings.Repeat("a ", 1<<20) + "<a@b>", "a@" + strings.Repeat("b.", 130) + "c",
	} {
		a, err := message.ParseAddress(bad)
		var ae *message.AddressError
		if !errors.As(err, &ae) {
			t.Errorf("%.60q passed as %+v, %v", bad, a, err)
		}
	}
	for _, v := range [][2]string{
		{"ｔａｒｏ＠ｅｘａｍｐｌｅ．ｊｐ", ""}, // no "@" at all
		{"taro@ｅｘａｍｐｌｅ.jp", "taro@example.jp"},
		{"ｔaro@example.jp", "taro@example.jp"},
		{"a..b@example.jp", `"a..b"@example.jp`},
	} {
		_, err := message.ParseAddress(v[0])
		var ae *message.AddressError
		if !errors.As(err, &ae) || ae.Suggestion != v[1] {
			t.Errorf("%s: %v", v[0], err)
		}
	}
}

func TestParseAddressList(t *testing.T) {
	for _, v := range []struct{ in, want string }{
		{"a@x.jp", "a@x.jp"},
		{"a@x.jp, b@x.jp,c@x.jp", "a@x.jp b@x.jp c@x.jp"},
		{"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;", "c@a.test joe@where.test jdoe@one.test"},
		{"g: a@x.jp, b@x.jp;, c@x.jp", "a@x.jp b@x.jp c@x.jp"},
		{",, a@x.jp ,", "a@x.jp"},
		{`"Doe, John" <a@x.jp>, 山田 <b@x.jp>`, "a@x.jp b@x.jp"},
		{"undisclosed-recipients:;", ""},
		{"a@x.jp b@x.jp", ""},
		{"g: a@x.jp", ""},
		{"g: h: a@x.jp;;", ""},
		{strings.Repeat("g: ", 5000) + "a@b;", ""},
		{"a@x.jp;", ""},
		{"", ""},
		{",", ""},
	} {
		list, err := message.ParseAddressList(v.in)
		var got []string
		for _, a := range list {
			got = append(got, a.Address)
		}
		if (err == nil) != (v.want != "") || strings.Join(got, " ") != v.want {
			t.Errorf("%.60q: %v, %v", v.in, got, err)
		}
	}
}

// Work that grows faster than the input would take minutes here.
func TestParsingHostileInput(t *testing.T) {
	for _, in := range []string{
		strings.Repeat("a ", 1<<19), strings.Repeat("(", 1<<20), strings.Repeat("(a)", 1<<18) + "a@b",
		"a@[" + strings.Repeat("1", 1<<19) + "]", strings.Repeat(`""`, 1<<18), strings.Repeat("g: ;", 1<<17),
		strings.Repeat(`"a":`, 1<<17), strings.Repeat("a@b.jp,", 1<<17),
	} {
		message.ParseAddressList(in)
	}
}

func TestEnvelope(t *testing.T) {
	m := sample()
	m.To = []message.Address{{Address: "taro@Example.jp"}, {Address: "a@例え.jp"}}
	m.Cc = []message.Address{{Address: "taro@example.JP"}, {Address: "Taro@example.jp"}}
	m.Bcc = []message.Address{{Address: "secret@example.jp"}}
	m.DSN = delivery.DSN{RET: delivery.RETHeaders, ENVID: "QQ+1", Notify: delivery.NotifySuccess | delivery.NotifyFailure}
	env, err := m.Envelope()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range env.Recipients {
		got = append(got, r.Address)
		if r.Notify != m.DSN.Notify {
			t.Errorf("%s: %v", r.Address, r.Notify)
		}
	}
	if g := strings.Join(got, " "); g != "taro@Example.jp a@xn--r8jz45g.jp Taro@example.jp secret@example.jp" {
		t.Error(g)
	}
	if env.From != "sales@example.co.jp" || env.DSN != m.DSN || env.SMTPUTF8 || env.EightBit {
		t.Errorf("%+v", env)
	}
	for path, want := range map[string]string{"<>": "", "bounce@example.jp": "bounce@example.jp"} {
		m.ReturnPath = path
		if env, err = m.Envelope(); err != nil || env.From != want {
			t.Errorf("%s: %+v %v", path, env, err)
		}
	}
	for _, set := range []func(*message.Message){
		func(m *message.Message) { m.To[0].Address = "太郎@example.jp" },
		func(m *message.Message) { m.ReplyTo = []message.Address{{Address: "太郎@example.jp"}} },
		func(m *message.Message) { m.From.Address = "太郎@example.jp" },
	} {
		m := sample()
		set(m)
		if env, err := m.Envelope(); err != nil || !env.SMTPUTF8 {
			t.Errorf("%+v %v", env, err)
		}
	}
	for _, m := range []*message.Message{{}, {From: message.Address{Address: "a@b.jp"}}, {To: []message.Address{{Address: "a@b.jp"}}}} {
		if env, err := m.Envelope(); !errors.Is(err, message.ErrRequired) || env != nil {
			t.Errorf("%+v %v", env, err)
		}
	}
}

// A slip of the pen is no mailbox.
func TestMistypedAddresses(t *testing.T) {
	for in, suggestion := range map[string]string{
		" c@d.jp": "c@d.jp", "c@d.jp ": "c@d.jp", "taro@example.jp@example.jp": "", "a,b@c.jp": "", "x@evil.jp, y@c.jp": "",
		"mailto:a@c.jp": "", "a b@c.jp": "", "a> SIZE=1@c.jp": "", "\u3000c@d.jp": "c@d.jp",
	} {
		m := sample()
		m.To = []message.Address{{Address: in}}
		_, err := m.Envelope()
		var ae *message.AddressError
		if !errors.As(err, &ae) || ae.Suggestion != suggestion {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"a@b.jp", `"a b"@c.jp (x)`, "山田 <a@b.jp>", "g: a@b.jp, c@d.jp;", "=?UTF-8?B?5bGx?= <a@b.jp>", `a\@b`, "<a..b@docomo.ne.jp>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := message.ParseAddressList(s)
		if err != nil {
			return
		}
		for _, a := range list {
			again, err := message.ParseAddress(a.String())
			if err != nil {
				t.Fatalf("%+v was written as %q: %v", a, a.String(), err)
			}
			m := &message.Message{From: a, To: []message.Address{again}}
			e1, err1 := m.Envelope()
			if err1 != nil {
				t.Fatalf("%+v: %v", a, err1)
			}
			if r := e1.Recipients[0].Address; !same(r, e1.From) {
				t.Fatalf("%q became %q", e1.From, r)
			}
		}
	})
}

// same compares addresses without regard to needless quotes.
func same(a, b string) bool {
	x, y := message.Address{Address: a}, message.Address{Address: b}
	return x.String() == y.String()
}
