package message_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/message"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// goldenEncoder chooses the same date and boundaries each time.
func goldenEncoder() *message.Encoder {
	jst := time.FixedZone("JST", 9*60*60)
	return &message.Encoder{
		Clock: func() time.Time { return time.Date(2026, 11, 21, 15, 4, 5, 0, jst) },
		Rand:  rand.NewChaCha8([32]byte{}),
	}
}

// TestGoldenFiles compares every octet of one message for each structure. After a
// change that is meant, rewrite the files and read the difference:
//
//	go test ./message -run GoldenFiles -update
func TestGoldenFiles(t *testing.T) {
	golden := goldenMessages()
	for name, m := range golden {
		t.Run(name, func(t *testing.T) {
			m.MessageID = name + "@example.co.jp"
			body, err := goldenEncoder().Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			got := readBody(t, body)
			checkWire(t, got)
			file := filepath.Join("testdata", name+".eml")
			if *update {
				if err := os.WriteFile(file, got, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if line, ok := firstDifference(got, want); !ok {
				t.Errorf("differs from %s %s", file, line)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*.eml"))
	if err != nil || len(files) != len(golden) {
		t.Errorf("%d golden files for %d messages, %v", len(files), len(golden), err)
	}
}

func readBody(t *testing.T, body delivery.Body) []byte {
	t.Helper()
	r, err := body.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func firstDifference(got, want []byte) (string, bool) {
	if bytes.Equal(got, want) {
		return "", true
	}
	g, w := strings.SplitAfter(string(got), "\n"), strings.SplitAfter(string(want), "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("in line %d:\n got %q\nwant %q", i+1, g[min(i, len(g)-1)], w[min(i, len(w)-1)]), false
		}
	}
	return "", false
}

// gif is an image of one pixel.
const gif = "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"

func goldenMessages() map[string]*message.Message {
	const (
		text  = "山田 太郎 様\n\nこのたびはご注文いただき、誠にありがとうございます。\nお支払いは￥１２，０００〜です。\n"
		html  = "<p>山田 太郎 様</p>\n<p>ご注文ありがとうございます。</p>\n"
		latin = "Schöne Grüße \nfrom a long weekend in the city of Köln\tby the river Rhine, where 1 + 1 = 2 and the beer is small.\n.\n"
		show  = "<p><img src=\"cid:logo@example.co.jp\" alt=\"ロゴ\"></p>\n"
	)
	logo := func() message.Attachment {
		return message.Inline("logo@example.co.jp", message.Bytes("logo.gif", []byte(gif)))
	}
	pdf := func(name string) message.Attachment {
		return message.Bytes(name, []byte(strings.Repeat("%PDF-1.7 only a test\n", 5)))
	}
	base := func(c message.Charset) *message.Message {
		return &message.Message{
			From:    message.Address{Name: "営業部", Address: "sales@example.co.jp"},
			To:      []message.Address{{Name: "山田 太郎", Address: "taro@example.jp"}},
			Subject: "ご注文ありがとうございます（見積書 No. 2026-0042 を添付いたします）",
			Charset: c,
		}
	}
	with := func(c message.Charset, text, html string, files ...message.Attachment) *message.Message {
		m := base(c)
		m.Text, m.HTML, m.Attachments = text, html, files
		return m
	}
	golden := map[string]*message.Message{
		"ascii": {
			From: message.Address{Name: "Doe, John", Address: "john@example.com"},
			To:   []message.Address{{Address: "jane@example.com"}}, Subject: "Minutes of the meeting", Text: "Dear Jane,\n\nsee below.\n\n-- \nJohn\n",
		},
		"text":        with(message.ISO2022JP, text, ""),
		"text-utf8":   with(message.UTF8, text, ""),
		"text-latin":  {From: message.Address{Name: "Zoë Müller", Address: "zoe@bücher.example"}, To: base(0).To, Subject: "Grüße aus Köln = 100 %", Text: latin},
		"text-vendor": with(message.ISO2022JP, "①㈱髙﨑\n", ""),
		"html":        with(message.ISO2022JP, "", html),
		"alternative": with(message.ISO2022JP, text, html),
		"related":     with(message.ISO2022JP, "", html+show, logo()),
		"mixed":       with(message.ISO2022JP, text, "", pdf("見積書.pdf")),
		"full":        with(message.UTF8, text, html+show, pdf("見積書.pdf"), logo(), message.Bytes("data.csv", []byte("a,b\n1,2\n"))),
		"docomo":      with(message.ISO2022JP, text, html+show, logo(), pdf("見積書.pdf")),
		"au":          with(message.ISO2022JP, text, html+show, logo(), pdf("見積書.pdf")),
		"softbank":    with(message.ISO2022JP, text, html+show, logo(), pdf("見積書.pdf")),
		"au-charsets": with(message.UTF8, text, "", pdf("見積書.pdf")),
		"long-name": with(message.ISO2022JP, text, "",
			pdf("株式会社山田太郎商店様向け二〇二六年度第三四半期御見積書（改訂第二版・社外秘）.pdf"),
			pdf("a \"quoted\" name; with = specials, (and) a\\backslash.pdf"),
			pdf(strings.Repeat("a-very-long-name-", 8)+".pdf")),
		"attached-message": with(message.UTF8, "See the bounce.\n", "", message.Bytes("bounce.eml",
			[]byte("From: mailer-daemon@example.jp\nSubject: failure\nMIME-Version: 1.0\n\nYour mail\n.\ncame back.\n"))),
		"calendar": with(message.UTF8, text, html),
		"bulk":     with(message.UTF8, text, html),
		"headers":  with(message.ISO2022JP, text, ""),
		"flowed":   with(message.ISO2022JP, strings.Repeat("長い段落です。", 12)+"\n\n> 引用\n-- \n営業部\n", ""),
		"bcc-only": with(message.ISO2022JP, text, ""),
	}
	golden["flowed"].Flowed = true
	golden["text-vendor"].Unencodable = message.UnencodableVendor
	golden["au-charsets"].HeaderCharset = message.ISO2022JP
	for name, s := range map[string]message.Structure{
		"docomo": message.StructureDocomo, "au": message.StructureAu, "softbank": message.StructureSoftBank,
	} {
		golden[name].Structure = s
	}
	golden["calendar"].Calendar = &message.Calendar{Method: "REQUEST", Data: []byte(invitation)}
	bulk := golden["bulk"]
	bulk.ListUnsubscribe = []string{"https://example.co.jp/unsubscribe?id=0123456789abcdef0123456789abcdef0123456789abcdef", "mailto:leave@example.co.jp"}
	bulk.OneClickUnsubscribe, bulk.AutoSubmitted = true, "auto-generated"
	bulk.Headers = []message.Header{{Name: "List-Id", Value: "News <news.example.co.jp>"}, {Name: "Precedence", Value: "bulk"}}
	golden["bcc-only"].Bcc, golden["bcc-only"].To = golden["bcc-only"].To, nil
	fillHeader(golden["headers"])
	return golden
}

// fillHeader gives m every field that there is, and addresses of all kinds.
func fillHeader(m *message.Message) {
	m.Sender = message.Address{Name: "送信係", Address: "post@example.co.jp"}
	m.ReplyTo = []message.Address{{Name: "お客様窓口, 東京", Address: "support@example.co.jp"}}
	m.To = append(m.To, message.Address{Name: `Suzuki "Hana" Hanako`, Address: "hanako@例え.jp"},
		message.Address{Address: "a..b.@docomo.ne.jp"}, message.Address{Name: "J. R. R. Tolkien", Address: `"j r r"@example.com`})
	for i := range 8 {
		m.Cc = append(m.Cc, message.Address{Address: fmt.Sprintf("member%d@list.example.co.jp", i)})
	}
	m.Bcc = []message.Address{{Name: "秘密", Address: "secret@example.co.jp"}}
	m.Priority = message.PriorityHigh
	m.DispositionNotificationTo = []message.Address{m.From}
	m.InReplyTo = []string{"20261120.1@example.jp"}
	m.References = []string{"20261118.7c9e6679-7425-40de-944b-e07fc1f90ae7@mail.example.jp", "20261119.2@example.jp", "20261120.1@example.jp"}
	m.Headers = []message.Header{
		{Name: "X-Campaign", Value: "歳末セール"},
		{Name: "X-Long", Value: strings.TrimSpace(strings.Repeat("a line that has to be folded somewhere ", 4))},
		{Name: "Organization", Value: "Example Inc."},
	}
}
