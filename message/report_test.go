package message_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/message"
)

func report(t *testing.T, m *message.Message) *delivery.Report {
	t.Helper()
	var e message.Encoder
	body, err := e.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return body.(interface{ Report() *delivery.Report }).Report()
}

func TestReport(t *testing.T) {
	for _, v := range []struct {
		name string
		set  func(*message.Message)
		want string // the notes, separated by "; "
	}{
		{"nothing", func(m *message.Message) {}, ""},
		{"folded", func(m *message.Message) { m.Subject = "ﾊﾟｿｺﾝ〜～ﾊﾟ" },
			`folded Subject: "ﾊﾟ" became "パ"; folded Subject: "ｿ" became "ソ"; folded Subject: "ｺ" became "コ"; folded Subject: "ﾝ" became "ン"; folded Subject: "～" became "〜"`},
		{"fallback", func(m *message.Message) { m.Text = "😀" }, `charset: "ISO-2022-JP" became "UTF-8"`},
		{"fallback keeps the original", func(m *message.Message) {
			m.Subject, m.Text = "①", "😀"
			m.Unencodable = message.UnencodableTransliterate
		},
			`charset: "ISO-2022-JP" became "UTF-8"`},
		{"transliterated", func(m *message.Message) {
			m.Subject, m.Text = "㈱①", "髙橋"
			m.Unencodable = message.UnencodableTransliterate
		},
			`transliterated Subject: "㈱" became "(株)"; transliterated Subject: "①" became "(1)"; transliterated Text: "髙" became "高"`},
		{"cleaned", func(m *message.Message) { m.Subject = "葛\U000E0100飾\u200bの\u00a0件" },
			"cleaned Subject: \"\U000E0100\" became \"\"; " + `cleaned Subject: "\u200b" became ""; cleaned Subject: "\u00a0" became " "`},
		{"composed in UTF-8", func(m *message.Message) {
			m.Charset = message.UTF8
			m.Attachments = []message.Attachment{message.Bytes("か\u3099.txt", nil)}
		}, "cleaned Attachments.Name[0]: \"か\u3099\" became \"が\""},
		{"wrapped", func(m *message.Message) { m.Text, m.Wrap = strings.Repeat("あ", 50), 70 }, "wrapped Text"},
		{"not wrapped", func(m *message.Message) { m.Text, m.Wrap = "あ", 70 }, ""},
		{"reencoded", func(m *message.Message) { m.Attachments = []message.Attachment{message.Bytes("a.eml", []byte("\xff"))} },
			`reencoded Attachments[0]: "message/rfc822" became "application/octet-stream"`},
		{"meta", func(m *message.Message) { m.HTML = `<html><head><meta charset="Shift_JIS"></head>` }, `meta charset HTML: "Shift_JIS" became "ISO-2022-JP"`},
		{"unshown", func(m *message.Message) {
			m.HTML = "x"
			m.Attachments = []message.Attachment{message.Inline("a@x", message.Bytes("a.png", nil))}
		}, `unshown Attachments.ContentID[0]: "a@x" became ""`},
	} {
		t.Run(v.name, func(t *testing.T) {
			m := sample()
			v.set(m)
			r := report(t, m)
			if got := strings.ReplaceAll(strings.TrimSuffix(r.String(), "\n"), "\n", "; "); got != v.want {
				t.Errorf("got  %s\nwant %s", got, v.want)
			}
			if r.Has(delivery.NoteCharset) != strings.HasPrefix(v.want, "charset:") {
				t.Error("Has")
			}
		})
	}
}

// The message itself stays what it was, whatever is done to its texts.
func TestEditingCopies(t *testing.T) {
	m := sample()
	m.Unencodable = message.UnencodableTransliterate
	m.To[0].Name, m.Subject, m.Text = "髙橋", "①", "㈱"
	m.Cc = []message.Address{{Name: "㈲", Address: "c@example.jp"}}
	m.Headers = []message.Header{{Name: "X-A", Value: "㈹"}}
	m.Attachments = []message.Attachment{message.Bytes("①.txt", nil)}
	raw := wire(t, m)
	if m.To[0].Name != "髙橋" || m.Subject != "①" || m.Cc[0].Name != "㈲" || m.Headers[0].Value != "㈹" || m.Attachments[0].Name != "①.txt" {
		t.Errorf("%+v", m)
	}
	p := read(t, raw)
	if got := p.parts[1].fileName(t); got != "(1).txt" {
		t.Errorf("%s", got)
	}
	for name, want := range map[string]string{"Subject": "(1)", "X-A": "(代)", "To": "高橋 <taro@example.jp>", "Cc": "(有) <c@example.jp>"} {
		if got := decodeWords(t, field(raw, name)); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if !strings.Contains(raw, "charset=ISO-2022-JP") {
		t.Error(raw)
	}
}

func TestUnencodableErrorAfterCleaning(t *testing.T) {
	m := sample()
	m.Unencodable = message.UnencodableError
	m.Subject = "葛\U000E0100①"
	_, err := m.WriteTo(new(strings.Builder))
	var errs message.Errors
	if !errors.As(err, &errs) || len(errs) != 1 || errs[0].Rune != '①' || errs[0].Offset != len("葛\U000E0100") {
		t.Errorf("%v", err)
	}
	m.Subject = "葛\U000E0100"
	if got := decodeWords(t, field(wire(t, m), "Subject")); got != "葛" {
		t.Error(got)
	}
	// Cleaning makes another character of these two, which isn't there either.
	m.Subject = "cafe\u0301"
	_, err = m.WriteTo(new(strings.Builder))
	if errs = nil; !errors.As(err, &errs) || len(errs) != 1 || errs[0].Rune != '\u0301' || errs[0].Offset != len("cafe") {
		t.Errorf("%v", err)
	}
}

func TestWrapAndFlowed(t *testing.T) {
	m := sample()
	m.Text = strings.Repeat("長い文章です。", 20) + "\nhttps://example.jp/" + strings.Repeat("x", 100) + "\n"
	m.Wrap = 70
	text := read(t, wire(t, m)).text(t)
	for line := range strings.SplitSeq(text, "\r\n") {
		if !strings.HasPrefix(line, "http") && len([]rune(line)) > 35 || strings.HasPrefix(line, "。") {
			t.Errorf("line %q", line)
		}
	}
	if strings.ReplaceAll(text, "\r\n", "") != strings.ReplaceAll(m.Text, "\n", "") {
		t.Error("the text changed")
	}
	m.Flowed = true
	p := read(t, wire(t, m))
	if p.params["format"] != "flowed" || p.params["delsp"] != "yes" || !strings.Contains(p.text(t), " \r\n") {
		t.Errorf("%v %q", p.params, p.text(t))
	}
	m.Text = "Hello,\n\nthis is plain.\n"
	if p := read(t, wire(t, m)); p.params["delsp"] != "" || p.text(t) != "Hello,\r\n\r\nthis is plain.\r\n" {
		t.Errorf("%v %q", p.params, p.text(t))
	}
	m.Wrap = -1
	if _, err := m.WriteTo(new(strings.Builder)); !errors.Is(err, message.ErrInvalid) {
		t.Error(err)
	}
}

func TestTextFromHTML(t *testing.T) {
	e := message.Encoder{TextFromHTML: func(html string) string { return "text of " + html }}
	m := sample()
	m.Text, m.HTML = "", "<p>本文</p>"
	body, err := e.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if _, err := body.(io.WriterTo).WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	p := read(t, b.String())
	if p.shape() != "alternative{text/plain, text/html}" || p.parts[0].text(t) != "text of <p>本文</p>\r\n" {
		t.Errorf("%s", b.String())
	}
	if m.Text != "" {
		t.Error("the message was changed")
	}
}

func TestMetaCharset(t *testing.T) {
	for in, want := range map[string]string{
		`<meta charset=Shift_JIS>`: `<meta charset=ISO-2022-JP>`,
		`<META http-equiv="Content-Type" content="text/html; charset=EUC-JP">`: `<META http-equiv="Content-Type" content="text/html; charset=ISO-2022-JP">`,
		`<meta name="x"><meta charset='utf-8' />`:                              `<meta name="x"><meta charset='ISO-2022-JP' />`,
		`<meta charset="iso-2022-jp">`:                                         `<meta charset="iso-2022-jp">`,
		`<meta name="charset">`:                                                `<meta name="charset">`,
		`<p>charset=x</p>`:                                                     `<p>charset=x</p>`,
		`<meta`:                                                                `<meta`,
		`<meta charset=`:                                                       `<meta charset=`,
	} {
		m := sample()
		m.Text, m.HTML = "", in
		if got := strings.TrimSuffix(read(t, wire(t, m)).text(t), "\r\n"); got != want {
			t.Errorf("%s became %s", in, got)
		}
	}
}

func TestNameCharset(t *testing.T) {
	m := sample()
	m.Charset = message.UTF8
	a := message.Bytes("見積.pdf", nil)
	a.NameCharset = message.ISO2022JP
	m.Attachments = []message.Attachment{a}
	raw := wire(t, m)
	if !strings.Contains(raw, `name="=?ISO-2022-JP?B?`) || !strings.Contains(raw, "charset=UTF-8") {
		t.Error(raw)
	}
	m.Attachments[0].Name = "①.pdf"
	if raw = wire(t, m); !strings.Contains(raw, `name="=?UTF-8?`) {
		t.Error(raw)
	}
	for _, bad := range []string{"a\u202egpj.exe", "a\x1b.txt", "a\u0085", "a\t"} {
		m.Attachments[0].Name = bad
		var fe *message.FieldError
		if _, err := m.WriteTo(new(strings.Builder)); !errors.As(err, &fe) || fe.Field != "Attachments.Name" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A body in UTF-8 stays as it is, whatever is done to the parts in ISO-2022-JP.
func TestUTF8BodyIsNotEdited(t *testing.T) {
	m := sample()
	m.Charset, m.HTMLCharset = message.UTF8, message.ISO2022JP
	m.Text, m.HTML = "e\u0301 \ufeffé\n", "日本\u200b語"
	p := read(t, wire(t, m))
	if got := p.parts[0].text(t); got != "e\u0301 \ufeffé\r\n" {
		t.Errorf("%q", got)
	}
	if got := p.parts[1].text(t); got != "日本語\r\n" || p.parts[1].params["charset"] != "ISO-2022-JP" {
		t.Errorf("%q", got)
	}
}
