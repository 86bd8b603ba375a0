package smtp_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/smtp"
)

func TestPath(t *testing.T) {
	long := strings.Repeat("x", 64)
	for in, want := range map[string]string{
		"a@example.com":                            "a@example.com",
		"A.b+c@Example.COM":                        "A.b+c@Example.COM",
		"a..b.@docomo.ne.jp":                       `"a..b."@docomo.ne.jp`,
		".a@ezweb.ne.jp":                           `".a"@ezweb.ne.jp`,
		"a b@x.test":                               `"a b"@x.test`,
		`"a b"@x.test`:                             `"a b"@x.test`,
		`"a"@x.test`:                               `"a"@x.test`,
		`"a\"b\\c"@x.test`:                         `"a\"b\\c"@x.test`,
		`a"b@x.test`:                               `"a\"b"@x.test`,
		"a@b@x.test":                               `"a@b"@x.test`,
		`"a@b"@x.test`:                             `"a@b"@x.test`,
		"!#$%&'*+-/=?^_`{|}~@x.test":               "!#$%&'*+-/=?^_`{|}~@x.test",
		"a,b;c:d@x.test":                           `"a,b;c:d"@x.test`,
		"u@[192.0.2.1]":                            "u@[192.0.2.1]",
		"u@[IPv6:2001:db8::1]":                     "u@[IPv6:2001:db8::1]",
		"u@[ipv6:::1]":                             "u@[ipv6:::1]",
		"u@sub_domain.example":                     "u@sub_domain.example",
		"u@localhost":                              "u@localhost",
		"u@xn--0049.com":                           "u@xn--0049.com",
		"u@例え.テスト":                                 "u@xn--r8jz45g.xn--zckzah",
		"u@例え。jp":                                  "u@xn--r8jz45g.jp",
		"u@bücher_x.example":                       "u@xn--bcher_x-n2a.example",
		"用户@例え.テスト":                                "用户@xn--r8jz45g.xn--zckzah",
		"用 户@x.test":                               `"用 户"@x.test`,
		"a\u760d\u760ab@x.test":                    "a\u760d\u760ab@x.test", // not CR LF, although their last octets look so
		"\u010d\u010a@x.test":                      "\u010d\u010a@x.test",
		long + "@x.test":                           long + "@x.test",
		"oastify.com!u\\@x.com":                    `"oastify.com!u\\"@x.com`,
		"u%evil.com(@x.com":                        `"u%evil.com("@x.com`,
		`"victim@gmail.com x"@in.test`:             `"victim@gmail.com x"@in.test`,
		"=?utf-8?q?=40evil.com=00?=@microsoft.com": "=?utf-8?q?=40evil.com=00?=@microsoft.com",
		"=?x?q?a=40b.com=3E=20?=@x.test":           "=?x?q?a=40b.com=3E=20?=@x.test",
		`"toni@example.com> ORCPT=admin@admin.com"@example.com`: `"toni@example.com> ORCPT=admin@admin.com"@example.com`,
		"toni@example.com> ORCPT=admin@admin.com@example.com":   `"toni@example.com> ORCPT=admin@admin.com"@example.com`,
		`attacker\" -oQ/tmp/ -X/var/www/x.php some@email.com`:   `"attacker\\\" -oQ/tmp/ -X/var/www/x.php some"@email.com`,
		"-oQ/tmp@x.com": "-oQ/tmp@x.com",
	} {
		got, _, utf8, err := smtp.ParsePath(in)
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		} else if utf8 != !isASCII(want) {
			t.Errorf("%q: utf8 is %v", in, utf8)
		}
	}
}

func TestPathRefused(t *testing.T) {
	for _, in := range []string{
		"", "@", "a@", "@x.test", "a", "postmaster", `""@x.test`,
		"a\r\n@x.test", "a\r@x.test", "a\n@x.test", "a\x00@x.test", "a\x7f@x.test", "a\tb@x.test", "a\x1bb@x.test",
		"a\u0085@x.test", "a\u2028@x.test", "a\u2029@x.test", "a\u009b@x.test", "a\xff@x.test",
		"a@x\r\n.test", "a@x.test\r\nDATA", "a@x.test\x00", "a@x.test ", " a@x.test\n", "a@ x.test",
		"r@ex.com>\r\nDATA\r\nInjected\r\n.\r\nQUIT\r\n",
		"\"a\r\nRCPT TO:<evil@x>\r\n\"@ex.com", "\"a\\\r\\\nb\"@ex.com",
		"<a@x.test>", "a@x.test>", "<@a,@b:u@c>", "@a,@b:u@c", "@a:u@c",
		"a@x.jp,b@y.jp", "a@x.jp; b@y.jp", "Taro <a@x.jp>, b@y.jp",
		"u@x.com(c)", "u@x.com,b", "u@x.com SIZE=1", "u@x..test", "u@.test", "u@x.test.", "u@x@", "u@a/b", "u@a:b", "u@a%b",
		"u@" + strings.Repeat("x", 64) + ".test", "u@" + strings.Repeat("x.", 130) + "test",
		strings.Repeat("x", 65) + "@x.test", strings.Repeat("x", 63) + " @x.test",
		"u@[]", "u@[192.0.2.1", "u@[192.0.2]", "u@[2001:db8::1]", "u@[IPv6:fe80::1%eth0]", "u@[IPv6:192.0.2.1]", "u@[x.test]", "u@[192.0.2.1]x",
		"u@[192.0.2.1]\r\n", "u@" + "[" + strings.Repeat("1", 1<<20) + "]",
		`"a@x.test`, `"a"b@x.test`, `"a\"@x.test`, `"@x.test`, `"a"b"@x.test`,
		"u@\uFF20x.test", "u@x\u3000y.test", "u@a\u200db.test",
		strings.Repeat("a ", 1<<20) + "@x.test", "u@" + strings.Repeat("例", 1<<20),
	} {
		if got, _, _, err := smtp.ParsePath(in); err == nil {
			t.Errorf("%.80q became %q", in, got)
		} else if len(err.Error()) > 1000 {
			t.Errorf("%.80q: the error has %d octets", in, len(err.Error()))
		}
	}
}

// Two spellings of one mailbox have one key, two mailboxes have two.
func TestPathKey(t *testing.T) {
	key := func(s string) string {
		_, k, _, err := smtp.ParsePath(s)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	for _, same := range [][2]string{
		{"a@Example.COM", "a@example.com"}, {`"a"@x.test`, "a@x.test"}, {"a..b@x.test", `"a..b"@x.test`},
		{"a@例え.テスト", "a@XN--r8jz45g.xn--zckzah"},
	} {
		if key(same[0]) != key(same[1]) {
			t.Errorf("%q and %q differ", same[0], same[1])
		}
	}
	for _, other := range [][2]string{{"A@x.test", "a@x.test"}, {"a..b@x.test", "a.b@x.test"}, {"a+b@x.test", "a@x.test"}} {
		if key(other[0]) == key(other[1]) {
			t.Errorf("%q and %q are the same", other[0], other[1])
		}
	}
}

// reparse is a strict parser of Mailbox (RFC 5321 section 4.1.2), written for
// the tests alone. It returns the local part's meaning and the domain.
func reparse(s string) (local, domain string, err error) {
	if strings.HasPrefix(s, `"`) {
		var b strings.Builder
		i := 1
		for ; i < len(s) && s[i] != '"'; i++ {
			if s[i] == '\\' {
				i++
			}
			if i == len(s) || s[i] < ' ' || s[i] == 0x7f {
				return "", "", fmt.Errorf("bad quoted-string")
			}
			b.WriteByte(s[i])
		}
		if i+1 >= len(s) || s[i+1] != '@' {
			return "", "", fmt.Errorf("no @ after the quoted-string")
		}
		local, domain = b.String(), s[i+2:]
	} else {
		i := strings.IndexAny(s, "@\"(),:;<>[\\] \x7f")
		if i < 0 || s[i] != '@' {
			return "", "", fmt.Errorf("no dot-string before @")
		}
		local, domain = s[:i], s[i+1:]
		if local == "" || strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
			return "", "", fmt.Errorf("bad dots")
		}
	}
	if strings.HasPrefix(domain, "[") {
		inner := strings.TrimPrefix(strings.ToLower(domain[1:len(domain)-1]), "ipv6:")
		_, err := netip.ParseAddr(inner)
		return local, domain, err
	}
	for _, c := range domain {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", c) {
			return "", "", fmt.Errorf("domain with %q", c)
		}
	}
	return local, domain, nil
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"a@x.test", `"a b"@x.test`, "a..b@x", "a\r\n@x", "@a:b@c", "用户@例え.テスト", "u@[IPv6:::1]", `"\a"@x`,
		`"toni@example.com> ORCPT=admin@admin.com"@example.com`, "a\u2028@x", "a@b@c", `\@x`, `"@x`, "u@ﬀ.test", "u@x。y",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out, key, _, err := smtp.ParsePath(in)
		if err != nil {
			return
		}
		if len(out) > 254 || smtp.CheckLine("RCPT TO:<"+out+">") != nil {
			t.Fatalf("%q became %q, which is no line", in, out)
		}
		local, domain, err := reparse(out)
		if err != nil {
			t.Fatalf("%q became %q: %v", in, out, err)
		}
		if key != local+"@"+strings.ToLower(domain) {
			t.Fatalf("%q became %q, read again as %q and %q", in, out, local, domain)
		}
		// What went in raw came out with the same meaning.
		raw := in[:strings.LastIndexByte(in, '@')]
		if !strings.HasPrefix(raw, `"`) && raw != local {
			t.Fatalf("%q: the local part became %q", in, local)
		}
		if again, _, _, err := smtp.ParsePath(out); err != nil || again != out {
			t.Fatalf("%q: not stable: %q, %v", out, again, err)
		}
	})
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
