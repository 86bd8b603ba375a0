package message

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"

	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/header"
)

// checkList checks the fields of mailing lists and of programs that write mail.
func (m *Message) checkList(errs *Errors) {
	https := 0
	for i, s := range m.ListUnsubscribe {
		if err := checkURI(s); err != nil {
			errs.add("ListUnsubscribe", i, err)
		}
		if strings.HasPrefix(strings.ToLower(s), "https:") {
			https++
		}
	}
	if m.OneClickUnsubscribe && https != 1 {
		errs.add("OneClickUnsubscribe", -1,
			fmt.Errorf("%w: RFC 8058 wants exactly one https URI in ListUnsubscribe, and there are %d", ErrInvalid, https))
	}
	if m.AutoSubmitted == "" {
		return
	}
	if err := header.CheckASCII(m.AutoSubmitted); err != nil {
		errs.add("AutoSubmitted", -1, err)
	} else if len(m.AutoSubmitted) > 200 || strings.TrimSpace(m.AutoSubmitted) != m.AutoSubmitted {
		errs.add("AutoSubmitted", -1, fmt.Errorf("%w: it has spaces around it or exceeds 200 octets", ErrInvalid))
	} else if word, _, _ := strings.Cut(m.AutoSubmitted, ";"); !header.IsToken(strings.TrimSpace(word)) {
		errs.add("AutoSubmitted", -1, fmt.Errorf("%w: it is a word such as auto-generated", ErrInvalid))
	}
}

func checkURI(s string) error {
	if err := header.CheckASCII(s); err != nil {
		return err
	}
	if i := strings.IndexAny(s, " <>,\""); i >= 0 {
		return &header.Error{Err: header.ErrNotASCII, Rune: rune(s[i]), Offset: i}
	}
	if len(s) > 900 {
		return header.ErrLineTooLong
	}
	u, err := url.Parse(s)
	if err != nil {
		return fmt.Errorf("%w: not a URI", ErrInvalid)
	}
	switch {
	case u.Scheme == "https" || u.Scheme == "http":
		if u.Host == "" {
			return fmt.Errorf("%w: the URI has no host", ErrInvalid)
		}
	case u.Scheme == "mailto" && u.Opaque != "":
	default:
		return fmt.Errorf("%w: only https, http and mailto URIs unsubscribe", ErrInvalid)
	}
	return nil
}

// checkCalendar checks that an invitation is one calendar whose METHOD is the one
// that the Content-Type will say, because programs believe either of them.
func (m *Message) checkCalendar(errs *Errors) {
	c := m.Calendar
	if c == nil {
		return
	}
	if !header.IsToken(c.Method) || len(c.Method) > 40 {
		errs.add("Calendar.Method", -1, fmt.Errorf("%w: it is a word such as REQUEST", ErrInvalid))
		return
	}
	data := string(c.Data)
	if !charset.UTF8.Encodable(data) || strings.ContainsRune(data, 0) {
		errs.add("Calendar.Data", -1, header.ErrInvalidUTF8)
		return
	}
	var methods []string
	lines := bytes.FieldsFunc(c.Data, func(r rune) bool { return r == '\r' || r == '\n' })
	for _, l := range lines {
		if name, value, ok := strings.Cut(string(l), ":"); ok && strings.EqualFold(name, "METHOD") {
			methods = append(methods, strings.TrimSpace(value))
		}
	}
	switch {
	case len(lines) < 2 || !bytes.EqualFold(lines[0], []byte("BEGIN:VCALENDAR")) ||
		!bytes.EqualFold(lines[len(lines)-1], []byte("END:VCALENDAR")):
		errs.add("Calendar.Data", -1, fmt.Errorf("%w: a calendar begins with BEGIN:VCALENDAR and ends with END:VCALENDAR", ErrInvalid))
	case len(methods) != 1 || !strings.EqualFold(methods[0], c.Method):
		errs.add("Calendar.Data", -1, fmt.Errorf("%w: its METHOD is %q and not %s", ErrInvalid, methods, c.Method))
	}
}
