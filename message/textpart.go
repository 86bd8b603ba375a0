package message

import (
	"bytes"
	"strings"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/transfer"
	"github.com/qdmail/qdmail/message/wrap"
)

const crlf = "\r\n"

// text writes the text part, wrapped if that is asked for.
func (r *renderer) text(s string) {
	p := textPart{kind: plainText, charset: r.charset}
	was := s
	switch {
	case r.m.Flowed:
		// DelSp, because Japanese has no spaces to break at (RFC 3676 section 4.5).
		p.flowed, p.delSp = true, wide(s)
		s = string(transfer.AppendFlowed(nil, s, r.m.Wrap, p.delSp))
	case r.m.Wrap > 0:
		s = wrap.Text(s, wrap.Options{Width: r.m.Wrap})
		if s != was {
			r.note(delivery.Note{Kind: delivery.NoteWrapped, Field: "Text", Index: -1})
		}
	}
	r.writePart(p, s)
}

// wide reports whether s has characters between which a line may be broken.
func wide(s string) bool {
	for _, c := range s {
		if c >= 0x2E80 {
			return true
		}
	}
	return false
}

// htmlText writes the HTML part.
func (r *renderer) htmlText() {
	p := textPart{kind: htmlText, charset: r.htmlCharset}
	s, was := correctMeta(r.m.HTML, p.charset.String())
	if was != "" {
		r.note(delivery.Note{Kind: delivery.NoteMetaCharset, Field: "HTML", Index: -1, From: was, To: p.charset.String()})
	}
	if r.m.Structure.bareHTML() {
		p.quoted = true
		s = strings.Map(func(c rune) rune {
			if c == '\r' || c == '\n' {
				return -1
			}
			return c
		}, s)
	}
	r.writePart(p, s)
}

func (r *renderer) writePart(p textPart, s string) {
	facts := transfer.Scan(s)
	if facts.BareLF > 0 || facts.BareCR || facts.Dangling {
		s = wireLines(s)
		facts = transfer.Scan(s)
	}
	if !p.charset.JIS() {
		writeText(r, p, s, facts)
		return
	}
	body, err := p.charset.Append(r.scratch[:0], s)
	if err != nil {
		r.fail(err)
		return
	}
	r.scratch = body
	facts.EightBit, facts.LongLine = 0, hasLongLine(body)
	writeText(r, p, body, facts)
}

func hasLongLine(body []byte) bool {
	for line := range bytes.Lines(body) {
		if len(line) > transfer.MaxLine+len(crlf) {
			return true
		}
	}
	return false
}

// wireLines makes every line ending CRLF and adds one at the end if it is missing.
func wireLines(s string) string {
	b := transfer.AppendCRLF(make([]byte, 0, len(s)+len(s)/8+len(crlf)), s)
	if !bytes.HasSuffix(b, []byte(crlf)) {
		b = append(b, crlf...)
	}
	return string(b)
}

// writeText writes a text part whose body is in its charset.
func writeText[T string | []byte](r *renderer, p textPart, body T, facts transfer.Facts) {
	enc := transfer.QuotedPrintable
	if !p.quoted {
		enc = sturdier(r, textEncoding(facts, p.charset), facts, p.charset, body)
	}
	if p.flowed {
		p.writeFields(&r.b, enc)
	} else {
		r.b.Put(textFields[p.kind][p.charset][enc])
	}
	writeBody(r, body, enc)
}

// writeBody writes the body of a part.
func writeBody[T string | []byte](r *renderer, body T, enc transfer.Encoding) {
	buf := r.b.Bytes()
	switch enc {
	case transfer.SevenBit:
		buf = append(buf, body...)
	case transfer.QuotedPrintable:
		buf = transfer.AppendQuotedPrintable(buf, body)
	case transfer.Base64:
		buf = transfer.AppendBase64(buf, body)
	}
	if r.depth > 0 && enc != transfer.Base64 {
		buf = append(buf, crlf...) // the one before a delimiter belongs to the delimiter
	}
	r.rest(buf)
}

// textEncoding chooses the transfer encoding by content: none if the text is
// 7-bit with lines that relays pass, quoted-printable if that is the shorter one,
// which it is for Latin text, and base64 otherwise.
func textEncoding(f transfer.Facts, cs charset.Charset) transfer.Encoding {
	clean := f.EightBit == 0 && f.Controls == 0 && !f.LongLine
	if cs.JIS() {
		if clean {
			return transfer.SevenBit
		}
		return transfer.Base64
	}
	if clean && f.Escapes == 0 {
		return transfer.SevenBit
	}
	if escaped := f.EightBit + f.Controls + f.Escapes + f.Equals; 6*escaped < f.Octets {
		return transfer.QuotedPrintable
	}
	return transfer.Base64
}
