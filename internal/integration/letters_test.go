//go:build integration

package integration_test

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/message"
)

// examples is the folder of the quickstart's files.
const examples = "../../examples/quickstart"

// order is a mail with Japanese wherever there is room for it, both bodies, an
// image in the HTML and a PDF beside it.
func order(t *testing.T) *letter {
	t.Helper()
	l := &letter{Message: message.Message{
		From:    message.Address{Name: "営業部", Address: realserver.Sender.Address},
		ReplyTo: []message.Address{{Name: "お客様窓口, 東京", Address: "support@sender.test"}},
		To:      []message.Address{{Name: "山田 太郎", Address: "taro@dest.test"}},
		Cc:      []message.Address{{Name: "Suzuki, Hanako", Address: "hanako@dest.test"}},
		Subject: "ご注文ありがとうございます（見積書 No. 2026-0042 を添付いたします）",
		Text:    "山田 太郎 様\n\nご注文ありがとうございます。\n.\n..\nFrom 東京 10:00〜18:00 −5℃\n",
		HTML:    "<p>山田 太郎 様</p>\n<p>ご注文ありがとうございます。<img src=\"cid:logo@sender.test\" alt=\"\"></p>\n",
		Charset: message.ISO2022JP,
	}}
	l.attachFile(t, filepath.Join(examples, "logo.png"), "logo@sender.test")
	l.attachFile(t, filepath.Join(examples, "見積書.pdf"), "")
	return l
}

func TestOrderMail(t *testing.T) {
	host := startedHost(t)
	for _, m := range deliver(t, host, open(t, startTLS(host, realserver.Sender)), order(t)) {
		wantJapanese(t, m)
	}
}

// wantJapanese fails if a mail with both bodies, an image and a PDF isn't what a
// Japanese mail program of any age can read.
func wantJapanese(t *testing.T, m *readMail) {
	t.Helper()
	if m.Text.Charset != "iso-2022-jp" || m.Text.Encoding != "7bit" || m.HTML.Charset != "iso-2022-jp" {
		t.Errorf("the text is %s in %s and the HTML %s, want iso-2022-jp in 7bit",
			m.Text.Charset, m.Text.Encoding, m.HTML.Charset)
	}
	got := strings.Join(m.Structure, " ")
	if want := "multipart/mixed multipart/alternative text/plain multipart/related text/html image/png application/pdf"; got != want {
		t.Errorf("the parts are %s, want %s", got, want)
	}
	for _, f := range m.Files {
		if f.Encoding != "base64" {
			t.Errorf("%s is in %s, want base64", f.Filename, f.Encoding)
		}
	}
}

func TestImplicitTLS(t *testing.T) {
	host := startedHost(t)
	mailer := open(t, implicitTLS(host, realserver.Sender))
	l := order(t)
	l.Charset = message.UTF8
	l.Subject += " 🍣"
	l.Bcc = []message.Address{{Name: "鈴木 次郎", Address: "jiro@dest.test"}}
	deliver(t, host, mailer, l)
	deliver(t, host, mailer, order(t))
}

// withCA is the relay's address with another idea of whom to trust.
func withCA(host *realserver.Host, scheme, file string) string {
	q := url.Values{}
	if file != "" {
		q.Set("ca", file)
	}
	if scheme == "smtp" {
		q.Set("tls", "starttls")
	}
	return host.URL(scheme, realserver.Sender, q)
}
