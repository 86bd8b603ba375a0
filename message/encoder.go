package message

import (
	"cmp"
	"crypto/rand"
	"errors"
	"io"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/header"
)

// Encoder turns messages into octets. The zero value works; an Encoder may be
// used from many goroutines at once and must not be changed after its first use.
type Encoder struct {
	// Clock tells the Date of messages that have none. Default: time.Now.
	Clock func() time.Time
	// TextFromHTML makes the text of messages that have only HTML; Text of package
	// message/htmltext does it well. Default: nil, such messages have no text
	// part.
	TextFromHTML func(html string) string
	// Rand is the source of message identifiers and boundaries. Default:
	// crypto/rand.
	Rand io.Reader
}

// Encode checks m and freezes it: what it returns gives the same octets at each
// reading, with CRLF line endings, 7-bit throughout (internationalized local
// parts of addresses aside), no line over 998 octets. Texts are copied. The
// content of attachments is read at each reading, a few kilobytes at a time; each
// is opened once here, so that a missing file shows now, and one that changes
// later makes the reader fail instead of giving a mail that isn't what was meant.
//
// Everything that is wrong with m is reported at once, as Errors.
func (e *Encoder) Encode(m *Message) (delivery.Body, error) {
	r := new(renderer)
	body, err := e.encode(r, m)
	if err != nil {
		return nil, err
	}
	if !r.plain || len(r.parts) > 0 { // otherwise there is nothing to report about it
		given := *m
		r.given = &given
	}
	r.scratch, r.b = nil, header.Builder{}
	body.r = r
	return body, nil
}

// encode is Encode without the report, for which r would have to outlive it.
func (e *Encoder) encode(r *renderer, m *Message) (*frozen, error) {
	errs := m.check()
	r.m, r.parts = m, inspectAttachments(m, &errs)
	if err := errs.err(); err != nil {
		return nil, err
	}
	if err := e.fill(r); err != nil {
		return nil, err
	}
	if m.Text == "" && m.HTML != "" && e.TextFromHTML != nil {
		both := *m
		both.Text = e.TextFromHTML(m.HTML)
		r.m, m = &both, &both
	}
	r.charset = cmp.Or(m.Charset, UTF8)
	r.headerCharset = cmp.Or(m.HeaderCharset, r.charset)
	r.htmlCharset = cmp.Or(m.HTMLCharset, r.charset)
	asked := cmp.Or(r.charset, r.headerCharset)
	r.m, r.edits = r.edited(m, cleanUTF8, delivery.NoteCleaned)
	body, err := r.render()
	if err != nil && isUnencodable(err) {
		body, err = r.renderElse(m)
		if r.fallback {
			r.edits = append(r.edits, delivery.Note{Kind: delivery.NoteCharset, Index: -1, From: asked.String(), To: UTF8.String()})
		}
	}
	if err != nil {
		return nil, err
	}
	return body, nil
}

func isUnencodable(err error) bool {
	var ce *charset.Error
	return errors.As(err, &ce)
}

// renderElse renders a message that its charset can't express as it is: cleaned of
// what nobody sees, then as Unencodable says, then in UTF-8.
func (r *renderer) renderElse(m *Message) (*frozen, error) {
	if m.Unencodable == UnencodableVendor {
		r.vendor()
	}
	r.m, r.edits = r.edited(m, cleanJIS, delivery.NoteCleaned)
	body, err := r.render()
	if err == nil || !isUnencodable(err) {
		return body, err
	}
	switch m.Unencodable {
	case UnencodableError:
		return nil, r.unencodable(m)
	case UnencodableTransliterate:
		var more []delivery.Note
		r.m, more = r.edited(r.m, transliterate, delivery.NoteTransliterated)
		r.edits = append(r.edits, more...)
		if body, err = r.render(); err == nil || !isUnencodable(err) {
			return body, err
		}
	}
	r.fallback = true
	r.charset, r.headerCharset, r.htmlCharset = UTF8, UTF8, UTF8
	r.m, r.edits = r.edited(m, cleanUTF8, delivery.NoteCleaned)
	return r.render()
}

// fill chooses what is chosen once: the date, the identifier, the boundaries.
func (e *Encoder) fill(r *renderer) error {
	if e.Rand == nil {
		rand.Read(r.random[:]) // never fails
	} else {
		b := make([]byte, len(r.random))
		if _, err := io.ReadFull(e.Rand, b); err != nil {
			return err
		}
		copy(r.random[:], b)
	}
	r.date = r.m.Date
	if !r.date.IsZero() {
		return nil
	}
	if e.Clock != nil {
		r.date = e.Clock()
	} else {
		r.date = time.Now()
	}
	return nil
}

// WriteTo writes the message in wire format, as a zero Encoder encodes it.
func (m *Message) WriteTo(w io.Writer) (int64, error) {
	var e Encoder
	var r renderer
	body, err := e.encode(&r, m)
	if err != nil {
		return 0, err
	}
	return body.WriteTo(w)
}
