package message

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"

	"github.com/qdmail/qdmail/encoding/header"
	"github.com/qdmail/qdmail/encoding/mime"
	"github.com/qdmail/qdmail/encoding/transfer"
)

// ErrCannotLoad: a message has something that a Message has no place for, such as a
// signature. LoadBody sends such a message as it is.
var ErrCannotLoad = errors.New("can't be loaded into a Message")

// Load reads a message, such as an .eml file, into a Message that can be changed
// and sent. The first text/plain and text/html part become Text and HTML, an
// invitation Calendar, and everything else an attachment. Fields that a Message has
// no field for go into Headers; those that servers wrote (Received, Return-Path,
// DKIM-Signature, Authentication-Results) are left out, because they were about
// another sending. X-Priority 1 and 2 are PriorityHigh, 4 and 5 PriorityLow.
//
// What can't be kept is an error and never dropped: a signed or encrypted message
// (ErrCannotLoad), a text in a charset that isn't known, an attachment that can't
// be decoded. Date and Message-ID are kept: clear them to send a changed message,
// or a reader may take it for the one it has. The result shares memory with raw.
func Load(raw []byte) (*Message, error) {
	root, err := mime.Parse(raw, mime.Limits{})
	if err != nil {
		return nil, err
	}
	l := loader{m: &Message{}}
	l.header(root.Header)
	l.part(root, false)
	if len(l.errs) > 0 {
		return nil, l.errs
	}
	return l.m, nil
}

type loader struct {
	m       *Message
	errs    Errors
	hasText bool
	hasHTML bool
}

func (l *loader) header(h mime.Header) {
	m := l.m
	one := func(name string, dst *Address) {
		var list []Address
		l.addresses(h, name, &list)
		if len(list) > 1 {
			l.errs.add(name, -1, fmt.Errorf("a list of %d addresses %w", len(list), ErrCannotLoad))
		}
		if len(list) > 0 {
			*dst = list[0]
		}
	}
	for _, name := range []string{"From", "Sender", "Subject", "Date", "Message-ID", "In-Reply-To", "References"} {
		if n := len(h.Values(name)); n > 1 {
			l.errs.add(strings.ReplaceAll(name, "-", ""), -1, fmt.Errorf("a field that stands there %d times %w", n, ErrCannotLoad))
		}
	}
	one("From", &m.From)
	one("Sender", &m.Sender)
	l.addresses(h, "Reply-To", &m.ReplyTo)
	l.addresses(h, "To", &m.To)
	l.addresses(h, "Cc", &m.Cc)
	l.addresses(h, "Bcc", &m.Bcc)
	l.addresses(h, "Disposition-Notification-To", &m.DispositionNotificationTo)
	m.Subject = h.Text("Subject")
	if d := h.Get("Date"); d != "" {
		t, err := mail.ParseDate(d)
		if err != nil {
			l.errs.add("Date", -1, fmt.Errorf("%w: %q", ErrInvalid, d))
		}
		m.Date = t
	}
	if ids := identifiers(h.Get("Message-ID")); len(ids) > 0 {
		m.MessageID = ids[0]
	}
	m.InReplyTo = identifiers(h.Get("In-Reply-To"))
	m.References = identifiers(h.Get("References"))
	m.Priority = loadPriority(h)
	for u := range strings.SplitSeq(h.Get("List-Unsubscribe"), ",") {
		if u = strings.Trim(u, " \t<>"); u != "" {
			m.ListUnsubscribe = append(m.ListUnsubscribe, u)
		}
	}
	m.OneClickUnsubscribe = strings.EqualFold(h.Get("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click")
	m.AutoSubmitted = h.Get("Auto-Submitted")
	for _, f := range h {
		l.field(f)
	}
}

// loadPriority reads the fields of Message.Priority as Outlook does (MS-OXCMAIL
// section 2.2.3.2.5): Importance goes first, and of the five degrees of X-Priority
// the outer two on either side are one.
func loadPriority(h mime.Header) Priority {
	for _, name := range []string{"Importance", "X-Priority", "X-MSMail-Priority", "Priority"} {
		word, _, _ := strings.Cut(h.Get(name), " ") // some add one in parentheses
		switch strings.ToLower(word) {
		case "1", "2", "high", "urgent":
			return PriorityHigh
		case "3", "normal":
			return PriorityNormal
		case "4", "5", "low", "non-urgent":
			return PriorityLow
		}
	}
	return PriorityNone
}

// ofServers are fields that say how a message came here.
var ofServers = map[string]bool{
	"received": true, "return-path": true, "delivered-to": true, "x-original-to": true, "dkim-signature": true,
	"authentication-results": true, "received-spf": true, "arc-seal": true, "arc-message-signature": true,
	"arc-authentication-results": true,
}

func (l *loader) field(f mime.Field) {
	lower := strings.ToLower(f.Name())
	switch {
	case lower == "" || reserved[lower] || ofServers[lower] || strings.HasPrefix(lower, "resent-"):
	case isStructured(lower):
		l.m.Headers = append(l.m.Headers, Header{f.Name(), f.Value()})
	default:
		l.m.Headers = append(l.m.Headers, Header{f.Name(), mime.DecodeHeader(f.Value())})
	}
}

// addresses reads the address fields of one name.
func (l *loader) addresses(h mime.Header, name string, dst *[]Address) {
	for _, v := range h.Values(name) {
		if v == "" || strings.EqualFold(strings.ReplaceAll(v, " ", ""), "undisclosed-recipients:;") {
			continue
		}
		list, err := ParseAddressList(v)
		if err != nil {
			l.errs.add(strings.ReplaceAll(name, "-", ""), -1, err)
		}
		*dst = append(*dst, list...)
	}
}

// identifiers takes the message identifiers out of a field.
func identifiers(s string) (ids []string) {
	for {
		_, rest, ok := strings.Cut(s, "<")
		if !ok {
			return ids
		}
		id, after, ok := strings.Cut(rest, ">")
		if !ok {
			return ids
		}
		if id = strings.TrimSpace(id); id != "" {
			ids = append(ids, id)
		}
		s = after
	}
}

// part loads a part and what is in it; alternative says that it is one of several
// forms of the same.
func (l *loader) part(p *mime.Part, alternative bool) {
	text := p.MediaType == "text/plain" && !l.hasText && (alternative || !l.hasHTML)
	html := p.MediaType == "text/html" && !l.hasHTML && (alternative || !l.hasText)
	switch {
	case p.MediaType == "multipart/signed", p.MediaType == "multipart/encrypted", p.MediaType == "multipart/report",
		strings.HasSuffix(p.MediaType, "/pkcs7-mime"):
		l.errs.add("Attachments", -1, fmt.Errorf("%s %w", p.MediaType, ErrCannotLoad))
	case strings.HasPrefix(p.MediaType, "multipart/") && len(p.Parts) > 0:
		for _, c := range p.Parts {
			l.part(c, alternative || p.MediaType == "multipart/alternative")
		}
	case strings.HasPrefix(p.MediaType, "multipart/"):
		l.errs.add("Attachments", -1, fmt.Errorf("a %s without parts %w", p.MediaType, ErrCannotLoad))
	case text && p.Disposition != "attachment":
		l.hasText = true
		l.text(p, "Text", &l.m.Text, &l.m.Charset)
	case html && p.Disposition != "attachment":
		l.hasHTML = true
		l.text(p, "HTML", &l.m.HTML, &l.m.HTMLCharset)
	case p.MediaType == "text/calendar" && l.m.Calendar == nil && p.Params["method"] != "":
		var data string
		l.text(p, "Calendar.Data", &data, nil)
		l.m.Calendar = &Calendar{Method: p.Params["method"], Data: []byte(data)}
	case alternative && p.FileName() == "" && p.Header.Get("Content-ID") == "":
		l.errs.add("Attachments", len(l.m.Attachments), fmt.Errorf("an alternative of type %s %w", p.MediaType, ErrCannotLoad))
	default:
		l.attachment(p)
	}
}

func (l *loader) text(p *mime.Part, field string, dst *string, cs *Charset) {
	s, err := p.Text()
	if err != nil {
		l.errs.add(field, -1, err)
	}
	if strings.EqualFold(p.Params["format"], "flowed") && p.MediaType == "text/plain" {
		s = transfer.Unflow(s, strings.EqualFold(p.Params["delsp"], "yes"))
		l.m.Flowed = true
	}
	*dst = s
	if cs != nil {
		*cs = UTF8
		if strings.EqualFold(p.Params["charset"], "ISO-2022-JP") {
			*cs = ISO2022JP
		}
	}
}

func (l *loader) attachment(p *mime.Part) {
	i := len(l.m.Attachments)
	data, err := p.Content()
	if err != nil {
		l.errs.add("Attachments", i, err)
	}
	a := Bytes(fileName(p.FileName()), data)
	if a.Name == "" {
		a.Name = "attachment" + extension(p.MediaType)
	}
	a.ContentType = contentType(p)
	if id := strings.Trim(p.Header.Get("Content-ID"), "<> "); id != "" {
		a.ContentID = id
	}
	l.m.Attachments = append(l.m.Attachments, a)
}

// extension is the one that a file without a name gets; the shortest of its type.
func extension(mediaType string) string {
	best := ""
	for ext, t := range mediaTypes {
		if t == mediaType && (best == "" || len(ext) < len(best) || len(ext) == len(best) && ext > best) {
			best = ext
		}
	}
	return best
}

// contentType is the media type of a part with its parameters except the name,
// which is the attachment's.
func contentType(p *mime.Part) string {
	var b header.Builder
	b.Field("Content-Type")
	b.Token(p.MediaType)
	for _, k := range sortedKeys(p.Params) {
		if k != "name" {
			b.Param(k, p.Params[k])
		}
	}
	if b.Err() != nil || checkMediaType(p.MediaType) != nil {
		return octetStream
	}
	value := strings.TrimPrefix(string(b.Bytes()), "Content-Type:")
	return strings.TrimSpace(strings.ReplaceAll(value, crlf, ""))
}
