package message

import (
	"fmt"
	"mime"
	"strings"

	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/header"
)

// check reports everything that is wrong with the fields of a message, except
// characters that a charset lacks and files that can't be read. It also returns the
// traits of the texts, and whether all addresses can be written as they are.
func (m *Message) check() (errs Errors, seen charset.Traits, asGiven bool) {
	asGiven = m.checkAddresses(&errs)
	seen = m.traits()
	if seen&(charset.Breaks|charset.Invalid) != 0 {
		m.checkTexts(&errs)
	}
	m.checkEnums(&errs)
	m.checkIDs(&errs)
	m.checkList(&errs)
	m.checkCalendar(&errs)
	m.checkHeaders(&errs)
	m.checkAttachments(&errs)
	m.checkContentIDs(&errs)
	m.checkDSN(&errs)
	return errs, seen, asGiven
}

// traits returns what can be seen in the texts of a message, which are those that
// textPointers has. Only who finds something there has to look for the place.
func (m *Message) traits() charset.Traits {
	t := charset.TraitsOf(m.From.Name) | charset.TraitsOf(m.Sender.Name) | charset.TraitsOf(m.Subject)
	for _, list := range [...][]Address{m.ReplyTo, m.To, m.Cc, m.DispositionNotificationTo} {
		for i := range list {
			t |= charset.TraitsOf(list[i].Name)
		}
	}
	for i := range m.Headers {
		t |= charset.TraitsOf(m.Headers[i].Value)
	}
	for i := range m.Attachments {
		t |= charset.TraitsOf(m.Attachments[i].Name)
	}
	return t | bodyTraits(m.Text) | bodyTraits(m.HTML)
}

// bodyTraits are those that matter in a body, which may have line breaks and
// isn't cleaned in UTF-8.
func bodyTraits(s string) charset.Traits {
	switch {
	case isASCII(s):
		return 0
	case charset.UTF8.Encodable(s):
		return charset.NotASCII
	}
	return charset.NotASCII | charset.Invalid
}

// checkTexts reports texts that can't be written in any charset.
func (m *Message) checkTexts(errs *Errors) {
	for f, s := range m.texts {
		if err := textError(f, s); err != nil {
			errs.add(f.field, f.index, err)
		}
	}
}

// textError says what is wrong with a text, if anything.
func textError(f textField, s string) error {
	if !f.body {
		return header.CheckText(s)
	}
	for i, r := range charset.UTF8.Unencodable(s) {
		return &charset.Error{Charset: charset.UTF8, Rune: r, Offset: i}
	}
	return nil
}

// textField says where a text of a message stands.
type textField struct {
	field string
	index int
	body  bool // it goes into a body, where line endings are fine
}

// texts yields every text that is written in a charset of the message.
func (m *Message) texts(yield func(textField, string) bool) {
	m.textPointers(func(f textField, s *string) bool { return yield(f, *s) })
}

// textPointers is texts with the places where they stand.
func (m *Message) textPointers(yield func(textField, *string) bool) {
	ok := yield(textField{"From.Name", -1, false}, &m.From.Name) &&
		yield(textField{"Sender.Name", -1, false}, &m.Sender.Name)
	names := func(field string, list []Address) {
		for i := 0; ok && i < len(list); i++ {
			ok = yield(textField{field, i, false}, &list[i].Name)
		}
	}
	names("ReplyTo.Name", m.ReplyTo)
	names("To.Name", m.To)
	names("Cc.Name", m.Cc)
	ok = ok && yield(textField{"Subject", -1, false}, &m.Subject)
	names("DispositionNotificationTo.Name", m.DispositionNotificationTo)
	for i := 0; ok && i < len(m.Headers); i++ {
		ok = yield(textField{"Headers.Value", i, false}, &m.Headers[i].Value)
	}
	ok = ok && yield(textField{"Text", -1, true}, &m.Text) && yield(textField{"HTML", -1, true}, &m.HTML)
	for i := 0; ok && i < len(m.Attachments); i++ {
		ok = yield(textField{"Attachments.Name", i, false}, &m.Attachments[i].Name)
	}
}

// checkAddresses reports whether all addresses can be written as they are.
func (m *Message) checkAddresses(errs *Errors) (asGiven bool) {
	asGiven = true
	one := func(field string, i int, addr string) {
		wire, _, err := wireAddress(addr)
		if err != nil {
			errs.add(field, i, err)
		}
		asGiven = asGiven && wire == addr
	}
	list := func(field string, l []Address) {
		for i := range l {
			if addr := l[i].Address; !header.IsPlainAddrSpec(addr) { // nearly all are
				one(field, i, addr)
			}
		}
	}
	if m.From.Address == "" {
		errs.add("From.Address", -1, ErrRequired)
	} else {
		one("From.Address", -1, m.From.Address)
	}
	if !m.Sender.isZero() {
		one("Sender.Address", -1, m.Sender.Address)
	}
	list("ReplyTo.Address", m.ReplyTo)
	list("To.Address", m.To)
	list("Cc.Address", m.Cc)
	list("Bcc.Address", m.Bcc)
	for i, a := range m.Bcc {
		if err := header.CheckText(a.Name); err != nil { // never written, but a mistake all the same
			errs.add("Bcc.Name", i, err)
		}
	}
	list("DispositionNotificationTo.Address", m.DispositionNotificationTo)
	if m.ReturnPath != "" && m.ReturnPath != "<>" {
		one("ReturnPath", -1, m.ReturnPath)
	}
	return asGiven
}

func (m *Message) checkEnums(errs *Errors) {
	if !m.Charset.Valid() {
		errs.addValue("Charset", uint8(m.Charset))
	}
	if !m.HeaderCharset.Valid() {
		errs.addValue("HeaderCharset", uint8(m.HeaderCharset))
	}
	if m.Unencodable > UnencodableError {
		errs.addValue("Unencodable", uint8(m.Unencodable))
	}
	if !m.HTMLCharset.Valid() {
		errs.addValue("HTMLCharset", uint8(m.HTMLCharset))
	}
	if m.Priority > PriorityLow {
		errs.addValue("Priority", uint8(m.Priority))
	}
	if m.Wrap < 0 {
		errs.add("Wrap", -1, fmt.Errorf("%w: a width is not negative", ErrInvalid))
	}
	if m.Structure > StructureSoftBank {
		errs.addValue("Structure", uint8(m.Structure))
	}
}

func (m *Message) checkIDs(errs *Errors) {
	if m.MessageID != "" {
		n := len(*errs)
		checkID(errs, "MessageID", -1, m.MessageID)
		if len(*errs) == n && !header.IsPlainAddrSpec(m.MessageID) && !strings.HasSuffix(m.MessageID, "]") {
			errs.add("MessageID", -1, fmt.Errorf("%w: it is not of the form dot-atom@dot-atom", ErrInvalid))
		}
	}
	for i, id := range m.InReplyTo {
		checkID(errs, "InReplyTo", i, id)
	}
	for i, id := range m.References {
		checkID(errs, "References", i, id)
	}
}

// checkID checks a message identifier (RFC 5322 section 3.6.4), leniently in what
// stands on either side of the "@", because answers have to quote what came in.
func checkID(errs *Errors, field string, index int, id string) {
	for i, r := range id {
		if r <= ' ' || r > '~' || r == '<' || r == '>' || r == '(' || r == ')' || r == ',' {
			*errs = append(*errs, &FieldError{field, index, r, i,
				fmt.Errorf("%w: an identifier has no such character and comes without brackets", ErrInvalid)})
			return
		}
	}
	if at := strings.LastIndexByte(id, '@'); at <= 0 || at == len(id)-1 {
		errs.add(field, index, fmt.Errorf("%w: an identifier has the form left@right", ErrInvalid))
	}
	if len(id) > 900 {
		errs.add(field, index, header.ErrLineTooLong)
	}
}

// reserved are the fields that Headers can't have: those that Message has a field
// for, those that describe the body, and those that only servers write.
var reserved = map[string]bool{
	"from": true, "sender": true, "reply-to": true, "to": true, "cc": true, "bcc": true, "subject": true,
	"date": true, "message-id": true, "in-reply-to": true, "references": true,
	"disposition-notification-to": true, "mime-version": true, "return-path": true, "received": true,
	"resent-bcc": true, "content-type": true, "content-transfer-encoding": true, "content-disposition": true,
	"content-id": true, "x-priority": true, "x-msmail-priority": true, "priority": true, "importance": true,
	"list-unsubscribe": true, "list-unsubscribe-post": true, "auto-submitted": true,
}

// structured are further fields with a grammar of their own, whose values go out
// as they are and never as encoded-words.
var structured = map[string]bool{
	"precedence": true, "content-language": true, "content-location": true, "content-base": true, "content-features": true,
	"content-duration": true, "content-md5": true, "feedback-id": true, "archived-at": true, "autocrypt": true,
	"original-message-id": true, "dkim-signature": true, "authentication-results": true, "accept-language": true,
	"require-recipient-valid-since": true, "tls-required": true, "errors-to": true, "return-receipt-to": true,
	"x-confirm-reading-to": true, "disposition-notification-options": true, "expires": true, "expiry-date": true,
	"deferred-delivery": true, "supersedes": true, "original-recipient": true,
}

func isStructured(lower string) bool {
	return structured[lower] || strings.HasPrefix(lower, "list-") || strings.HasPrefix(lower, "resent-")
}

func (m *Message) checkHeaders(errs *Errors) {
	for i, h := range m.Headers {
		if err := header.CheckName(h.Name); err != nil {
			errs.add("Headers.Name", i, err)
			continue
		}
		lower := strings.ToLower(h.Name)
		switch {
		case reserved[lower]:
			errs.add("Headers.Name", i, fmt.Errorf("%s %w", h.Name, ErrReserved))
		case isStructured(lower):
			if header.CheckText(h.Value) == nil { // which is reported already
				if err := header.CheckASCII(h.Value); err != nil {
					errs.add("Headers.Value", i, err)
				}
			}
		}
	}
}

func (m *Message) checkAttachments(errs *Errors) {
	var cids map[string]bool
	for i, a := range m.Attachments {
		if fileName(a.Name) == "" {
			errs.add("Attachments.Name", i, ErrRequired)
		}
		for j, r := range a.Name {
			if misleads(r) {
				*errs = append(*errs, &FieldError{"Attachments.Name", i, r, j,
					fmt.Errorf("%w: a file name can't have control characters or change its direction", ErrInvalid)})
				break
			}
		}
		if !a.NameCharset.Valid() {
			errs.add("Attachments.NameCharset", i, ErrInvalid)
		}
		if a.ContentType != "" {
			if err := checkMediaType(a.ContentType); err != nil {
				errs.add("Attachments.ContentType", i, err)
			}
		}
		if a.ContentID == "" {
			continue
		}
		for j, r := range a.ContentID {
			if r <= ' ' || r > '~' || strings.ContainsRune(`<>()"\,`, r) {
				*errs = append(*errs, &FieldError{"Attachments.ContentID", i, r, j,
					fmt.Errorf("%w: a Content-ID has no such character and comes without brackets", ErrInvalid)})
				break
			}
		}
		if len(a.ContentID) > 900 {
			errs.add("Attachments.ContentID", i, header.ErrLineTooLong)
		}
		if cids == nil {
			cids = make(map[string]bool)
		}
		if cids[a.ContentID] {
			errs.add("Attachments.ContentID", i, fmt.Errorf("%q %w", a.ContentID, ErrDuplicate))
		}
		cids[a.ContentID] = true
	}
}

func checkMediaType(s string) error {
	if err := header.CheckASCII(s); err != nil {
		return err
	}
	t, params, err := mime.ParseMediaType(s)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrInvalid, err)
	}
	kind, sub, _ := strings.Cut(t, "/")
	if !header.IsToken(kind) || !header.IsToken(sub) || kind == "multipart" {
		return fmt.Errorf("%w: %q is not the type of a file", ErrInvalid, t)
	}
	if len(t) > 200 {
		return header.ErrLineTooLong
	}
	for k := range params {
		if k == "name" {
			return fmt.Errorf("%w: the name goes into Attachment.Name", ErrInvalid)
		}
	}
	return nil
}

// misleads reports characters that make a file name look like another one. CR, LF
// and NUL are reported already.
func misleads(r rune) bool {
	switch {
	case r == '\r', r == '\n', r == 0:
		return false
	case r < ' ', r >= 0x7F && r < 0xA0, r == 0x202B, r == 0x202D, r == 0x202E, r == 0x2067, r == 0x2028, r == 0x2029:
		return true
	}
	return false
}

// fileName is the last element of a path: what a reader may save the file as. A
// backslash is a separator only where the name is plainly a Windows path.
func fileName(name string) string {
	name = name[strings.LastIndexByte(name, '/')+1:]
	windows := strings.HasPrefix(name, `\`) || strings.HasPrefix(name, `..\`) || strings.Contains(name, `\..\`) ||
		len(name) > 2 && name[1:3] == `:\`
	if windows {
		name = name[strings.LastIndexByte(name, '\\')+1:]
	}
	if name == "." || name == ".." {
		return ""
	}
	return name
}
