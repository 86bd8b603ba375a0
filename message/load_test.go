package message_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/encoding/mime"
	"github.com/qdmail/qdmail/message"
)

// A message that was written, loaded and written again is the same.
func TestLoadRoundTrip(t *testing.T) {
	m := sample()
	m.Sender = message.Address{Address: "bot@example.co.jp"}
	m.Cc = []message.Address{{Name: "Doe, John", Address: "john@example.com"}, {Name: "携帯", Address: "a..b@docomo.ne.jp"}}
	m.ReplyTo = []message.Address{{Address: "reply@example.jp"}}
	m.HTML = `<p>本文<img src="cid:logo@x"></p>` + "\r\n"
	m.Text = "本文です。\r\n"
	m.HTMLCharset = message.ISO2022JP
	m.Calendar = &message.Calendar{Method: "REQUEST", Data: []byte(strings.ReplaceAll(invitation, "\n", "\r\n"))}
	m.Priority = message.PriorityHigh
	m.MessageID = "1@example.co.jp"
	m.InReplyTo, m.References = []string{"0@example.jp"}, []string{"a@b", "0@example.jp"}
	m.Date = time.Date(2026, 11, 21, 15, 4, 5, 0, time.FixedZone("", 9*3600))
	m.ListUnsubscribe, m.OneClickUnsubscribe = []string{"https://example.jp/u", "mailto:u@example.jp"}, true
	m.AutoSubmitted = "auto-generated"
	m.DispositionNotificationTo = []message.Address{m.From}
	m.Headers = []message.Header{{Name: "X-Note", Value: "メモ"}, {Name: "List-Id", Value: "<news.example.jp>"}}
	csv := message.Bytes("表.csv", []byte("a,b"))
	csv.ContentType = "text/csv; charset=Shift_JIS"
	eml := message.Bytes("元.eml", []byte("Subject: x\r\n\r\ny\r\n"))
	eml.ContentType = "message/rfc822"
	image := message.Inline("logo@x", message.Bytes("logo.png", []byte("PNG")))
	image.ContentType = "image/png"
	m.Attachments = []message.Attachment{image, csv, eml}
	e := message.Encoder{Rand: zeros{}}
	first := encoded(t, e, m)
	back, err := message.Load(first)
	if err != nil {
		t.Fatal(err)
	}
	if second := encoded(t, e, back); !bytes.Equal(first, second) {
		t.Errorf("first\n%s\nsecond\n%s", first, second)
	}
	if len(back.Attachments) != 3 || back.Text != m.Text || back.HTML != m.HTML || back.Charset != message.ISO2022JP {
		t.Errorf("%+v", back)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func encoded(t *testing.T, e message.Encoder, m *message.Message) []byte {
	t.Helper()
	body, err := e.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := body.(io.WriterTo).WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLoadForeignMail(t *testing.T) {
	m, err := message.Load([]byte("Received: from x\nReturn-Path: <bounce@x.jp>\nFrom: =?Shift_JIS?B?i8aWsZWU?= <a@x.jp>\nTo: undisclosed-recipients:;\n" +
		"X-Priority: 5 (Lowest)\nSubject: =?EUC-JP?B?t+/Mvg==?=\nContent-Type: text/plain; charset=Shift_JIS\n\n\x96\x7b\x95\xb6\n"))
	if err != nil || m.From.Name != "業務部" || m.Subject != "件名" || m.Text != "本文\n" || len(m.To) != 0 || len(m.Headers) != 0 ||
		m.Priority != message.PriorityLow || m.ReturnPath != "" {
		t.Errorf("%+v %v", m, err)
	}
	for what, raw := range map[string]string{
		"signed":      "From: a@b.jp\r\nContent-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\n--x--\r\n",
		"no parts":    "From: a@b.jp\r\nContent-Type: multipart/mixed\r\n\r\nx\r\n",
		"charset":     "From: a@b.jp\r\nContent-Type: text/plain; charset=x-unknown\r\n\r\nx\r\n",
		"base64":      "From: a@b.jp\r\nContent-Type: image/png; name=x\r\nContent-Transfer-Encoding: base64\r\n\r\n****\r\n",
		"address":     "From: nobody\r\n\r\n",
		"date":        "From: a@b.jp\r\nDate: yesterday\r\n\r\n",
		"too deep":    "From: a@b.jp\r\n" + strings.Repeat("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n", 100),
		"too many":    strings.Repeat("A: b\r\n", 10_000) + "\r\n",
		"application": "From: a@b.jp\r\nContent-Type: application/pkcs7-mime\r\n\r\nx\r\n",
	} {
		if m, err := message.Load([]byte(raw)); err == nil {
			t.Errorf("%s: %+v", what, m)
		}
	}
	if _, err := message.Load([]byte("From: a@b.jp\r\nContent-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\n--x--\r\n")); !errors.Is(err, message.ErrCannotLoad) {
		t.Error(err)
	}
	if _, err := message.Load([]byte(strings.Repeat("A: b\r\n", 10_000))); !errors.Is(err, mime.TooManyFields) {
		t.Error(err)
	}
}

func bodyText(t *testing.T, body delivery.Body) string {
	t.Helper()
	r, err := body.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLoadPriority(t *testing.T) {
	for fields, want := range map[string]message.Priority{
		"":                                          message.PriorityNone,
		"X-Priority: 1 (Highest)\r\n":               message.PriorityHigh,
		"X-Priority: 2\r\n":                         message.PriorityHigh,
		"X-Priority: 3 (Normal)\r\n":                message.PriorityNormal,
		"X-Priority: 4\r\n":                         message.PriorityLow,
		"X-Priority: 5 (Lowest)\r\n":                message.PriorityLow,
		"X-Priority: 0\r\n":                         message.PriorityNone,
		"Importance: high\r\n":                      message.PriorityHigh,
		"Importance: Low\r\n":                       message.PriorityLow,
		"Priority: urgent\r\n":                      message.PriorityHigh,
		"Priority: non-urgent\r\n":                  message.PriorityLow,
		"X-MSMail-Priority: Normal\r\n":             message.PriorityNormal,
		"X-Priority: 5\r\nImportance: High\r\n":     message.PriorityHigh,
		"X-Priority: 2\r\nImportance: whatever\r\n": message.PriorityHigh,
	} {
		m, err := message.Load([]byte("From: a@b.jp\r\n" + fields + "\r\ntext\r\n"))
		if err != nil || m.Priority != want || len(m.Headers) != 0 {
			t.Errorf("%q: %+v, %v", fields, m, err)
		}
	}
}

func TestLoadBody(t *testing.T) {
	raw := "From: =?x?q?a=40b.com=3E=20?= <a@x.jp>\nBcc: secret@x.jp,\n more@x.jp\nTo: b@x.jp, 太郎 <c@x.jp>\nSubject: \xe3\x81\x82\n\n本文\n"
	body, env, err := message.LoadBody([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	var to []string
	for _, r := range env.Recipients {
		to = append(to, r.Address)
	}
	if env.From != "a@x.jp" || strings.Join(to, " ") != "b@x.jp c@x.jp secret@x.jp more@x.jp" || !env.EightBit || !env.SMTPUTF8 {
		t.Errorf("%+v", env)
	}
	want := strings.ReplaceAll(strings.Replace(raw, "Bcc: secret@x.jp,\n more@x.jp\n", "", 1), "\n", "\r\n")
	if got := bodyText(t, body); got != want {
		t.Errorf("%q", got)
	}
	clean := "From: a@x.jp, b@x.jp\r\nSender: s@x.jp\r\nTo: c@x.jp\r\n\r\n.\r\n"
	if body, env, err = message.LoadBody([]byte(clean)); err != nil || bodyText(t, body) != clean || env.From != "s@x.jp" || env.EightBit || env.SMTPUTF8 {
		t.Errorf("%+v %v", env, err)
	}
	for _, bad := range []string{"From x@y Mon Jan  1 00:00:00 2026\r\nFrom: a@b.jp\r\nTo: c@d.jp\r\n\r\n", "\ufeffFrom: a@b.jp\r\nTo: c@d.jp\r\n\r\n", "", "\r\n", "no header", "To: a@b.jp\r\n\r\n", "From: a@b.jp\r\n\r\n", "From: a@b.jp\r\nTo: c@d.jp\r\n\r\na\rb",
		"From: a@b.jp\r\nTo: c@d.jp\r\n\r\n\x00", "From: a@b.jp\r\nTo: c@d.jp\r\n\r\n" + strings.Repeat("x", 999), "From: x\r\nTo: c@d.jp\r\n\r\n"} {
		if _, env, err := message.LoadBody([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, env)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("From: a@b.jp\r\nTo: c@d.jp\r\nSubject: x\r\n\r\nbody\r\n"))
	f.Add([]byte("From: a@b.jp\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nt\n--x\nContent-Type: image/png; name=a\n\nP\n--x--\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if m, err := message.Load(raw); err == nil {
			var b bytes.Buffer
			if _, err := m.WriteTo(&b); err == nil {
				checkWire(t, b.Bytes())
			}
		}
		body, env, err := message.LoadBody(raw)
		if err != nil {
			return
		}
		got := bodyText(t, body)
		if strings.Contains(strings.ReplaceAll(got, "\r\n", ""), "\n") || len(env.Recipients) == 0 {
			t.Fatalf("%q %+v", got, env)
		}
	})
}
