package testsmtp_test

import (
	"strings"
	"testing"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

func TestPaths(t *testing.T) {
	local64 := strings.Repeat("l", 64)
	for _, tt := range []struct{ path, want string }{
		{"<a@b.test>", "250"},
		{"<A.b+c=d@b-1.test>", "250"},
		{`<"a b"@b.test>`, "250"},
		{`<"a>b"@b.test>`, "250"},
		{`<"a\"@\\"@b.test>`, "250"},
		{`<"a..b"@docomo.test>`, "250"},
		{`<"">`, "501 5.1.3"},
		{`<""@b.test>`, "250"},
		{"<a@[127.0.0.1]>", "250"},
		{"<a@[IPv6:2001:db8::1]>", "250"},
		{"<a@[IPv6:127.0.0.1]>", "501"},
		{"<a@[1.2.3]>", "501"},
		{"<postmaster>", "250"},
		{"<@r.test,@s.test:a@b.test>", "250"},
		{"<" + local64 + "@b.test>", "250"},
		{"<" + local64 + "l@b.test>", "501"},
		{"<a@" + strings.Repeat("d", 64) + ".test>", "501"},
		{"<a..b@docomo.test>", "501 5.1.3"},
		{"<a.@docomo.test>", "501"},
		{"<.a@docomo.test>", "501"},
		{"<a b@b.test>", "501"},
		{"<a@b@c.test>", "501"},
		{`<a"b"@b.test>`, "501"},
		{`<"a"b@b.test>`, "501"},
		{"<a>", "501"},
		{"<>", "501"},
		{"<a@>", "501"},
		{"<a@b..test>", "501"},
		{"<a@-b.test>", "501"},
		{"<a@b_c.test>", "501"},
		{"<a@b.test", "501"},
		{"a@b.test", "501"},
		{" <a@b.test>", "501"},
		{"<a@b.test>x", "501"},
		{"<a@b.test> ", "501"},
		{"<a@b.test>  NOTIFY=NEVER", "501"},
		{"<山@b.test>", "553 5.6.7"},
		{"<a@例え.test>", "553 5.6.7"},
		{"<\xff@b.test>", "501"},
	} {
		var s testsmtp.Server
		dial(t, &s).open().talk("MAIL FROM:<> -> 250", "RCPT TO:"+tt.path+" -> "+tt.want)
	}
	var s testsmtp.Server
	dial(t, &s).open().talk("MAIL FROM:<山@例え.test> -> 553", "MAIL FROM:<山@例え.test> SMTPUTF8 -> 250",
		"RCPT TO:<田@xn--r8jz45g.test> -> 250", `RCPT TO:<"田 中"@例え.test> -> 250`,
		"MAIL <a@b.test> -> 503", "RSET -> 250", "MAIL <a@b.test> -> 501", "MAIL -> 501", "MAIL FROM:<Postmaster> -> 501 5.1.7")
}

func TestParameters(t *testing.T) {
	all := []string{"SIZE", "8BITMIME", "BINARYMIME", "SMTPUTF8", "DSN", "REQUIRETLS", "DELIVERBY", "MT-PRIORITY", "FUTURERELEASE 100 2030-01-01T00:00:00Z"}
	for _, tt := range []struct{ params, want string }{
		{"SIZE=0 body=8bitmime SMTPUTF8 RET=FULL ENVID=a+2Bb", "250"},
		{"BODY=BINARYMIME BY=120;R MT-PRIORITY=-9 HOLDFOR=60", "250"},
		{"HOLDUNTIL=2029-01-01T00:00:00Z BY=-5;NT", "250"},
		{"SIZE", "501"}, {"SIZE=", "501"}, {"SIZE=-1", "501"}, {"SIZE=1 SIZE=1", "501"},
		{"BODY=9BIT", "501"}, {"SMTPUTF8=yes", "501"}, {"RET=ALL", "501"},
		{"ENVID=a+2b", "501"}, {"ENVID=a+2", "501"}, {"ENVID=" + strings.Repeat("e", 101), "501"},
		{"MT-PRIORITY=10", "501"}, {"BY=x;R", "501"}, {"BY=1;X", "501"}, {"HOLDUNTIL=now", "501"},
		{"NOTIFY=NEVER", "555 unknown parameter NOTIFY"}, {"XFOO", "555"}, {"=1", "501"}, {"A_B=1", "501"},
		{"REQUIRETLS", "555"}, {"AUTH=<>", "555"},
	} {
		s := testsmtp.Server{Extensions: all}
		dial(t, &s).open().talk("MAIL FROM:<> " + tt.params + " -> " + tt.want)
	}
	for _, tt := range []struct{ params, want string }{
		{"NOTIFY=NEVER", "250"}, {"notify=success,DELAY,failure ORCPT=rfc822;a+2Bb@c.test", "250"},
		{"ORCPT=utf-8;田@c.test", "250"}, {"ORCPT=utf-8;\\x{7530}@c.test", "250"},
		{"NOTIFY=NEVER,DELAY", "501"}, {"NOTIFY=DELAY,DELAY", "501"}, {"NOTIFY", "501"},
		{"ORCPT=a@b.test", "501"}, {"ORCPT=rfc822;田", "501"}, {"SIZE=1", "555"},
	} {
		s := testsmtp.Server{Extensions: all}
		dial(t, &s).open().talk("MAIL FROM:<> -> 250", "RCPT TO:<a@b.test> "+tt.params+" -> "+tt.want)
	}
	for _, param := range []string{"SIZE=1", "BODY=8BITMIME", "SMTPUTF8", "RET=HDRS", "ENVID=x", "AUTH=<>"} {
		none := testsmtp.Server{Extensions: []string{}}
		dial(t, &none).open().talk("MAIL FROM:<> " + param + " -> 555")
	}
	users := testsmtp.Server{Users: map[string]string{}}
	dial(t, &users).open().talk("MAIL FROM:<> AUTH=<> -> 250")
}

func TestContentViolations(t *testing.T) {
	for _, tt := range []struct {
		mail, data, want string
		notes            []string
	}{
		{"", "a\nb\r\n", "a\nb\r\n", []string{"bare LF"}},
		{"", "a\rb\r\n", "a\rb\r\n", []string{"bare CR"}},
		{"", "a\r\r\n", "a\r\r\n", []string{"bare CR"}},
		{"", "a\x00\r\n", "a\x00\r\n", []string{"NUL"}},
		{"", "\n.\n\r\n", "\n.\n\r\n", []string{"bare LF"}},
		{"", "a\n.\r\nRSET\r\n", "a\n.\r\nRSET\r\n", []string{"bare LF"}},
		{"", ".\nb\r\n", "\nb\r\n", []string{"single dot", "bare LF"}},
		{"", ".a\r\n", "a\r\n", []string{"single dot"}},
		{"", ".\rb\r\n", "\rb\r\n", []string{"bare CR"}},
		{"", ".\r\r\n", "\r\r\n", []string{"bare CR"}},
		{"", "é\r\n", "é\r\n", []string{"8-bit"}},
		{" BODY=8BITMIME", "é\r\n", "é\r\n", nil},
		{" SMTPUTF8", "é\r\n", "é\r\n", nil},
		{"", strings.Repeat("x", 998) + "\r\n", strings.Repeat("x", 998) + "\r\n", nil},
		{"", strings.Repeat("x", 999) + "\r\n", strings.Repeat("x", 999) + "\r\n", []string{"over 1000"}},
		{"", "", "", nil},
	} {
		var s testsmtp.Server
		c := dial(t, &s).open()
		c.talk("MAIL FROM:<>"+tt.mail+" -> 250", "RCPT TO:<a@b.test> -> 250", "DATA -> 354")
		c.send(tt.data + ".\r\n")
		c.want("250")
		if m := s.Messages(); len(m) != 1 || string(m[0].Data) != tt.want {
			t.Errorf("%q: messages %q", tt.data, m[0].Data)
		}
		violations(t, &s, tt.notes...)
	}
	var s testsmtp.Server
	c := dial(t, &s).open()
	c.talk("MAIL FROM:<> -> 250", "RCPT TO:<a@b.test> -> 250")
	c.send("BDAT 1\r\n\rBDAT 1 LAST\r\n\r")
	c.want("250", "250")
	violations(t, &s, "bare CR")
}

func TestCommandViolations(t *testing.T) {
	var s testsmtp.Server
	c := dial(t, &s).open()
	c.send("NOOP\n")
	c.want("250")
	c.talk("NO\x00OP -> 500", "NOOP \rRSET -> 500",
		"NOOP "+strings.Repeat("x", 505)+" -> 250", "NOOP "+strings.Repeat("x", 506)+" -> 500 5.5.6",
		"NOOP "+strings.Repeat("x", 100_000)+" -> 500 5.5.6",
		"MAIL FROM:<> ENVID="+strings.Repeat("x", 600)+" -> 501",
		"QUIT -> 221")
	violations(t, &s, "bare LF", "CR or NUL", "NOOP line of 513 octets", "NOOP line of 100007 octets")
}
