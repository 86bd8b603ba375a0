package message_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/message"
)

func TestVector32Handsets(t *testing.T) {
	for _, v := range []struct {
		s    message.Structure
		want string
	}{
		{message.StructureDocomo, "mixed{related{alternative{text/plain, text/html}, image/gif}, application/pdf}"},
		{message.StructureAu, "mixed{alternative{text/plain, text/html}, image/gif, application/pdf}"},
		{message.StructureSoftBank, "related{alternative{text/plain, text/html}, image/gif, application/pdf}"},
	} {
		m := sample()
		m.Structure = v.s
		m.HTML = "<p>絵文字</p>\r\n<img src=\"cid:1@x\">\n"
		m.Attachments = []message.Attachment{message.Inline("1@x", message.Bytes("1.gif", []byte("GIF"))), message.Bytes("a.pdf", nil)}
		raw := wire(t, m)
		p := read(t, raw)
		if got := p.shape(); got != v.want {
			t.Errorf("%s", got)
		}
		h := p.find("text/html")[0]
		if h.get("Content-Transfer-Encoding") != "quoted-printable" || h.text(t) != "<p>絵文字</p><img src=\"cid:1@x\">\r\n" {
			t.Errorf("%q", h.body)
		}
		if has := strings.Contains(raw, "Content-Disposition"); has != (v.s != message.StructureDocomo) {
			t.Errorf("Content-Disposition: %v", has)
		}
	}
	// Without files, docomo keeps all its levels.
	m := sample()
	m.Structure, m.HTML = message.StructureDocomo, "x"
	if got := read(t, wire(t, m)).shape(); got != "mixed{related{alternative{text/plain, text/html}}}" {
		t.Error(got)
	}
	m.HTML = ""
	if got := read(t, wire(t, m)).shape(); got != "text/plain" {
		t.Error(got)
	}
}

const invitation = "BEGIN:VCALENDAR\nPRODID:-//Example//JP\nVERSION:2.0\nMETHOD:REQUEST\nBEGIN:VEVENT\n" +
	"UID:1@example.jp\nDTSTAMP:20261121T000000Z\nDTSTART:20261201T010000Z\nSUMMARY:打ち合わせ\n" +
	"ORGANIZER:mailto:a@example.jp\nATTENDEE:mailto:b@example.jp\nEND:VEVENT\nEND:VCALENDAR\n"

func TestCalendar(t *testing.T) {
	m := sample()
	m.HTML = "<p>x</p>"
	m.Calendar = &message.Calendar{Method: "REQUEST", Data: []byte(invitation)}
	raw := wire(t, m)
	p := read(t, raw)
	if got := p.shape(); got != "alternative{text/plain, text/html, text/calendar}" {
		t.Error(got)
	}
	c := p.parts[2]
	if c.params["method"] != "REQUEST" || c.params["charset"] != "UTF-8" || string(c.body) != strings.ReplaceAll(invitation, "\n", "\r\n") {
		t.Errorf("%v %q", c.params, c.body)
	}
	m.HTML, m.Text = "", ""
	if got := read(t, wire(t, m)).shape(); got != "text/calendar" {
		t.Error(got)
	}
	for _, bad := range []message.Calendar{
		{Method: "REQUEST\r\nX: y", Data: []byte(invitation)},
		{Method: "CANCEL", Data: []byte(invitation)},
		{Method: "", Data: []byte(invitation)},
		{Method: "REQUEST", Data: []byte("x")},
		{Method: "REQUEST"},
		{Method: "REQUEST", Data: []byte("\xff")},
	} {
		m.Calendar = &bad
		var fe *message.FieldError
		if _, err := m.WriteTo(new(bytes.Buffer)); !errors.As(err, &fe) || !strings.HasPrefix(fe.Field, "Calendar.") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestContentIDs(t *testing.T) {
	image := func(cid string) message.Attachment { return message.Inline(cid, message.Bytes("x.png", nil)) }
	for _, v := range []struct {
		html string
		cids []string
		ok   bool
	}{
		{`<img src="cid:a@x">`, []string{"a@x"}, true},
		{`<img src='CID:a@x'><img src=cid:b>`, []string{"a@x", "b"}, true},
		{`<div style="background:url(cid:a@x)">`, []string{"a@x"}, true},
		{`<img src="cid:a%40x">`, []string{"a@x"}, true},
		{`<img src="cid:a&amp;b">`, []string{"a&b"}, true},
		{`<img src = "cid:a@x">`, nil, false},
		{`<img src="cid:a@x"><img src="cid:b@x">`, []string{"a@x"}, false},
		{`<img src="cid:">`, []string{"a@x"}, false},
		{`the lucid:ity of acid:rain and cid: in a text, "cid:x"`, nil, true},
		{`<img src="a.png">`, []string{"a@x"}, true},
		{`<a href="https://x/?u=cid:foo">`, nil, true},
		{`<img alt="cid:foo" src="https://x">`, nil, true},
		{`<p title='cid:foo'>`, nil, true},
		{`<script>var src='cid:foo'</script>`, nil, true},
		{`<td background=cid:foo>`, nil, false},
	} {
		m := &message.Message{From: message.Address{Address: "a@b.jp"}, HTML: v.html}
		for _, c := range v.cids {
			m.Attachments = append(m.Attachments, image(c))
		}
		_, err := m.WriteTo(new(bytes.Buffer))
		if (err == nil) != v.ok || err != nil && !errors.Is(err, message.ErrNoPart) {
			t.Errorf("%s: %v", v.html, err)
		}
	}
	m := &message.Message{From: message.Address{Address: "a@b.jp"}, Attachments: []message.Attachment{image("a@x"), image("a@x")}}
	if _, err := m.WriteTo(new(bytes.Buffer)); !errors.Is(err, message.ErrDuplicate) {
		t.Error(err)
	}
}

// Work that grows with the square of the input would take minutes here.
func TestContentIDsOfHostileHTML(t *testing.T) {
	for _, piece := range []string{`<img src="cid:`, `src="cid:`, `a=cid:`, `="cid:`, ` cid:`, `url(cid:`, `cid:`, `<`} {
		m := sample()
		m.HTML = strings.Repeat(piece, 4<<20/len(piece))
		m.WriteTo(new(bytes.Buffer))
	}
}

func TestListFields(t *testing.T) {
	m := sample()
	m.ListUnsubscribe = []string{"https://example.jp/u?token=" + strings.Repeat("x", 60), "mailto:leave@example.jp?subject=leave"}
	m.OneClickUnsubscribe = true
	m.AutoSubmitted = "auto-generated"
	raw := wire(t, m)
	if field(raw, "List-Unsubscribe") != "<"+m.ListUnsubscribe[0]+">, <"+m.ListUnsubscribe[1]+">" ||
		field(raw, "List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" || field(raw, "Auto-Submitted") != "auto-generated" {
		t.Error(raw)
	}
	for _, v := range []struct {
		field string
		set   func(*message.Message)
	}{
		{"ListUnsubscribe", func(m *message.Message) { m.ListUnsubscribe = []string{"http://x\r\nX-Inj: 1"} }},
		{"ListUnsubscribe", func(m *message.Message) { m.ListUnsubscribe = []string{"https://x>,<https://y"} }},
		{"ListUnsubscribe", func(m *message.Message) { m.ListUnsubscribe = []string{"ftp://x"} }},
		{"ListUnsubscribe", func(m *message.Message) { m.ListUnsubscribe = []string{"https:///x"} }},
		{"ListUnsubscribe", func(m *message.Message) { m.ListUnsubscribe = []string{"https://日本"} }},
		{"OneClickUnsubscribe", func(m *message.Message) { m.ListUnsubscribe = nil }},
		{"OneClickUnsubscribe", func(m *message.Message) { m.ListUnsubscribe = []string{"mailto:a@b"} }},
		{"OneClickUnsubscribe", func(m *message.Message) { m.ListUnsubscribe = []string{"https://x", "https://y"} }},
		{"AutoSubmitted", func(m *message.Message) { m.AutoSubmitted = "yes please" }},
		{"Headers.Name", func(m *message.Message) {
			m.Headers = []message.Header{{Name: "List-Unsubscribe", Value: "<https://x>"}}
		}},
	} {
		m := *m
		v.set(&m)
		var fe *message.FieldError
		if _, err := m.WriteTo(new(bytes.Buffer)); !errors.As(err, &fe) || fe.Field != v.field {
			t.Errorf("%s: %v", v.field, err)
		}
	}
}
