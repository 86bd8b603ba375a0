package smtp_test

import (
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/smtp"
)

func TestCheckLine(t *testing.T) {
	for _, ok := range []string{"", "QUIT", "EHLO [192.0.2.1]", "MAIL FROM:<用户@x.test>", strings.Repeat("x", 1022)} {
		if err := smtp.CheckLine(ok); err != nil {
			t.Errorf("%.40q: %v", ok, err)
		}
	}
	for _, bad := range []string{
		"a\rb", "a\nb", "a\r\nb", "QUIT\r\n", "a\x00b", "a\x7fb", "a\tb", "a\x1bb", "a\u0085b", "a\u2028b", "a\u2029b",
		"a\xffb", "a\xc0\x8ab", strings.Repeat("x", 1023),
	} {
		if err := smtp.CheckLine(bad); err == nil {
			t.Errorf("%.40q was let pass", bad)
		} else if strings.Contains(err.Error(), "xx") {
			t.Errorf("the error quotes the line: %v", err)
		}
	}
}

func TestDSNParameters(t *testing.T) {
	for _, tt := range []struct {
		in   delivery.DSN
		want string
	}{
		{delivery.DSN{}, ""},
		{delivery.DSN{RET: delivery.RETHeaders}, " RET=HDRS"},
		{delivery.DSN{RET: delivery.RETFull, ENVID: "QQ314159"}, " RET=FULL ENVID=QQ314159"},
		{delivery.DSN{ENVID: "a+b=c d"}, " ENVID=a+2Bb+3Dc+20d"},
		{delivery.DSN{ENVID: strings.Repeat("x", 100)}, " ENVID=" + strings.Repeat("x", 100)},
	} {
		if got, err := smtp.DSNOfMail(tt.in); err != nil || got != tt.want {
			t.Errorf("%+v: got %q, %v", tt.in, got, err)
		}
	}
	for _, bad := range []delivery.DSN{
		{RET: "full"}, {RET: "FULL SIZE=1"}, {RET: "HDRS\r\nRCPT TO:<e@x>"}, {ENVID: "1\r\nRCPT TO:<e@x>"}, {ENVID: "é"},
		{ENVID: "\x00"}, {ENVID: strings.Repeat("x", 101)}, {ENVID: strings.Repeat("+", 34)},
	} {
		if got, err := smtp.DSNOfMail(bad); err == nil {
			t.Errorf("%+v became %q", bad, got)
		}
	}
	for _, tt := range []struct {
		in   delivery.Recipient
		want string
	}{
		{delivery.Recipient{}, ""},
		{delivery.Recipient{Notify: delivery.NotifySuccess | delivery.NotifyFailure}, " NOTIFY=SUCCESS,FAILURE"},
		{delivery.Recipient{Notify: delivery.NotifyNever}, " NOTIFY=NEVER"},
		{delivery.Recipient{ORCPT: "rfc822;u@x.test"}, " ORCPT=rfc822;u@x.test"},
		{delivery.Recipient{ORCPT: "rfc822;u+tag=1@x.test"}, " ORCPT=rfc822;u+2Btag+3D1@x.test"},
		{delivery.Recipient{ORCPT: `rfc822;"a b"@x.test`}, ` ORCPT=rfc822;"a+20b"@x.test`},
		{delivery.Recipient{ORCPT: `UTF-8;用+\@x.test`}, ` ORCPT=UTF-8;\x{7528}\x{2B}\x{5C}@x.test`},
	} {
		if got, err := smtp.DSNOfRcpt(&tt.in); err != nil || got != tt.want {
			t.Errorf("%+v: got %q, %v", tt.in, got, err)
		}
	}
	for _, bad := range []delivery.Recipient{
		{Notify: delivery.NotifyNever | delivery.NotifyDelay}, {Notify: 0x40},
		{ORCPT: "u@x.test"}, {ORCPT: "rfc822;"}, {ORCPT: ";u@x"}, {ORCPT: "rfc 822;u@x"}, {ORCPT: "rfc822 NOTIFY=NEVER;u@x"},
		{ORCPT: "rfc822;1\r\nRCPT TO:<e@x>"}, {ORCPT: "rfc822;用@x"}, {ORCPT: "utf-8;用\r\n@x"}, {ORCPT: "utf-8;\xff"},
		{ORCPT: "rfc822;" + strings.Repeat("x", 494)},
	} {
		if got, err := smtp.DSNOfRcpt(&bad); err == nil {
			t.Errorf("%+v became %q", bad, got)
		}
	}
}
