package qdmail_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/smtp"
)

// What people write by mistake, and what they are told.
func TestOpenMistakes(t *testing.T) {
	for _, v := range []struct{ url, want string }{
		{"", "it is empty"},
		{"localhost:25", "there is no scheme; did you mean smtp://localhost:25?"},
		{"localhost:1025/", "did you mean smtp://localhost:1025?"},
		{"mail.example.jp:587?tls=starttls", "did you mean smtp://mail.example.jp:587?"},
		{"mail.example.jp:465", "did you mean smtps://mail.example.jp:465?"},
		{"mail.example.jp:4711", "there is no scheme; write smtp:// before it"},
		{"mail.example.jp", "there is no scheme; write smtp:// before it"},
		{"//mail.example.jp", "there is no scheme; write smtp:// before it"},
		{"user:hunter2@mail.example.jp", "there is no scheme; write smtp:// before it"},
		{"user@mail.example.jp:25", "there is no scheme; write smtp:// before it"},
		{"hunter2:25", "there is no scheme; write smtp:// before it"},
		{"user:hunter2", "unknown scheme (known: smtp, smtps, sendmail)"},
		{"mx://?tls=required", "mx needs direct.Scheme(qdmail.OpenTransport) beside the URL"},
		{"route:///etc/app/routes", "route needs route.Scheme(qdmail.OpenTransport) beside the URL"},
		{"smtp://u:hunter2@h\n", "a blank or a line end stands before or behind it"},
		{" smtp://u:hunter2@h", "a blank or a line end stands before or behind it"},
		{"smtp://h\t", "a blank or a line end stands before or behind it"},
		{" ", "it is empty"},
		{"smtp://h:abc", "no number from 1 to 65535 stands behind the host and its colon"},
		{"smtp://h:0", "no number from 1 to 65535"},
		{"smtp://h:65536?tls=starttls", "no number from 1 to 65535"},
		{"smtp://u:p@h:hunter2", "no number from 1 to 65535"},
		{"smtp://[::1]:x", "no number from 1 to 65535"},
		{"smtp://u:hunter2", "percent-encoded"},
		{"smtp://2001:db8::1", "an IPv6 address stands in brackets"},
		{"smtp://u:p@::1/", "an IPv6 address stands in brackets"},
		{"smtp://h?TLS=starttls", `unknown key; did you mean "tls"?`},
		{"smtp://h?password_file=x", `did you mean "password-file"?`},
		{"smtp://h?Hunter2=x", "unknown key"},
		{"sendmail:?Program=exim", `did you mean "program"?`},
		{"sendmail:?ARG=-oi", `did you mean "arg"?`},
		{"smtp://h?tls=hunter2", "tls doesn't have that value; it is one of implicit, insecure-none, insecure-opportunistic, starttls"},
		{"smtp://h?timeouts=hunter2", "it is one of interactive, queue"},
		{"smtp://h?insecure-auth=hunter2", "it is one of false, true"},
		{"smtp://h?chunking=hunter2", "it is one of off, on"},
		{"smtp://h?dsn=hunter2", "it is one of required"},
		{"smtp://u:p@h?auth=hunter2", "auth is a list of scram-sha-256-plus, scram-sha-256, "},
		{"smtp://u:p@h?pop=p&apop=hunter2", "it is one of auto, never, require"},
		{"smtp://u:p@h?apop=never", "apop belongs to the key pop, which isn't given"},
		{"smtp://h?pop-minutes=5", "pop-minutes belongs to the key pop, which isn't given"},
		{"smtp://h?tls=", "tls is empty"},
		{"smtp://u@h", "there is a user and no password"},
		{"smtp://u:@h", "there is a user and no password"},
		{"smtp://u@h?auth=plain,external", "there is a user and no password"},
		{"smtp://u@h?pop=p", "there is a user and no password"},
		{"smtp://u@h?auth=external", "certificate of the client"},
	} {
		mailer, err := qdmail.Open(v.url)
		if !errors.Is(err, qdmail.ErrURL) || mailer != nil || !strings.Contains(err.Error(), v.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", v.url, err)
		}
		if _, err := qdmail.OpenTransport(v.url); !errors.Is(err, qdmail.ErrURL) || !strings.Contains(err.Error(), v.want) {
			t.Errorf("%q, the transport: %v", v.url, err)
		}
	}
}

// What looks like a mistake and isn't one.
func TestOpenNoMistakes(t *testing.T) {
	for url, addr := range map[string]string{
		"smtp://h":                               "h",
		"SMTP://h/":                              "h",
		"smtp://h:":                              "h",
		"smtp://h:65535":                         "h:65535",
		"smtp://[::1]":                           "::1",
		"smtp://u:p@[::1]:25":                    "[::1]:25",
		"smtp://u:p%20@h?ehlo=x":                 "h",
		"smtp://:p%40@h?tls=starttls&auth=plain": "", // no user, see smtp.Relay
	} {
		tr, err := qdmail.OpenTransport(url)
		if addr == "" {
			if err == nil {
				t.Errorf("%s is taken", url)
			}
			continue
		}
		if r, ok := tr.(*smtp.Relay); err != nil || !ok || r.Addr != addr {
			t.Errorf("%s: %v, %v", url, tr, err)
		}
	}
}

// Each mechanism that the documentation of Open names is one that package smtp knows.
func TestOpenMechanisms(t *testing.T) {
	for _, name := range strings.Split("scram-sha-256-plus,scram-sha-256,scram-sha-1-plus,scram-sha-1,plain,login,cram-md5,oauthbearer,xoauth2", ",") {
		if _, err := qdmail.Open("smtp://u:p@h?auth=" + name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzOpen: no mistake makes an error quote the password.
func FuzzOpen(f *testing.F) {
	for _, s := range []string{"@h", "@h:25?tls=x", "/@h", "?@h", "@h?x=x", "", ":x", "@[::1", "#", "%", "@h\n", "@h?auth=plain&pop=h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, "file") || strings.Contains(s, "ca") || strings.Contains(s, "hunter2") { // keys that read files, or no password
			return
		}
		for _, rawURL := range []string{"smtp://u:hunter2" + s, "smtps://hunter2" + s + "@h", "u:hunter2" + s} {
			if _, err := qdmail.OpenTransport(rawURL); err != nil && (!errors.Is(err, qdmail.ErrURL) || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("%q: %v", rawURL, err)
			}
		}
	})
}
