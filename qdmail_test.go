package qdmail_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/message"
	"github.com/qdmail/qdmail/smtp"
)

func listen(t testing.TB, s *testsmtp.Server) string {
	t.Helper()
	addr, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return addr
}

func sample() *message.Message {
	return &message.Message{
		From:    message.Address{Name: "営業部", Address: "sales@example.co.jp"},
		To:      []message.Address{{Name: "山田 太郎", Address: "taro@example.jp"}},
		Subject: "ご注文ありがとうございます",
		Text:    "本文です。\n",
		Charset: message.ISO2022JP,
	}
}

func TestSendThroughAURL(t *testing.T) {
	cert, _ := testsmtp.Certificate("127.0.0.1")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	user := url.UserPassword("taro@example.jp", "p:/?#[]@ss%").String()
	for _, v := range []struct {
		name   string
		server *testsmtp.Server
		url    string // with ADDR
		tls    bool
	}{
		{"clear on loopback", &testsmtp.Server{}, "smtp://ADDR", false},
		{"STARTTLS", &testsmtp.Server{TLS: tlsConfig(cert)}, "smtp://ADDR?tls=starttls&ca=" + url.QueryEscape(ca), true},
		{"implicit", &testsmtp.Server{TLS: tlsConfig(cert), ImplicitTLS: true}, "smtps://ADDR/?ca=" + url.QueryEscape(ca), true},
		{"AUTH", &testsmtp.Server{TLS: tlsConfig(cert), Users: map[string]string{"taro@example.jp": "p:/?#[]@ss%"}, RequireAuth: true},
			"smtp://" + user + "@ADDR?auth=login&timeouts=interactive&ehlo=web.example.jp&tls=starttls&ca=" + url.QueryEscape(ca), true},
	} {
		t.Run(v.name, func(t *testing.T) {
			mailer, err := qdmail.Open(strings.Replace(v.url, "ADDR", listen(t, v.server), 1))
			if err != nil {
				t.Fatal(err)
			}
			defer mailer.Close()
			m := sample()
			m.Bcc = []message.Address{{Address: "secret@example.jp"}}
			res, err := mailer.Send(t.Context(), m)
			if err != nil {
				t.Fatalf("%v\n%s", err, v.server.Transcript())
			}
			got := v.server.Messages()
			if len(got) != 1 || len(got[0].Recipients) != 2 || got[0].TLS != v.tls || bytes.Contains(got[0].Data, []byte("secret")) {
				t.Fatalf("%+v", got)
			}
			if len(v.server.Violations()) > 0 {
				t.Error(v.server.Violations())
			}
			h, err := mail.ReadMessage(bytes.NewReader(got[0].Data))
			if err != nil || h.Header.Get("Message-Id") != "<"+res.MessageID+">" || res.MessageID == "" {
				t.Errorf("%v, identifier %q", err, res.MessageID)
			}
			if v.name == "AUTH" && (got[0].User != "taro@example.jp" || v.server.Connections()[0].Hello != "web.example.jp") {
				t.Errorf("%+v", v.server.Connections())
			}
		})
	}
}

func TestOpenRefusals(t *testing.T) {
	const secret = "hunter2"
	for _, v := range []struct{ url, want string }{
		{"", "empty"},
		{"mail.example.jp", "scheme"},
		{"foo://mail.example.jp", "unknown scheme (known: smtp, smtps, sendmail)"},
		{"http://u:hunter2@mail.example.jp", "unknown scheme"},
		{"smtp://", "no host"},
		{"smtp:mail.example.jp", "no host"},
		{"smtp://u:hunter2@", "no host"},
		{"smtp://u:hunter2@h/inbox", "between the host and the query"},
		{"smtp://u:hunter2@h#x", "between the host and the query"},
		{"smtp://h?colour=red", `unknown key "colour"`},
		{"smtp://h?tls=maybe", "tls doesn't have that value"},
		{"smtp://h?tls=starttls&tls=implicit", "tls is given twice"},
		{"smtp://h?tls=", "tls is empty"},
		{"smtp://h?timeouts=1s", "timeouts doesn't"},
		{"smtp://h?ca=/no/such/file", "ca:"},
		{"smtp://h?auth=magic", "auth is a list of"},
		{"smtp://h:99999999", ""},
		{"smtp://h?tls=%zz", "can't be read"},
		{"smtps://h?tls=starttls", "smtps is TLS from the first octet"},
		// a password that wasn't encoded
		{"smtp://u:hunter2/x@h", "percent-encoded"},
		{"smtp://u:hunter2?x@h", "percent-encoded"},
		{"smtp://u:hunter2#x@h", "percent-encoded"},
		{"smtp://u:hunter2@x@h", "percent-encoded"},
		{"smtp://u:hunter2%@h", "percent-encoded"},
		{"smtp://u:hunter2[@h", "percent-encoded"},
		{"smtp://u:?hunter2", ""},
		{"smtp://u:hunter2", "percent-encoded"},
		{"smtp://u:p@h\x7fhunter2", "percent-encoded"},
		{"u:hunter2@h", "scheme"},
		{"hunter2://h", "unknown scheme"},
	} {
		mailer, err := qdmail.Open(v.url)
		if !errors.Is(err, qdmail.ErrURL) || mailer != nil || !strings.Contains(err.Error(), v.want) {
			t.Errorf("%s: %v", v.url, err)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the password shows in %v", v.url, err)
		}
	}
}

func TestOpenOwnScheme(t *testing.T) {
	var got *url.URL
	memory := qdmail.Scheme{Name: "memory", Open: func(u *url.URL) (delivery.Transport, error) {
		got = u
		return delivery.TransportFunc(func(_ context.Context, env *delivery.Envelope, _ delivery.Body) (*delivery.Result, error) {
			res := delivery.NewResult(env)
			for i := range res.Recipients {
				res.Recipients[i].Outcome = delivery.Queued
			}
			return res, res.Err()
		}), nil
	}}
	mailer, err := qdmail.Open("MEMORY://box?keep=3", memory)
	if err != nil {
		t.Fatal(err)
	}
	res, err := mailer.Send(t.Context(), sample())
	if err != nil || got.Host != "box" || res.Recipients[0].Outcome != qdmail.Queued || res.MessageID == "" {
		t.Errorf("%v %v %+v", err, got, res)
	}
	if err := mailer.Close(); err != nil {
		t.Error(err)
	}
	broken := qdmail.Scheme{Name: "memory", Open: func(*url.URL) (delivery.Transport, error) { return nil, io.ErrNoProgress }}
	if _, err := qdmail.Open("memory:", broken); !errors.Is(err, io.ErrNoProgress) || !errors.Is(err, qdmail.ErrURL) {
		t.Error(err)
	}
}

func TestFaultyMessageIsNotConnected(t *testing.T) {
	s := &testsmtp.Server{}
	mailer, err := qdmail.Open("smtp://" + listen(t, s))
	if err != nil {
		t.Fatal(err)
	}
	m := sample()
	m.Subject = "x\r\nBcc: e@x"
	m.Cc = []message.Address{{Address: "nobody"}}
	m.Attachments = []message.Attachment{message.File("no-such-file")}
	res, err := mailer.Send(t.Context(), m)
	var errs message.Errors
	if !errors.As(err, &errs) || len(errs) != 3 {
		t.Fatalf("%v", err)
	}
	if len(res.Recipients) != 2 || res.Recipients[1].Outcome != qdmail.NotSent || res.Recipients[1].Err == nil {
		t.Errorf("%+v", res)
	}
	if n := len(s.Connections()); n != 0 {
		t.Errorf("%d connections", n)
	}
	if res, err := mailer.Send(t.Context(), &message.Message{}); err == nil || res == nil {
		t.Errorf("%v %v", res, err)
	}
}

func TestMailerDefaults(t *testing.T) {
	s := &testsmtp.Server{}
	mailer := &qdmail.Mailer{
		Transport:  &smtp.Relay{Addr: listen(t, s)},
		From:       message.Address{Name: "店", Address: "shop@example.jp"},
		ReturnPath: "bounce@example.jp",
		Charset:    message.ISO2022JP,
		Bcc:        []message.Address{{Address: "archive@example.jp"}},
	}
	m := &message.Message{To: []message.Address{{Address: "taro@example.jp"}}, Subject: "件名", Bcc: make([]message.Address, 0, 5)}
	before := *m
	if _, err := mailer.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if m.From != before.From || m.ReturnPath != "" || len(m.Bcc) != 0 || m.Bcc[:1][0] != (message.Address{}) {
		t.Errorf("the message was written to: %+v", m)
	}
	got := s.Messages()[0]
	if got.From != "bounce@example.jp" || len(got.Recipients) != 2 || !bytes.Contains(got.Data, []byte("Subject: =?ISO-2022-JP?B?")) ||
		!bytes.Contains(got.Data, []byte("<shop@example.jp>")) || bytes.Contains(got.Data, []byte("archive")) {
		t.Errorf("%s\n%s", got.From, got.Data)
	}
}

func TestPartialFailure(t *testing.T) {
	s := &testsmtp.Server{On: func(e testsmtp.Event) *testsmtp.Fault {
		switch {
		case e.Phase == testsmtp.RCPT && strings.Contains(e.Line, "gone@"):
			return &testsmtp.Fault{Reply: "550 5.1.1 no such user"}
		case e.Phase == testsmtp.RCPT && strings.Contains(e.Line, "full@"):
			return &testsmtp.Fault{Reply: "452 4.2.2 mailbox full"}
		}
		return nil
	}}
	var logged strings.Builder
	mailer := &qdmail.Mailer{Transport: &smtp.Relay{Addr: listen(t, s)}, Logger: slog.New(slog.NewTextHandler(&logged, nil))}
	m := sample()
	m.Cc = []message.Address{{Address: "gone@example.jp"}, {Address: "full@example.jp"}, {Address: "hanako@example.jp"}}
	res, err := mailer.Send(t.Context(), m)
	var se *qdmail.SendError
	if !errors.As(err, &se) || se.Result != res {
		t.Fatal(err)
	}
	var got []qdmail.Outcome
	for _, r := range res.Recipients {
		got = append(got, r.Outcome)
	}
	if want := [4]qdmail.Outcome{qdmail.Accepted, qdmail.Rejected, qdmail.Deferred, qdmail.Accepted}; len(got) != 4 || [4]qdmail.Outcome(got) != want {
		t.Errorf("%v", got)
	}
	if l := logged.String(); strings.Count(l, "mail not accepted") != 2 || strings.Contains(l, "本文") || strings.Contains(l, "ご注文") {
		t.Error(l)
	}
}

func TestNoTransport(t *testing.T) {
	var mailer qdmail.Mailer
	res, err := mailer.Send(t.Context(), sample())
	if !errors.Is(err, qdmail.ErrNoTransport) || len(res.Recipients) != 1 {
		t.Errorf("%v %v", res, err)
	}
	if err := mailer.Close(); err != nil {
		t.Error(err)
	}
}

func TestCancelledContext(t *testing.T) {
	s := &testsmtp.Server{}
	mailer, _ := qdmail.Open("smtp://" + listen(t, s))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	res, err := mailer.Send(ctx, sample())
	if !errors.Is(err, context.Canceled) || res.Recipients[0].Outcome != qdmail.NotSent || len(s.Messages()) != 0 {
		t.Errorf("%+v %v", res, err)
	}
}

func tlsConfig(cert tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

// Nothing that can be printed or logged shows the password.
func TestPasswordIsNeverPrinted(t *testing.T) {
	mailer, err := qdmail.Open("smtp://user:hunter2@mail.example.jp")
	if err != nil {
		t.Fatal(err)
	}
	relay := mailer.Transport.(*smtp.Relay)
	cfg := smtp.Config{Addr: "mail.example.jp:587", Username: "user", Password: "hunter2"}
	var log strings.Builder
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "relay", relay, "config", cfg, "mailer", mailer)
	}
	for _, v := range []any{relay, cfg, mailer, mailer.Transport} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			fmt.Fprintf(&log, verb+"\n", v)
		}
	}
	if strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), "mail.example.jp") {
		t.Error(log.String())
	}
}

func TestNilMessage(t *testing.T) {
	mailer := &qdmail.Mailer{Transport: &smtp.Relay{Addr: "localhost"}}
	if res, err := mailer.Send(t.Context(), nil); res == nil || !errors.Is(err, message.ErrRequired) {
		t.Errorf("%v %v", res, err)
	}
}
