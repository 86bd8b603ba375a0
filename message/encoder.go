package message

import (
	"cmp"
	"crypto/rand"
	"errors"
	"io"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/encoding/charset"
)

// Encoder turns messages into octets. The zero value works; an Encoder may be
// used from many goroutines at once and must not be changed after its first use.
type Encoder struct {
	// Clock tells the Date of messages that have none. Default: time.Now.
	Clock func() time.Time
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
	return e.encode(m)
}

func (e *Encoder) encode(m *Message) (*frozen, error) {
	errs := m.check()
	parts := inspectAttachments(m, &errs)
	if err := errs.err(); err != nil {
		return nil, err
	}
	r := renderer{m: m, parts: parts}
	if err := e.fill(&r); err != nil {
		return nil, err
	}
	r.charset = cmp.Or(m.Charset, UTF8)
	r.headerCharset = cmp.Or(m.HeaderCharset, r.charset)
	r.htmlCharset = cmp.Or(m.HTMLCharset, r.charset)
	body, err := r.render()
	if err == nil {
		return body, nil
	}
	var ce *charset.Error
	if !errors.As(err, &ce) {
		return nil, err
	}
	switch m.Unencodable {
	case UnencodableError:
		return nil, r.unencodable()
	case UnencodableVendor:
		r.vendor()
		if body, err = r.render(); err == nil {
			return body, nil
		}
	}
	r.charset, r.headerCharset, r.htmlCharset = UTF8, UTF8, UTF8
	return r.render()
}

// fill chooses what is chosen once: the date, the identifier, the boundaries.
func (e *Encoder) fill(r *renderer) error {
	random := e.Rand
	if random == nil {
		random = rand.Reader
	}
	if _, err := io.ReadFull(random, r.random[:]); err != nil {
		return err
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
	body, err := e.encode(m)
	if err != nil {
		return 0, err
	}
	return body.WriteTo(w)
}
