package qdmail_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/message"
	"github.com/qdmail/qdmail/message/htmltext"
	"github.com/qdmail/qdmail/smtp"
)

// The numbers are those of the test vectors that the library keeps since its PHP
// predecessor; the tests of message, encoding/* and smtp have the others.

// through sends a message to a server in memory.
func through(t *testing.T, s *testsmtp.Server, m *message.Message, set ...func(*smtp.Relay)) (*delivery.Result, error) {
	t.Helper()
	relay := &smtp.Relay{Addr: "localhost", Dial: s.Dial}
	for _, f := range set {
		f(relay)
	}
	mailer := &qdmail.Mailer{Transport: relay}
	res, err := mailer.Send(t.Context(), m)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if v := s.Violations(); len(v) > 0 {
		t.Error(v)
	}
	return res, err
}

func outcomes(res *delivery.Result) string {
	var s []string
	for _, r := range res.Recipients {
		s = append(s, r.Outcome.String())
	}
	return strings.Join(s, ", ")
}

func TestVector31TextOfHTML(t *testing.T) {
	got := htmltext.Text(`<p>A&amp;B</p><style>x</style><a href="https://e.jp/">リンク</a>`)
	if !strings.Contains(got, "A&B") || strings.Contains(got, "x") || !strings.Contains(got, "リンク") || !strings.Contains(got, "https://e.jp/") {
		t.Errorf("%q", got)
	}
}

func TestVector37DotsSurvive(t *testing.T) {
	s := &testsmtp.Server{}
	m := sample()
	m.Charset, m.Text = message.UTF8, ".\r\n.\r\n.foo\r\n\nx\r"
	if _, err := through(t, s, m); err != nil {
		t.Fatal(err)
	}
	if _, body, _ := bytes.Cut(s.Messages()[0].Data, []byte("\r\n\r\n")); string(body) != ".\r\n.\r\n.foo\r\n\r\nx\r\n" {
		t.Errorf("%q", body)
	}
}

func TestVector39Bcc(t *testing.T) {
	refuse := func(e testsmtp.Event) *testsmtp.Fault {
		switch {
		case strings.Contains(e.Line, "<b2@"):
			return &testsmtp.Fault{Reply: "550 5.1.1 unknown"}
		case strings.Contains(e.Line, "<b3@"):
			return &testsmtp.Fault{Reply: "451 4.2.0 greylisted"}
		}
		return nil
	}
	s := &testsmtp.Server{On: refuse}
	m := sample()
	m.To, m.Bcc = nil, []message.Address{{Address: "b1@example.jp"}, {Address: "b2@example.jp"}, {Address: "b3@example.jp"}}
	res, err := through(t, s, m)
	if got := outcomes(res); got != "accepted, rejected, deferred" || err == nil {
		t.Errorf("%s, %v", got, err)
	}
	if got := s.Messages(); len(got) != 1 || bytes.Contains(got[0].Data, []byte("b1@")) || bytes.Contains(got[0].Data, []byte("Bcc")) {
		t.Errorf("%+v", got)
	}
	s = &testsmtp.Server{On: refuse}
	m.Bcc = m.Bcc[1:]
	if res, err = through(t, s, m); err == nil || outcomes(res) != "rejected, deferred" || strings.Contains(s.Transcript(), "C: DATA") {
		t.Errorf("%v\n%s", err, s.Transcript())
	}
}

func TestVector40CarrierAddress(t *testing.T) {
	a, err := message.ParseAddress("a..b.@docomo.ne.jp")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := message.ParseAddress("a..b.@example.jp"); err == nil {
		t.Error("lenient where the RFC holds")
	}
	s := &testsmtp.Server{}
	m := sample()
	m.To = []message.Address{a}
	if _, err := through(t, s, m); err != nil || !strings.Contains(s.Transcript(), `C: RCPT TO:<"a..b."@docomo.ne.jp>`) {
		t.Errorf("%v\n%s", err, s.Transcript())
	}
}

func credentials(r *smtp.Relay) { r.Username, r.Password = "user", "pass" }

func TestVector41AuthPlain(t *testing.T) {
	var lines []string
	s := &testsmtp.Server{Users: map[string]string{"user": "pass"}, On: func(e testsmtp.Event) *testsmtp.Fault {
		lines = append(lines, e.Line)
		return nil
	}}
	if _, err := through(t, s, sample(), credentials); err != nil || !strings.Contains(strings.Join(lines, "\n"), "AUTH PLAIN AHVzZXIAcGFzcw==") {
		t.Errorf("%v %q", err, lines)
	}
	// In clear it goes to nobody but this machine, and no hook sees it.
	var seen strings.Builder
	s = &testsmtp.Server{Users: map[string]string{"user": "pass"}}
	mailer := &qdmail.Mailer{Transport: &smtp.Relay{Addr: "mail.example.jp", TLS: smtp.InsecureTLSNone, Dial: s.Dial, Username: "user", Password: "pass"}}
	ctx := delivery.WithHooks(t.Context(), &delivery.Hooks{Command: func(_ context.Context, line string) { seen.WriteString(line) }})
	_, err := mailer.Send(ctx, sample())
	s.Close()
	if !errors.Is(err, delivery.ErrAuthUnavailable) || strings.Contains(s.Transcript(), "C: AUTH") || strings.Contains(seen.String(), "AHVz") {
		t.Errorf("%v\n%s", err, s.Transcript())
	}
}

func TestVector42OwnName(t *testing.T) {
	s := &testsmtp.Server{Name: "mail.example.jp"}
	if _, err := through(t, s, sample()); err != nil {
		t.Fatal(err)
	}
	if name := s.Connections()[0].Hello; name == "mail.example.jp" || name == "localhost" || name == "" {
		t.Errorf("EHLO %s", name)
	}
}

func TestVector43Notify(t *testing.T) {
	m := sample()
	m.To = append(m.To, message.Address{Address: "hanako@example.jp"})
	m.DSN.Notify = delivery.NotifySuccess | delivery.NotifyFailure
	s := &testsmtp.Server{}
	res, err := through(t, s, m)
	if err != nil || strings.Count(s.Transcript(), " NOTIFY=SUCCESS,FAILURE") != 2 || res.Recipients[0].Dropped != nil {
		t.Errorf("%v\n%s", err, s.Transcript())
	}
	s = &testsmtp.Server{Extensions: []string{"8BITMIME"}}
	res, err = through(t, s, m)
	if err != nil || strings.Contains(s.Transcript(), "NOTIFY") || len(res.Recipients[1].Dropped) != 1 {
		t.Errorf("%v %+v\n%s", err, res, s.Transcript())
	}
}

func TestVector46SlowFinalReply(t *testing.T) {
	for _, v := range []struct {
		fault testsmtp.Fault
		want  string
	}{
		{testsmtp.Fault{Delay: 20 * time.Second}, "accepted"},
		{testsmtp.Fault{Delay: 9 * time.Minute}, "accepted"},
		{testsmtp.Fault{Close: true}, "unknown"},
		{testsmtp.Fault{Close: true, Continue: true}, "unknown"},
		{testsmtp.Fault{Silent: true}, "unknown"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &testsmtp.Server{On: func(e testsmtp.Event) *testsmtp.Fault {
				if e.Phase == testsmtp.End {
					return &v.fault
				}
				return nil
			}}
			res, err := through(t, s, sample())
			if got := outcomes(res); got != v.want || (err == nil) != (got == "accepted") || len(s.Connections()) != 1 {
				t.Errorf("%+v: %s, %v, %d connections", v.fault, got, err, len(s.Connections()))
			}
		})
	}
}

func TestVector47UnknownProtocol(t *testing.T) {
	for _, u := range []string{"OVER_SSL://h", "smtp_auth://h", "smtp://h?protocol=SMTP"} {
		if m, err := qdmail.Open(u); err == nil {
			t.Errorf("%s: %v", u, m)
		}
	}
}

func TestVector49Refusals(t *testing.T) {
	on := func(phase testsmtp.Phase, line, reply string) func(testsmtp.Event) *testsmtp.Fault {
		return func(e testsmtp.Event) *testsmtp.Fault {
			if e.Phase == phase && strings.Contains(e.Line, line) {
				return &testsmtp.Fault{Reply: reply}
			}
			return nil
		}
	}
	three := sample()
	three.To = []message.Address{{Address: "t1@example.jp"}, {Address: "t2@example.jp"}, {Address: "t3@example.jp"}}
	for _, v := range []struct {
		name   string
		server *testsmtp.Server
		set    func(*smtp.Relay)
		want   string
		not    string
	}{
		{"535", &testsmtp.Server{Users: map[string]string{"user": "other"}}, credentials, "not sent, not sent, not sent", "C: MAIL"},
		{"502", &testsmtp.Server{NoEHLO: true}, func(*smtp.Relay) {}, "accepted, accepted, accepted", "nothing"},
		{"550 to all", &testsmtp.Server{On: on(testsmtp.RCPT, "", "550 no")}, func(*smtp.Relay) {}, "rejected, rejected, rejected", "C: DATA"},
		{"550 to one", &testsmtp.Server{On: on(testsmtp.RCPT, "t1@", "550 no")}, func(*smtp.Relay) {}, "rejected, accepted, accepted", "nothing"},
	} {
		res, err := through(t, v.server, three, v.set)
		if got := outcomes(res); got != v.want || strings.Contains(v.server.Transcript(), v.not) {
			t.Errorf("%s: %s, %v\n%s", v.name, got, err, v.server.Transcript())
		}
	}
}
