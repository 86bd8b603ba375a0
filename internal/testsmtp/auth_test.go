package testsmtp_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestAuth(t *testing.T) {
	const user, password = "taro", "p4ss-w0rd"
	plain, wrong := b64("\x00taro\x00p4ss-w0rd"), b64("\x00taro\x00x")
	mac := hmac.New(md5.New, []byte(password))
	mac.Write([]byte("<1.1@mx.test>"))
	cram := b64(fmt.Sprintf("%s %x", user, mac.Sum(nil)))
	xoauth := b64("user=taro\x01auth=Bearer p4ss-w0rd\x01\x01")
	oauth := b64("n,a=taro,\x01host=mx.test\x01auth=Bearer p4ss-w0rd\x01\x01")
	for _, tt := range []struct {
		name string
		talk []string
		ok   bool
	}{
		{"plain", []string{"AUTH PLAIN " + plain + " -> 235 2.7.0"}, true},
		{"plain asked", []string{"auth plain -> 334 ", plain + " -> 235"}, true},
		{"plain wrong", []string{"AUTH PLAIN " + wrong + " -> 535 5.7.8"}, false},
		{"plain empty", []string{"AUTH PLAIN = -> 535"}, false},
		{"plain unknown", []string{"AUTH PLAIN " + b64("\x00jiro\x00") + " -> 535"}, false},
		{"not base64", []string{"AUTH PLAIN \xc3\xa9 -> 501 5.5.2"}, false},
		{"asked not base64", []string{"AUTH PLAIN -> 334", "*x -> 501 5.5.2"}, false},
		{"cancelled", []string{"AUTH PLAIN -> 334", "* -> 501 5.7.0"}, false},
		{"login", []string{"AUTH LOGIN -> 334 VXNlcm5hbWU6", b64(user) + " -> 334 UGFzc3dvcmQ6", b64(password) + " -> 235"}, true},
		{"login initial", []string{"AUTH LOGIN " + b64(user) + " -> 334 UGFzc3dvcmQ6", b64(password) + " -> 235"}, true},
		{"login wrong", []string{"AUTH LOGIN -> 334", " -> 334", " -> 535"}, false},
		{"cram", []string{"AUTH CRAM-MD5 -> 334 " + b64("<1.1@mx.test>"), cram + " -> 235"}, true},
		{"cram wrong", []string{"AUTH CRAM-MD5 -> 334", b64("taro 00") + " -> 535"}, false},
		{"xoauth2", []string{"AUTH XOAUTH2 " + xoauth + " -> 235"}, true},
		{"xoauth2 wrong", []string{"AUTH XOAUTH2 " + b64("user=taro\x01auth=Bearer x\x01\x01") + " -> 334", " -> 535"}, false},
		{"oauthbearer", []string{"AUTH OAUTHBEARER " + oauth + " -> 235"}, true},
		{"unknown", []string{"AUTH NTLM -> 504", "AUTH GSSAPI -> 504", "AUTH -> 501", "AUTH PLAIN a b -> 501"}, false},
		{"too long", []string{"AUTH PLAIN -> 334", strings.Repeat("YWFh", 4000) + " -> 501"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := testsmtp.Server{
				Users: map[string]string{user: password}, RequireAuth: true,
				Mechanisms: []string{"PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER", "GSSAPI"},
			}
			c := dial(t, &s).open()
			c.talk("MAIL FROM:<> -> 530 5.7.0")
			c.talk(tt.talk...)
			if tt.ok {
				c.talk("AUTH PLAIN -> 503", "MAIL FROM:<> -> 250", "RCPT TO:<a@b.test> -> 250", "DATA -> 354", ". -> 250")
				if m := s.Messages(); len(m) != 1 || m[0].User != user {
					t.Errorf("messages %+v", m)
				}
			} else {
				c.talk("MAIL FROM:<> -> 530 5.7.0")
			}
			c.talk("QUIT -> 221")
			s.Close()
			for _, secret := range []string{plain, wrong, cram, xoauth, oauth, b64(password)} {
				if strings.Contains(s.Transcript(), secret) || strings.Contains(fmt.Sprint(s.Connections()), secret) {
					t.Errorf("a secret is in the transcript:\n%s", s.Transcript())
				}
			}
			if got := s.Connections()[0].User != ""; got != tt.ok {
				t.Errorf("user set: %v", got)
			}
		})
	}
}

func TestAuthOffer(t *testing.T) {
	cert, pool := testsmtp.Certificate("mx.test", "127.0.0.1")
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	s := testsmtp.Server{Users: map[string]string{"u": "p"}, TLS: config}
	c := dial(t, &s).open()
	c.talk("AUTH PLAIN " + b64("\x00u\x00p") + " -> 538 5.7.11")
	if strings.Contains(s.Transcript(), "250 AUTH") || !strings.Contains(s.Transcript(), "S: 250 STARTTLS") {
		t.Errorf("transcript:\n%s", s.Transcript())
	}
	c.talk("STARTTLS x -> 501", "STARTTLS -> 220 2.0.0")
	secure := tls.Client(c.conn, &tls.Config{RootCAs: pool, ServerName: "mx.test"})
	c.conn = secure
	c.r.Reset(secure)
	c.talk("MAIL FROM:<> -> 503", "STARTTLS -> 503", "EHLO c.test -> 250 AUTH PLAIN LOGIN", "STARTTLS -> 503",
		"AUTH PLAIN "+b64("\x00u\x00p")+" -> 235", "QUIT -> 221")
	c.end(nil)
	s.Close()
	info := s.Connections()[0]
	if !info.TLS || info.State.ServerName != "mx.test" || info.User != "u" || info.Ended != testsmtp.EndedQuit {
		t.Errorf("connection %+v", info)
	}
	if !strings.Contains(s.Transcript(), "S: 220 2.0.0 go ahead\n-- TLS\nC: MAIL") {
		t.Errorf("transcript:\n%s", s.Transcript())
	}
	if info.Turns != len(info.Commands) { // the handshake adds none

		t.Errorf("%d turns:\n%s", info.Turns, s.Transcript())
	}

	clear := testsmtp.Server{Users: map[string]string{"u": "p"}, TLS: config, AuthClear: true, Mechanisms: []string{"LOGIN"}}
	dial(t, &clear).open().talk("AUTH PLAIN -> 504", "AUTH LOGIN -> 334")
}

func TestInjectedBeforeTLS(t *testing.T) {
	cert, pool := testsmtp.Certificate("mx.test")
	s := testsmtp.Server{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}
	c := dial(t, &s).open()
	c.send("STARTTLS\r\nRSET\r\n")
	c.want("220")
	secure := tls.Client(c.conn, &tls.Config{RootCAs: pool, ServerName: "mx.test"})
	c.conn = secure
	c.r.Reset(secure)
	c.talk("EHLO c.test -> 250", "QUIT -> 221")
	violations(t, &s, "input before the reply to STARTTLS")
}
