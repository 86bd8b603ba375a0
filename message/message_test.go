package message_test

import (
	"bytes"
	"errors"
	"io"
	"net/mail"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/header"
	"github.com/qdmail/qdmail/message"
)

func TestFieldsAndText(t *testing.T) {
	m := sample()
	m.Cc = []message.Address{{Name: "Doe, John", Address: "john@example.com"}, {Address: "b@例え.jp"}}
	m.Bcc = []message.Address{{Name: "秘密", Address: "secret@example.net"}}
	m.ReplyTo = []message.Address{{Address: "reply@example.jp"}}
	m.Sender = message.Address{Name: "Bot", Address: "bot@example.co.jp"}
	m.DispositionNotificationTo = []message.Address{m.From}
	m.InReplyTo = []string{"1@example.jp"}
	m.References = []string{"0@example.jp", "1@example.jp"}
	m.Headers = []message.Header{{"X-Note", "メモ"}, {"List-Id", "<news.example.jp>"}, {"X-Empty", ""}}
	m.MessageID = "abc@example.co.jp"
	m.Date = time.Date(2026, 11, 21, 15, 4, 5, 0, time.FixedZone("JST", 9*3600))
	raw := wire(t, m)
	want := strings.ReplaceAll(`Date: Sat, 21 Nov 2026 15:04:05 +0900
From: =?ISO-2022-JP?B?GyRCMUQ2SEl0GyhC?= <sales@example.co.jp>
Sender: Bot <bot@example.co.jp>
Reply-To: reply@example.jp
To: =?ISO-2022-JP?B?GyRCOzNFRBsoQiAbJEJCQE86GyhC?= <taro@example.jp>
Cc: "Doe, John" <john@example.com>, b@xn--r8jz45g.jp
Subject: =?ISO-2022-JP?B?GyRCJCo4KyBRJGokTjdvGyhC?=
Message-ID: <abc@example.co.jp>
In-Reply-To: <1@example.jp>
References: <0@example.jp> <1@example.jp>
Disposition-Notification-To: =?ISO-2022-JP?B?GyRCMUQ2SEl0GyhC?=
 <sales@example.co.jp>
X-Note: =?ISO-2022-JP?B?GyRCJWElYhsoQg==?=
List-Id: <news.example.jp>
X-Empty:
MIME-Version: 1.0
Content-Type: text/plain; charset=ISO-2022-JP
Content-Transfer-Encoding: 7bit

`+"\x1b$BK\\J8$G$9!#\x1b(B\n", "\n", "\r\n")
	want = strings.Replace(want, "GyRCJCo4KyBRJGokTjdvGyhC", wordOf(t, m.Subject), 1)
	if raw != want {
		t.Errorf("got\n%s\nwant\n%s", raw, want)
	}
	if strings.Contains(raw, "secret") {
		t.Error("Bcc shows")
	}
}

// wordOf is the base64 of a text that fits into one encoded-word.
func wordOf(t *testing.T, s string) string {
	t.Helper()
	w := field(wire(t, &message.Message{From: message.Address{Address: "a@b.jp"}, Subject: s, Charset: message.ISO2022JP}), "Subject")
	if decodeWords(t, w) != s {
		t.Fatal(w)
	}
	return strings.TrimSuffix(strings.TrimPrefix(w, "=?ISO-2022-JP?B?"), "?=")
}

func TestVector9InjectionIsRefused(t *testing.T) {
	var m message.Message
	walkStrings(t, reflect.ValueOf(&m).Elem(), "", func(path string, set func(string), reset func()) {
		for _, bad := range []string{"x\r\nBcc: e@x", "x\ry", "x\ny", "x\x00y"} {
			m.From.Address = "a@example.jp"
			m.To = []message.Address{{Address: "b@example.jp"}}
			if path == ".Sender.Name" {
				m.Sender.Address = "c@example.jp"
			}
			set(bad)
			var e message.Encoder
			body, err := e.Encode(&m)
			_, envErr := m.Envelope()
			reset()
			m.Sender = message.Address{}
			if path == ".Text" || path == ".HTML" {
				if err != nil {
					t.Errorf("%s %q: %v", path, bad, err)
				}
				continue
			}
			var fe *message.FieldError
			if err == nil {
				err = envErr
			}
			if !errors.As(err, &fe) || !strings.HasPrefix("."+fe.Field, strings.ReplaceAll(path, "[]", "")) {
				t.Errorf("%s = %q: %v, %v", path, bad, err, body)
			}
		}
	})
}

// walkStrings visits every string in v that can be set from outside.
func walkStrings(t *testing.T, v reflect.Value, path string, visit func(path string, set func(string), reset func())) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
	case v.Kind() == reflect.String:
		visit(path, func(s string) { v.SetString(s) }, func() { v.SetString("") })
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				walkStrings(t, v.Field(i), path+"."+f.Name, visit)
			}
		}
	case v.Kind() == reflect.Slice && path == ".Attachments":
		m := v.Addr().Interface().(*[]message.Attachment)
		for _, name := range []string{"Name", "ContentType", "ContentID"} {
			visit(path+"[]."+name, func(s string) {
				*m = []message.Attachment{message.Bytes("x", nil)}
				reflect.ValueOf(m).Elem().Index(0).FieldByName(name).SetString(s)
			}, func() { *m = nil })
		}
	case v.Kind() == reflect.Slice:
		elem := reflect.New(v.Type().Elem()).Elem()
		walkStrings(t, elem, path+"[]", func(p string, set func(string), reset func()) {
			visit(p, func(s string) {
				switch e := elem.Addr().Interface().(type) {
				case *message.Address:
					e.Address = "c@example.jp"
				case *message.Header:
					e.Name = "X-Test"
				}
				set(s)
				v.Set(reflect.Append(reflect.MakeSlice(v.Type(), 0, 1), elem))
			}, func() {
				reset()
				v.SetZero()
			})
		})
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	m := &message.Message{
		From:        message.Address{Name: "a\r\nb", Address: "ｓales@example.jp"},
		To:          []message.Address{{Address: "ok@example.jp"}, {Name: "\xff", Address: "a@"}},
		Headers:     []message.Header{{"Subject", "x"}, {"X Y", "x"}, {"List-Id", "日本"}, {"content-type", "x"}},
		Attachments: []message.Attachment{message.File("no-such-file"), {Name: "x"}, message.Inline("a b", message.Bytes("b", nil))},
		MessageID:   "<a@b>",
		Priority:    9,
		DSN:         delivery.DSN{RET: "BOTH", ENVID: "é", Notify: 0xF},
		ReturnPath:  "nowhere",
	}
	_, err := m.WriteTo(new(bytes.Buffer))
	var errs message.Errors
	if !errors.As(err, &errs) {
		t.Fatal(err)
	}
	var got []string
	for _, fe := range errs {
		got = append(got, fe.Error())
	}
	want := []string{
		`From.Address: address "ｓales@example.jp": it has a full-width character; did you mean "sales@example.jp"? ('ｓ', U+FF53, at octet 0)`,
		`To[1].Address: address "a@": it is not of the form local-part@domain (at octet 1)`,
		`ReturnPath: address "nowhere": it is not of the form local-part@domain`,
		`From.Name: CR, LF and NUL are not allowed ('\r', U+000D, at octet 1)`,
		`To[1].Name: invalid UTF-8 (at octet 0)`,
	}
	for i, w := range want {
		if i >= len(got) || !strings.HasPrefix(got[i], strings.TrimSuffix(w, " (at octet 1)")) {
			t.Errorf("fault %d:\n got %s\nwant %s", i, got[i], w)
		}
	}
	for _, w := range []string{"Priority:", "MessageID:", "Headers[0].Name:", "Headers[1].Name:", "Headers[2].Value:", "Headers[3].Name:",
		"Attachments[2].ContentID:", "DSN.RET:", "DSN.Notify:", "DSN.ENVID:", "Attachments[0]:", "Attachments[1]:"} {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s is missing in\n%s", w, strings.Join(got, "\n"))
		}
	}
	if !errors.Is(err, os.ErrNotExist) || !errors.Is(err, header.ErrControl) || !errors.Is(err, message.ErrReserved) {
		t.Error("errors.Is doesn't reach the reasons")
	}
}

func TestVectors21To24Charsets(t *testing.T) {
	for _, v := range []struct {
		name, subject, text string
		policy              message.Unencodable
		label               string
	}{
		{"21 fallback", "①", "本文", message.UnencodableFallback, "UTF-8"},
		{"21 in the body only", "件名", "㈱", message.UnencodableFallback, "UTF-8"},
		{"22 vendor", "①㈱髙﨑", "髙橋", message.UnencodableVendor, "ISO-2022-JP"},
		{"22 vendor is not enough", "①😀", "髙橋", message.UnencodableVendor, "UTF-8"},
		{"23 fallback", "髙橋様", "髙橋様", message.UnencodableFallback, "UTF-8"},
		{"24 emoji", "ありがとう😀", "本文", message.UnencodableFallback, "UTF-8"},
		{"plain", "件名", "本文", message.UnencodableFallback, "ISO-2022-JP"},
	} {
		t.Run(v.name, func(t *testing.T) {
			m := sample()
			m.Subject, m.Text, m.Unencodable = v.subject, v.text, v.policy
			raw := wire(t, m)
			p := read(t, raw)
			if p.params["charset"] != v.label || !strings.Contains(field(raw, "Subject"), "=?"+v.label+"?B?") {
				t.Errorf("not in %s:\n%s", v.label, raw)
			}
			if got := decodeWords(t, field(raw, "Subject")); got != v.subject {
				t.Errorf("subject %q", got)
			}
			if got := p.text(t); got != v.text+"\r\n" {
				t.Errorf("text %q", got)
			}
		})
	}
	if raw := wire(t, &message.Message{From: sample().From, Subject: "髙橋", Charset: message.ISO2022JP}); !strings.Contains(raw, "6auZ5qmL") {
		t.Errorf("23: %s", raw)
	}
	m := sample()
	m.Unencodable = message.UnencodableError
	m.Subject, m.Text, m.To[0].Name = "①件㈱", "本文\n髙", "山﨑"
	m.Attachments = []message.Attachment{message.Bytes("①.txt", nil)}
	_, err := m.WriteTo(new(bytes.Buffer))
	var errs message.Errors
	if !errors.As(err, &errs) || len(errs) != 5 {
		t.Fatalf("%v", err)
	}
	for i, want := range []message.FieldError{
		{Field: "To.Name", Index: 0, Rune: '﨑', Offset: 3},
		{Field: "Subject", Index: -1, Rune: '①', Offset: 0},
		{Field: "Subject", Index: -1, Rune: '㈱', Offset: 6},
		{Field: "Text", Index: -1, Rune: '髙', Offset: 7},
		{Field: "Attachments.Name", Index: 0, Rune: '①', Offset: 0},
	} {
		got := *errs[i]
		var ce *charset.Error
		if !errors.As(got.Err, &ce) {
			t.Errorf("%v", got.Err)
		}
		got.Err = nil
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

func TestVector25HeaderCharset(t *testing.T) {
	m := sample()
	m.Charset, m.HeaderCharset = message.UTF8, message.ISO2022JP
	m.Text = strings.Repeat("本文です。\n", 10)
	raw := wire(t, m)
	p := read(t, raw)
	if !strings.Contains(raw, "Subject: =?ISO-2022-JP?B?") || p.params["charset"] != "UTF-8" ||
		p.get("Content-Transfer-Encoding") != "base64" || !strings.Contains(string(p.body), "\r\n") {
		t.Error(raw)
	}
}

func TestVectors26To28FileNames(t *testing.T) {
	m := sample()
	long := strings.Repeat("とても長い名前の資料", 8) + ".pdf"
	names := []struct{ in, out string }{
		{"見積書.pdf", "見積書.pdf"},
		{long, long},
		{`a"b\c.txt`, `a"b\c.txt`},
		{"../../x", "x"},
		{`C:\Users\taro\資料.xlsx`, "資料.xlsx"},
		{`..\..\x.txt`, "x.txt"},
		{"プログラム.zip", "プログラム.zip"},
		{"😀.png", "😀.png"},
		{"ﾊﾟｿｺﾝ～.png", "ﾊﾟｿｺﾝ～.png"}, // the emoji above makes everything UTF-8
		{`report.txt"; filename="payload.exe`, `report.txt"; filename="payload.exe`},
		{strings.Repeat("n", 5000), strings.Repeat("n", 5000)},
	}
	for _, n := range names {
		m.Attachments = append(m.Attachments, message.Bytes(n.in, []byte(n.in)))
	}
	raw := wire(t, m)
	p := read(t, raw)
	if len(p.parts) != len(names)+1 {
		t.Fatalf("%d parts", len(p.parts))
	}
	for i, n := range names {
		if got := p.parts[i+1].fileName(t); got != n.out {
			t.Errorf("%q became %q", n.in, got)
		}
		if string(p.parts[i+1].body) != n.in {
			t.Errorf("%q has other content", n.in)
		}
	}
	m.Attachments = []message.Attachment{message.Bytes("ﾊﾟｿｺﾝ～.png", nil)}
	if got := read(t, wire(t, m)).parts[1].fileName(t); got != "パソコン〜.png" {
		t.Errorf("half-width kana: %q", got)
	}
	raw = wire(t, &message.Message{From: m.From, Charset: message.ISO2022JP, Attachments: []message.Attachment{message.Bytes("見積書.pdf", nil)}})
	for _, want := range []string{"\r\n filename*=UTF-8''%E8%A6%8B%E7%A9%8D%E6%9B%B8.pdf\r\n", `name="=?ISO-2022-JP?B?GyRCOCtAUT1xGyhCLnBkZg==?="`} {
		if !strings.Contains(raw, want) {
			t.Errorf("26: no %q in\n%s", want, raw)
		}
	}
	for _, bad := range []string{"a\r\nb", "x\x00", "\xff.txt", "", "..", "/", "a/.."} {
		m.Attachments = []message.Attachment{message.Bytes(bad, nil)}
		if _, err := m.WriteTo(new(bytes.Buffer)); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

func TestVectors29And30Structure(t *testing.T) {
	logo := message.Inline("logo@example.jp", message.Bytes("logo.png", []byte("png")))
	file := message.Bytes("見積書.zzz", []byte("pdf"))
	for _, v := range []struct {
		text, html string
		files      []message.Attachment
		want       string
	}{
		{"t", "", nil, "text/plain"},
		{"", "", nil, "text/plain"},
		{"", "h", nil, "text/html"},
		{"t", "h", nil, "alternative{text/plain, text/html}"},
		{"t", "h", []message.Attachment{logo}, "alternative{text/plain, related{text/html, image/png}}"},
		{"", "h", []message.Attachment{logo}, "related{text/html, image/png}"},
		{"t", "h", []message.Attachment{file, logo}, "mixed{alternative{text/plain, related{text/html, image/png}}, application/octet-stream}"},
		{"t", "", []message.Attachment{file}, "mixed{text/plain, application/octet-stream}"},
		{"t", "", []message.Attachment{logo}, "mixed{text/plain, image/png}"},
		{"", "", []message.Attachment{file}, "mixed{application/octet-stream}"},
	} {
		m := sample()
		m.Text, m.HTML, m.Attachments = v.text, v.html, v.files
		p := read(t, wire(t, m))
		if got := p.shape(); got != v.want {
			t.Errorf("got %s, want %s", got, v.want)
		}
		for _, leaf := range p.find("text/plain") {
			if got := leaf.text(t); v.text != "" && got != "t\r\n" {
				t.Errorf("text %q", got)
			}
		}
	}
}

func TestAttachedMessages(t *testing.T) {
	for _, v := range []struct{ name, in, mediaType, cte, want string }{
		{"clean", "Subject: x\r\n\r\nbody\r\n", "message/rfc822", "7bit", "Subject: x\r\n\r\nbody\r\n"},
		{"LF", "Subject: x\n\nbody", "message/rfc822", "7bit", "Subject: x\r\n\r\nbody"},
		{"8-bit", "Subject: あ\r\n\r\n", "application/octet-stream", "base64", "Subject: あ\r\n\r\n"},
		{"long line", strings.Repeat("x", 999) + "\r\n", "application/octet-stream", "base64", strings.Repeat("x", 999) + "\r\n"},
		{"bare CR", "a\rb\r\n", "application/octet-stream", "base64", "a\rb\r\n"},
	} {
		t.Run(v.name, func(t *testing.T) {
			m := sample()
			m.Attachments = []message.Attachment{message.FS(fstest.MapFS{"転送.eml": {Data: []byte(v.in)}}, "転送.eml")}
			p := read(t, wire(t, m)).parts[1]
			if p.mediaType != v.mediaType || p.get("Content-Transfer-Encoding") != v.cte || string(p.body) != v.want {
				t.Errorf("%s %s %q", p.mediaType, p.get("Content-Transfer-Encoding"), p.body)
			}
		})
	}
}

func TestContentTypes(t *testing.T) {
	m := sample()
	types := map[string]string{
		"a.PDF": "application/pdf", "a.docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		"a.webp": "image/webp", "a.ics": "text/calendar", "a.unknown": "application/octet-stream", "a": "application/octet-stream",
	}
	for name, want := range types {
		m.Attachments = []message.Attachment{message.Bytes(name, nil)}
		if got := read(t, wire(t, m)).parts[1].mediaType; got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	a := message.Bytes("a.csv", []byte("x"))
	a.ContentType = `text/csv; charset=Shift_JIS; header="present ; yes"`
	m.Attachments = []message.Attachment{a}
	p := read(t, wire(t, m)).parts[1]
	if p.mediaType != "text/csv" || p.params["charset"] != "Shift_JIS" || p.params["header"] != "present ; yes" || p.params["name"] != "a.csv" {
		t.Errorf("%s %v", p.mediaType, p.params)
	}
	for _, bad := range []string{"text", "text/", "multipart/mixed", "text/plain\r\nX-Inj: 1", "日本/語", "text/plain; name=x", "image/png; x"} {
		a.ContentType = bad
		m.Attachments = []message.Attachment{a}
		if _, err := m.WriteTo(new(bytes.Buffer)); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

func TestTransferEncodingFollowsContent(t *testing.T) {
	long := strings.Repeat("長", 600)
	for _, v := range []struct {
		name, text string
		c          message.Charset
		want       string
	}{
		{"ASCII", "Hello\n", message.UTF8, "7bit"},
		{"Japanese", "こんにちは\n", message.UTF8, "base64"},
		{"Latin", "Viele Grüße aus Köln, wo es heute regnet\n", message.UTF8, "quoted-printable"},
		{"ISO-2022-JP", "こんにちは\n", message.ISO2022JP, "7bit"},
		{"36 long line", long, message.ISO2022JP, "base64"},
		{"long ASCII line", strings.Repeat("x", 1200), message.UTF8, "quoted-printable"},
		{"control", "a\x07b, and more text so that it is short", message.UTF8, "quoted-printable"},
		{"998", strings.Repeat("x", 998), message.UTF8, "7bit"},
	} {
		t.Run(v.name, func(t *testing.T) {
			for _, files := range [][]message.Attachment{nil, {message.Bytes("x", nil)}} {
				m := sample()
				m.Text, m.Charset, m.Attachments = v.text, v.c, files
				p := read(t, wire(t, m)).find("text/plain")[0]
				if got := p.get("Content-Transfer-Encoding"); got != v.want {
					t.Errorf("%s", got)
				}
				want := strings.ReplaceAll(strings.TrimSuffix(v.text, "\n")+"\n", "\n", "\r\n")
				if got := p.text(t); got != want {
					t.Errorf("%q became %q", v.text, got)
				}
			}
		})
	}
}

func TestLineEndings(t *testing.T) {
	for _, c := range []message.Charset{message.UTF8, message.ISO2022JP} {
		m := sample()
		m.Charset = c
		m.Text = "一\n二\r\n三\r四\n\n.\n..五"
		if got := read(t, wire(t, m)).text(t); got != "一\r\n二\r\n三\r\n四\r\n\r\n.\r\n..五\r\n" {
			t.Errorf("%s: %q", c, got)
		}
	}
}

func TestVector44DateAndIdentifier(t *testing.T) {
	jst := time.FixedZone("JST", 9*3600)
	e := message.Encoder{Clock: func() time.Time { return time.Date(2026, 3, 4, 15, 4, 5, 0, jst) }}
	ids := map[string]bool{}
	for range 3 {
		body, err := e.Encode(sample())
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := body.(io.WriterTo).WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		raw := b.String()
		if d := field(raw, "Date"); d != "Wed, 04 Mar 2026 15:04:05 +0900" {
			t.Errorf("Date %q", d)
		}
		id := field(raw, "Message-ID")
		if !strings.HasSuffix(id, "@example.co.jp>") || len(id) < 30 || ids[id] {
			t.Errorf("Message-ID %q", id)
		}
		ids[id] = true
		if strings.Count(raw, "Date:") != 1 || strings.Count(raw, "Message-ID:") != 1 {
			t.Error(raw)
		}
	}
}

func TestVector45Priority(t *testing.T) {
	for p, want := range map[message.Priority][4]string{
		message.PriorityHigh:   {"1", "urgent", "High", "High"},
		message.PriorityNormal: {"3", "normal", "Normal", "Normal"},
		message.PriorityLow:    {"5", "non-urgent", "Low", "Low"},
		message.PriorityNone:   {},
	} {
		m := sample()
		m.Priority = p
		raw := wire(t, m)
		got := [4]string{field(raw, "X-Priority"), field(raw, "Priority"), field(raw, "X-MSMail-Priority"), field(raw, "Importance")}
		if got != want {
			t.Errorf("%d: %q", p, got)
		}
	}
}

func TestBccOnly(t *testing.T) {
	m := sample()
	m.Bcc, m.To = m.To, nil
	raw := wire(t, m)
	if field(raw, "To") != "undisclosed-recipients:;" || strings.Contains(raw, "taro") {
		t.Error(raw)
	}
}

func TestGoldenNamesDecodeInAddressLists(t *testing.T) {
	m := sample()
	for i := range 100 {
		m.To = append(m.To, message.Address{Name: strings.Repeat("山田太郎", i%7+1), Address: "a@example.jp"})
	}
	raw := wire(t, m)
	p := mail.AddressParser{WordDecoder: wordDecoder}
	list, err := p.ParseList(field(raw, "To"))
	if err != nil || len(list) != len(m.To) {
		t.Fatalf("%d of %d, %v", len(list), len(m.To), err)
	}
	for i, a := range list {
		if a.Name != m.To[i].Name || a.Address != m.To[i].Address {
			t.Errorf("%v became %v", m.To[i], a)
		}
	}
}

// What programs read in a field of their own is best left as it is.
func TestMachineReadableHeaders(t *testing.T) {
	m := sample()
	token := strings.Repeat("x", 120)
	m.Headers = []message.Header{{Name: "X-Token", Value: token}, {Name: "X-JSON", Value: `{"to":["a@example.jp"],"category":"newsletter","unique_args":{"id":"1234567890"}}`}}
	raw := wire(t, m)
	if !strings.Contains(raw, "X-Token: "+token+"\r\n") || !strings.Contains(raw, `X-JSON: {"to":`) {
		t.Error(raw)
	}
	m.Headers = []message.Header{{Name: "List-Id", Value: "<" + strings.Repeat("x", 1200) + ".jp>"}}
	var fe *message.FieldError
	if _, err := m.WriteTo(new(bytes.Buffer)); !errors.As(err, &fe) || fe.Field != "Headers.Value" || !errors.Is(err, header.ErrLineTooLong) {
		t.Error(err)
	}
}
