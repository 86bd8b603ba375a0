//go:build integration

package agreement_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/qdmail/qdmail/message"
)

// mail is what a message says: what was built, and what a reader read.
type mail struct {
	File       string            `json:"file"`
	Subject    string            `json:"subject"`
	Text, HTML *body             `json:",omitempty"`
	Files      []attachment      `json:"files"`
	Fields     map[string]string `json:"fields"` // other fields, unfolded

	From, Sender, ReplyTo, To, Cc, Bcc []person `json:",omitempty"`

	// Charset is the label of the header.
	Charset string `json:"charset,omitempty"`
	// Defects are complaints of a reader.
	Defects []string `json:"defects,omitempty"`
}

type person struct{ Name, Address string }

type body struct {
	Text    string `json:"text"`
	Charset string `json:"charset"`
	Raw     []byte `json:"raw,omitempty"` // octets after transfer decoding
}

type attachment struct {
	// FileName is the filename of Content-Disposition and Name the name of
	// Content-Type.
	FileName, Name string
	ID             string `json:"id"`
	SHA256         string `json:"sha256"`

	data []byte
}

const (
	utf8Label = "UTF-8"
	jisLabel  = "ISO-2022-JP"
)

// manifest says what readers have to find in the letter. It shares no code with
// the library.
func (l *letter) manifest(name string) *mail {
	header, text, html := l.labels()
	m := &mail{File: name, Charset: header, Fields: map[string]string{}}
	line := func(s string) string { return l.foldLine(s, header) }
	m.Subject = line(l.Subject)
	people := func(list ...message.Address) (out []person) {
		for _, a := range list {
			if a.Address != "" {
				out = append(out, person{line(a.Name), wireAddress(a.Address)})
			}
		}
		return out
	}
	m.From, m.Sender = people(l.From), people(l.Sender)
	m.ReplyTo, m.To, m.Cc = people(l.ReplyTo...), people(l.To...), people(l.Cc...)
	if l.Text != "" || l.HTML == "" && len(l.files) == 0 {
		m.Text = &body{Text: l.fold(lines(l.Text), text), Charset: text}
	}
	if l.HTML != "" {
		h := l.HTML
		if l.Structure != message.StructureStandard {
			h = strings.NewReplacer("\r", "", "\n", "").Replace(h)
		}
		m.HTML = &body{Text: l.fold(lines(h), html), Charset: html}
	}
	// What the HTML shows stands beside it, before the other files.
	for _, inline := range []bool{true, false} {
		for _, f := range l.files {
			if inline == (f.cid != "" && l.HTML != "") {
				m.Files = append(m.Files, f.manifest(line, l.Structure))
			}
		}
	}
	l.fields(m)
	return m
}

func (f file) manifest(fold func(string) string, s message.Structure) attachment {
	sum := sha256.Sum256(f.data)
	a := attachment{
		FileName: fold(f.name),
		Name:     fold(f.name),
		ID:       f.cid,
		SHA256:   hex.EncodeToString(sum[:]),
		data:     f.data,
	}
	if s == message.StructureDocomo { // which has no Content-Disposition
		a.FileName = ""
	}
	return a
}

// labels are the charsets of header, text and HTML. If one of them lacks a
// character, all of them are UTF-8.
func (l *letter) labels() (header, text, html string) {
	label := func(c, or message.Charset) string {
		if c == 0 {
			c = or
		}
		if c == message.ISO2022JP {
			return jisLabel
		}
		return utf8Label
	}
	text = label(l.Message.Charset, message.UTF8)
	header, html = label(l.HeaderCharset, l.Message.Charset), label(l.HTMLCharset, l.Message.Charset)
	has := needClean
	if l.Unencodable != message.UnencodableFallback {
		has = needVendor
	}
	if header == jisLabel && l.header > has || text == jisLabel && l.text > has || html == jisLabel && l.html > has {
		return utf8Label, utf8Label, utf8Label
	}
	return header, text, html
}

func (l *letter) fields(m *mail) {
	set := func(name, value string) {
		if value != "" {
			m.Fields[name] = value
		}
	}
	brackets := func(ids []string, separator string) string {
		if len(ids) == 0 {
			return ""
		}
		return "<" + strings.Join(ids, ">"+separator+"<") + ">"
	}
	set("Message-ID", "<"+l.MessageID+">")
	set("Date", l.Date.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	set("In-Reply-To", brackets(l.InReplyTo, " "))
	set("References", brackets(l.References, " "))
	set("List-Unsubscribe", brackets(l.ListUnsubscribe, ", "))
	if l.OneClickUnsubscribe {
		set("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
	if p := l.Priority; p != message.PriorityNone {
		set("X-Priority", strconv.Itoa(2*int(p)-1))
		set("Priority", []string{"", "urgent", "normal", "non-urgent"}[p])
		set("X-MSMail-Priority", []string{"", "High", "Normal", "Low"}[p])
		set("Importance", []string{"", "High", "Normal", "Low"}[p])
	}
	for _, h := range l.Headers {
		m.Fields[h.Name] = l.foldLine(h.Value, m.Charset)
	}
}

// wireAddress is the address with its domain in A-labels and without quotes,
// since readers differ in whether they keep these.
func wireAddress(addr string) string {
	for _, d := range domains {
		if local, ok := strings.CutSuffix(addr, "@"+d[0]); ok {
			addr = local + "@" + d[1]
			break
		}
	}
	return unquote(addr)
}

func unquote(addr string) string {
	at := strings.LastIndexByte(addr, '@')
	if at < 2 || addr[0] != '"' || addr[at-1] != '"' {
		return addr
	}
	var b strings.Builder
	for i := 1; i < at-1; i++ {
		if addr[i] == '\\' {
			i++
		}
		b.WriteByte(addr[i])
	}
	return b.String() + addr[at:]
}

// lines makes every line ending CRLF and adds the last one.
func lines(s string) string {
	s = strings.NewReplacer("\r\n", "\r\n", "\r", "\r\n", "\n", "\r\n").Replace(s)
	if s != "" && !strings.HasSuffix(s, "\r\n") {
		s += "\r\n"
	}
	return s
}
