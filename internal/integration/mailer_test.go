//go:build integration

package integration_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/message"
)

// startTLS and implicitTLS return the address of the relay as a user would write
// it in a configuration.
func startTLS(host *realserver.Host, u realserver.User) string {
	return host.URL("smtp", u, url.Values{"tls": {"starttls"}, "ca": {host.CAFile}})
}

func implicitTLS(host *realserver.Host, u realserver.User) string {
	return host.URL("smtps", u, url.Values{"ca": {host.CAFile}})
}

func open(t *testing.T, mailURL string) *qdmail.Mailer {
	t.Helper()
	mailer, err := qdmail.Open(mailURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mailer.Close(); err != nil {
			t.Errorf("closing the mailer: %v", err)
		}
	})
	return mailer
}

// letter is a message together with what its attachments hold.
type letter struct {
	message.Message
	files []file
}

type file struct {
	name, cid string
	data      []byte
}

// attach adds f to the message.
func (l *letter) attach(f file) {
	a := message.Bytes(f.name, f.data)
	if f.cid != "" {
		a = message.Inline(f.cid, a)
	}
	l.Attachments = append(l.Attachments, a)
	l.files = append(l.files, f)
}

// attachFile adds a file of the examples folder.
func (l *letter) attachFile(t *testing.T, path, cid string) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	a := message.File(path)
	if cid != "" {
		a = message.Inline(cid, a)
	}
	l.Attachments = append(l.Attachments, a)
	l.files = append(l.files, file{filepath.Base(path), cid, data})
}

// deliver sends the letter, waits until each of its recipients has it and
// compares what arrived with what was sent.
func deliver(t *testing.T, host *realserver.Host, mailer *qdmail.Mailer, l *letter) []*readMail {
	t.Helper()
	ctx := within(t)
	res, err := mailer.Send(ctx, &l.Message)
	if err != nil {
		t.Fatal(err)
	}
	var mails []*readMail
	for _, r := range res.Recipients {
		if r.Outcome != delivery.Accepted {
			t.Fatalf("%s: %v", r.Address, r.Outcome)
		}
		m := receive(t, ctx, host, r.Address, res.MessageID)
		l.compare(t, m)
		mails = append(mails, m)
	}
	if want := len(l.To) + len(l.Cc) + len(l.Bcc); len(mails) != want {
		t.Errorf("%d outcomes for %d recipients", len(mails), want)
	}
	return mails
}

func receive(t *testing.T, ctx context.Context, host *realserver.Host, address, messageID string) *readMail {
	t.Helper()
	i := slices.IndexFunc(realserver.Recipients, func(u realserver.User) bool { return u.Address == address })
	if i < 0 {
		t.Fatalf("%s has no mailbox", address)
	}
	path, err := host.Await(ctx, realserver.Recipients[i], messageID)
	must(t, err)
	m := read(t, path)
	if m.MessageID != messageID {
		t.Errorf("Message-ID %q, want %q", m.MessageID, messageID)
	}
	return m
}

// compare holds what the judges read against the letter.
func (l *letter) compare(t *testing.T, m *readMail) {
	t.Helper()
	l.same(t, "subject", m.Subject, l.Subject)
	for _, p := range []struct {
		field string
		got   []person
		want  []message.Address
	}{
		{"From", m.From, []message.Address{l.From}},
		{"Reply-To", m.ReplyTo, l.ReplyTo},
		{"To", m.To, l.To},
		{"Cc", m.Cc, l.Cc},
		{"Bcc", m.Bcc, nil},
	} {
		l.same(t, p.field, people(p.got), addresses(p.want))
	}
	if slices.Contains(m.Headers, "Bcc") {
		t.Error("the mail has a Bcc field")
	}
	if want := "Return-Path: <" + l.From.Address + ">\n"; !bytes.HasPrefix(m.source, []byte(want)) {
		t.Errorf("the mail does not begin with %q", want)
	}
	l.same(t, "text", m.Text.body(), lines(l.Text))
	l.same(t, "HTML", m.HTML.body(), lines(l.HTML))
	if len(m.Files) != len(l.files) {
		t.Fatalf("%d files arrived, %d were sent", len(m.Files), len(l.files))
	}
	// Inline parts stand beside the HTML, ahead of the attachments.
	sent := slices.Clone(l.files)
	slices.SortStableFunc(sent, func(a, b file) int { return strings.Compare(disposition(b), disposition(a)) })
	for i, f := range sent {
		l.compareFile(t, &m.Files[i], f)
	}
}

func (l *letter) compareFile(t *testing.T, got *readFile, want file) {
	t.Helper()
	l.same(t, "file name", got.Filename, want.name)
	l.same(t, "name= of Content-Type", got.Name, want.name)
	if got.Size != len(want.data) || got.SHA256 != sum(want.data) {
		t.Errorf("%s: %d octets with sum %s arrived, %d with sum %s were sent",
			want.name, got.Size, got.SHA256, len(want.data), sum(want.data))
	}
	if got.Disposition != disposition(want) || got.ID != want.cid {
		t.Errorf("%s: %s with id %q, want %s with id %q", want.name, got.Disposition, got.ID, disposition(want), want.cid)
	}
}

func disposition(f file) string {
	if f.cid != "" {
		return "inline"
	}
	return "attachment"
}

// same compares a text. In ISO-2022-JP half-width kana arrive as full-width
// kana (the judges object to any others), and of two spellings of one character
// either may arrive. Names, of people and files, arrive composed in any charset.
func (l *letter) same(t *testing.T, what, got, want string) {
	t.Helper()
	if what != "text" && what != "HTML" {
		want = norm.NFC.String(want)
	}
	if l.Charset == message.ISO2022JP && got != want {
		got, want = spell(fullWidth.Replace(got)), spell(fullWidth.Replace(want))
	}
	if got != want {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		t.Errorf("%s: from octet %d on, read %q, sent %q", what, at, clip(got[at:]), clip(want[at:]))
	}
}

// fullWidth is right for the half-width kana that the tests and the quickstart
// use.
var fullWidth = strings.NewReplacer("ﾊﾟ", "パ", "ｶﾞ", "ガ", "ﾌﾟ", "プ",
	"ｱ", "ア", "ｲ", "イ", "ｻ", "サ", "ﾙ", "ル", "ﾝ", "ン", "ｰ", "ー")

// lines completes the last line, as the message does.
func lines(s string) string {
	if s == "" || strings.HasSuffix(s, "\n") {
		return s
	}
	return s + "\n"
}

func (text *readText) body() string {
	if text == nil {
		return ""
	}
	return text.Text
}

func people(list []person) string {
	var b strings.Builder
	for _, p := range list {
		fmt.Fprintf(&b, "%q <%s> ", p.Name, p.Address)
	}
	return b.String()
}

func addresses(list []message.Address) string {
	var b strings.Builder
	for _, a := range list {
		fmt.Fprintf(&b, "%q <%s> ", a.Name, a.Address)
	}
	return b.String()
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}
