package qdmail_test

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/message"
	"github.com/qdmail/qdmail/sendmail"
)

func TestOpenSendmail(t *testing.T) {
	for rawURL, want := range map[string]*sendmail.Transport{
		"sendmail:":                   {},
		"sendmail://":                 {},
		"sendmail:///":                {},
		"SENDMAIL:///usr/bin/msmtp":   {Path: "/usr/bin/msmtp"},
		"sendmail:?newline=crlf":      {CRLF: true},
		"sendmail:///a%20b/sendmail":  {Path: "/a b/sendmail"},
		"sendmail:///x?newline=lf":    {Path: "/x"},
		"sendmail:///x?program=exim":  {Path: "/x", Program: sendmail.ProgramExim},
		"sendmail://?program=msmtp":   {Program: sendmail.ProgramMsmtp},
		"sendmail://?program=other":   {Program: sendmail.ProgramOther},
		"sendmail:?program=opensmtpd": {Program: sendmail.ProgramOpenSMTPD},
		"sendmail:?program=sendmail":  {Program: sendmail.ProgramSendmail},
		"sendmail:///usr/sbin/sendmail?arg=-oi&arg=-C&arg=/etc/a%20b&program=postfix&dsn=required": {
			Path: "/usr/sbin/sendmail", Args: []string{"-oi", "-C", "/etc/a b"}, Program: sendmail.ProgramPostfix, RequireDSN: true,
		},
	} {
		mailer, err := qdmail.Open(rawURL)
		if err != nil {
			t.Errorf("%s: %v", rawURL, err)
			continue
		}
		if got := mailer.Transport; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v", rawURL, got)
		}
		if err := mailer.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenSendmailRefusals(t *testing.T) {
	const secret = "hunter2"
	for _, v := range []struct{ url, want string }{
		{"sendmail:usr/sbin/sendmail", "sendmail is followed by"},
		{"sendmail://usr/sbin/sendmail", "three slashes"},
		{"sendmail://u:hunter2@h/x", "three slashes"},
		{"sendmail:///x#hunter2", "sendmail is followed by"},
		{"sendmail:///x?hunter2", "unknown key"},
		{"sendmail:///x?program=hunter2", "program doesn't have that value"},
		{"sendmail:///x?program=exim&program=exim", "program is given twice"},
		{"sendmail:///x?newline=cr", "newline doesn't have that value"},
		{"sendmail:///x?dsn=maybe", "dsn doesn't have that value"},
		{"sendmail:///x?arg=", "arg is empty"},
		{"sendmail:///x?arg=-oi&arg=-t", "argument 2 would take recipients from the header"},
		{"sendmail:///x?arg=hunter2", "argument 1 is no option"},
		{"sendmail:///x?arg=--", "argument 1"},
		{"sendmail:///x?tls=starttls", `unknown key "tls"`},
		{"sendmail:///x%00", "NUL"},
	} {
		mailer, err := qdmail.Open(v.url)
		if !errors.Is(err, qdmail.ErrURL) || mailer != nil || !strings.Contains(err.Error(), v.want) {
			t.Errorf("%s: %v", v.url, err)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error quotes it: %v", v.url, err)
		}
	}
}

// A blind copy's recipient exists in the program's arguments and nowhere else.
func TestSendmailBcc(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "sendmail")
	script := "#!/bin/sh\ncd '" + dir + "'\nprintf '%s\\n' \"$@\" >arguments\ncat >input\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	mailer, err := qdmail.Open((&url.URL{Scheme: "sendmail", Path: program}).String())
	if err != nil {
		t.Fatal(err)
	}
	defer mailer.Close()
	m := sample()
	m.Bcc = []message.Address{{Name: "secret", Address: "secret@example.jp"}}
	res, err := mailer.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	arguments, err := os.ReadFile(filepath.Join(dir, "arguments"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "-i\n-f\nsales@example.co.jp\n--\ntaro@example.jp\nsecret@example.jp\n"; string(arguments) != want {
		t.Errorf("%s", arguments)
	}
	input, err := os.ReadFile(filepath.Join(dir, "input"))
	if err != nil {
		t.Fatal(err)
	}
	if s := string(input); strings.Contains(s, "secret") || strings.Contains(s, "\r") || !strings.Contains(s, "Message-ID: <"+res.MessageID+">\n") {
		t.Errorf("%s", s)
	}
}
