package sendmail_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/sendmail"
)

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"a@example.com":                     "a@example.com",
		"A.b+c@Example.COM":                 "A.b+c@Example.COM",
		"a..b.@docomo.ne.jp":                `"a..b."@docomo.ne.jp`,
		"a b@x.test":                        `"a b"@x.test`,
		`"a b"@x.test`:                      `"a b"@x.test`,
		`"a"@x.test`:                        `"a"@x.test`,
		`a"b\c@x.test`:                      `"a\"b\\c"@x.test`,
		"a@b@x.test":                        `"a@b"@x.test`,
		"a,b;c:d@x.test":                    `"a,b;c:d"@x.test`,
		"|/bin/sh@x.test":                   "|/bin/sh@x.test",
		"!#$%&'*+/=?^_`{|}~@x":              "!#$%&'*+/=?^_`{|}~@x",
		"u@[192.0.2.1]":                     "u@[192.0.2.1]",
		"u@[ipv6:2001:db8::1]":              "u@[ipv6:2001:db8::1]",
		"u@sub_domain.example":              "u@sub_domain.example",
		"u@例え。テスト":                          "u@xn--r8jz45g.xn--zckzah",
		"用户@例え.テスト":                         "用户@xn--r8jz45g.xn--zckzah",
		"用 户@x.test":                        `"用 户"@x.test`,
		" -oQ@x.test":                       `" -oQ"@x.test`,
		"\u010d\u010a\u760a@x":              "\u010d\u010a\u760a@x", // not LF, although their last octets look so
		strings.Repeat("x", 64) + "@x.test": strings.Repeat("x", 64) + "@x.test",
	} {
		got, _, quoted, utf8, err := sendmail.ParseAddress(in)
		if err != nil || got != want || quoted != (want[0] == '"') || utf8 != strings.ContainsFunc(want, func(r rune) bool { return r > 127 }) {
			t.Errorf("%q: got %q, %v, %v, %v; want %q", in, got, quoted, utf8, err, want)
		}
	}
	for _, in := range []string{
		"", "@", "a@", "@x.test", "a", "postmaster", `""@x.test`, "-@x.test", "-a@x.test", "--", "-oQ/tmp",
		"a\r\n@x.test", "a\n@x.test", "a\x00@x.test", "a\x7f@x.test", "a\tb@x.test", "a\x1bb@x.test", "a@x.test\n", "a@x.test\x00",
		"a\u0085@x.test", "a\u2028@x.test", "a\u009b@x.test", "a\xff@x.test", "a@x.test ", "a@ x.test",
		"<a@x.test>", "a@x.test>", "@a:b@c", "a@x.test,b", "a@x.jp,b@y.jp", "a@x.jp; b@y.jp", "u@x.com(c)", "u@x..test", "u@.test", "u@x.test.", "u@a/b", "u@a%b",
		"u@" + strings.Repeat("x", 64) + ".test", "u@" + strings.Repeat("x.", 130) + "test", strings.Repeat("x", 65) + "@x.test",
		strings.Repeat("x", 63) + " @x.test", "u@[]", "u@[192.0.2.1", "u@[192.0.2]", "u@[2001:db8::1]", "u@[IPv6:fe80::1%eth0]",
		"u@[IPv6:192.0.2.1]", "u@[x.test]", "u@[192.0.2.1]x", `"a@x.test`, `"a"b@x.test`, `"a\"@x.test`, `"@x.test`, `"a\`, `"a\é"@x`,
		"u@\uFF20x.test", "u@a\u200db.test", strings.Repeat("a ", 1<<20) + "@x.test", "u@" + strings.Repeat("例", 1<<20),
	} {
		if got, _, _, _, err := sendmail.ParseAddress(in); err == nil {
			t.Errorf("%.80q became %q", in, got)
		} else if len(err.Error()) > 1000 {
			t.Errorf("%.80q: the error has %d octets", in, len(err.Error()))
		}
	}
}

// msmtp loses a quoted local part, so it doesn't get one.
func TestMsmtpAndQuotes(t *testing.T) {
	f := newFake(t, "read")
	f.Program = sendmail.ProgramMsmtp
	res := f.send(t.Context(), from("a..b@docomo.ne.jp", "b@y.test"), hello)
	if got := outcomes(res); got != "not sent, accepted" || !errors.Is(res.Recipients[0].Err, sendmail.ErrQuoted) {
		t.Errorf("%s, %v", got, res.Err())
	}
	if e := failure(res); e.Phase != delivery.PhasePrepare || e.Recipient != "a..b@docomo.ne.jp" {
		t.Error(e)
	}
}

func FuzzAddress(f *testing.F) {
	for _, seed := range []string{
		"a@x.test", `"a b"@x.test`, "a..b@x", "a\r\n@x", "@a:b@c", "用户@例え.テスト", "u@[IPv6:::1]", `"\a"@x`, "-a@x", "a\u2028@x", `\@x`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out, key, quoted, _, err := sendmail.ParseAddress(in)
		if err != nil {
			return
		}
		if len(out) > 254 || strings.HasPrefix(out, "-") || strings.ContainsAny(out, "\r\n\x00") {
			t.Fatalf("%q became %q", in, out)
		}
		at := strings.LastIndexByte(out, '@')
		local := out[:at]
		if quoted {
			local = unescape(local[1 : len(local)-1])
		} else if strings.ContainsAny(local, "\"(),:;<>@[\\] ") {
			t.Fatalf("%q became %q, which isn't quoted", in, out)
		}
		if key != local+"@"+strings.ToLower(out[at+1:]) {
			t.Fatalf("%q became %q with the key %q", in, out, key)
		}
		// What went in raw came out with the same meaning.
		if raw := in[:strings.LastIndexByte(in, '@')]; !strings.HasPrefix(raw, `"`) && raw != local {
			t.Fatalf("%q: the local part became %q", in, local)
		}
		if again, _, _, _, err := sendmail.ParseAddress(out); err != nil || again != out {
			t.Fatalf("%q: not stable: %q, %v", out, again, err)
		}
	})
}

// unescape takes the backslashes of quoted-pairs away.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
