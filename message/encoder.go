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
	// TextFromHTML makes the text of messages that have only HTML; Text of package
	// message/htmltext does it well. Default: nil, such messages have no text
	// part.
	TextFromHTML func(html string) string
	// Rand is the source of message identifiers and boundaries. Default:
	// crypto/rand.
	Rand io.Reader
	// Signer signs the content of messages that have no Signer of their own; see
	// package smime. One without a Freeze method like that of *smime.Signer has
	// its result kept in memory. Default: nil, they aren't signed.
	Signer Signer
	// HeaderSigner signs the whole of each message at last, after the Signer; see
	// package dkim. Default: nil, there is no such field.
	HeaderSigner HeaderSigner
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
	r := takeRenderer()
	defer r.giveBack()
	s := e.signer(m)
	r.signed = s != nil
	if err := e.encode(r, m); err != nil {
		return nil, err
	}
	if s == nil && e.HeaderSigner == nil {
		return r.freeze(m), nil
	}
	if err := r.checkSigner(s); err != nil {
		return nil, err
	}
	return e.sign(r.freeze(m), r.entity, s)
}

// WriteTo writes the message in wire format, as a zero Encoder encodes it.
func (m *Message) WriteTo(w io.Writer) (int64, error) {
	var e Encoder
	if e.signer(m) != nil {
		return m.writeSigned(w)
	}
	r := takeRenderer()
	defer r.giveBack()
	if err := e.encode(r, m); err != nil {
		return 0, err
	}
	out := octets{r.b.Bytes(), r.segments}
	return out.WriteTo(w)
}

// encode checks m and renders it.
func (e *Encoder) encode(r *renderer, m *Message) error {
	errs, seen, asGiven := m.check()
	r.m, r.asGiven = m, asGiven
	r.parts = inspectAttachments(m, &errs)
	if err := errs.err(); err != nil {
		return err
	}
	if err := e.fill(r); err != nil {
		return err
	}
	if m.Text == "" && m.HTML != "" && e.TextFromHTML != nil {
		both := *m
		both.Text = e.TextFromHTML(m.HTML)
		seen |= bodyTraits(both.Text)
		r.m, m = &both, &both
	}
	r.plain = seen&charset.NotASCII == 0
	r.charset = cmp.Or(m.Charset, UTF8)
	r.headerCharset = cmp.Or(m.HeaderCharset, r.charset)
	r.htmlCharset = cmp.Or(m.HTMLCharset, r.charset)
	asked := cmp.Or(r.charset, r.headerCharset)
	if seen&charset.Unusual != 0 {
		r.m, r.edits = r.edited(m, cleanUTF8, delivery.NoteCleaned)
	}
	err := r.render()
	if err != nil && isUnencodable(err) {
		err = r.renderElse(m)
		if r.fallback {
			r.edits = append(r.edits, delivery.Note{Kind: delivery.NoteCharset, Index: -1, From: asked.String(), To: UTF8.String()})
		}
	}
	return err
}

func isUnencodable(err error) bool {
	var ce *charset.Error
	return errors.As(err, &ce)
}

// renderElse renders a message that its charset can't express as it is: cleaned of
// what nobody sees, then as Unencodable says, then in UTF-8.
func (r *renderer) renderElse(m *Message) error {
	if m.Unencodable == UnencodableVendor {
		r.vendor()
	}
	r.m, r.edits = r.edited(m, cleanJIS, delivery.NoteCleaned)
	err := r.render()
	if err == nil || !isUnencodable(err) {
		return err
	}
	switch m.Unencodable {
	case UnencodableError:
		if errs := r.unencodable(m); errs != nil {
			return errs
		}
		return err
	case UnencodableTransliterate:
		var more []delivery.Note
		r.m, more = r.edited(r.m, transliterate, delivery.NoteTransliterated)
		r.edits = append(r.edits, more...)
		if err = r.render(); err == nil || !isUnencodable(err) {
			return err
		}
	}
	r.fallback = true
	r.charset, r.headerCharset, r.htmlCharset = UTF8, UTF8, UTF8
	r.m, r.edits = r.edited(m, cleanUTF8, delivery.NoteCleaned)
	return r.render()
}

// fill chooses what is chosen once: the date, the identifier, the boundary. Most
// messages need no boundary; without a Rand it is left to who does.
func (e *Encoder) fill(r *renderer) error {
	if e.Rand == nil {
		rand.Read(r.id[:]) // never fails
	} else {
		b := make([]byte, len(r.id)+len(r.boundary))
		if _, err := io.ReadFull(e.Rand, b); err != nil {
			return err
		}
		copy(r.id[:], b)
		copy(r.boundary[:], b[len(r.id):])
		r.bounded = true
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
