package message

import (
	"crypto/rand"

	"github.com/qdmail/qdmail/encoding/transfer"
)

// Structure says how the parts of a message are nested.
type Structure uint8

const (
	// StructureStandard is mixed{ alternative{ text, related{ html, inline } },
	// files }, where a level that would have one part is left out. It is what
	// mail programs expect, and the default.
	StructureStandard Structure = iota
	// StructureDocomo is mixed{ related{ alternative{ text, html }, inline },
	// files }, with no level left out, no line break in the HTML and no
	// Content-Disposition, as i-mode handsets want it.
	StructureDocomo
	// StructureAu is mixed{ alternative{ text, html }, inline, files }: EZweb
	// handsets know no multipart/related. No line break in the HTML.
	StructureAu
	// StructureSoftBank is related{ alternative{ text, html }, inline, files }.
	// No line break in the HTML.
	StructureSoftBank
)

// bareHTML reports whether the line breaks of the HTML are taken out and the rest
// goes as quoted-printable, which handsets of the three carriers need.
func (s Structure) bareHTML() bool { return s != StructureStandard }

// content writes the Content-* fields of the message, the blank line and the
// body.
func (r *renderer) content() {
	var inline, files []*attached
	for i := range r.parts {
		if p := &r.parts[i]; p.ContentID != "" && r.m.HTML != "" {
			inline = append(inline, p)
		} else {
			files = append(files, p)
		}
	}
	switch s := r.m.Structure; {
	case s == StructureStandard || r.m.HTML == "":
		r.standard(inline, files)
	case s == StructureDocomo:
		r.docomo(inline, files)
	case s == StructureAu:
		r.handset("mixed", "", append(inline, files...))
	default:
		r.handset("related", "multipart/alternative", append(inline, files...))
	}
}

func (r *renderer) standard(inline, files []*attached) {
	if len(files) == 0 {
		r.body(inline)
		return
	}
	boundary := r.multipart("mixed", "")
	if r.m.Text != "" || r.m.HTML != "" || r.m.Calendar != nil {
		r.delimiter(boundary)
		r.body(inline)
	}
	r.files(boundary, files)
	r.close(boundary)
}

func (r *renderer) files(boundary string, files []*attached) {
	for _, p := range files {
		r.delimiter(boundary)
		r.attachment(p)
	}
}

// body writes what is read, as alternatives from the plainest to the richest (RFC
// 2046 section 5.1.4).
func (r *renderer) body(inline []*attached) {
	switch text, html, calendar := r.m.Text != "", r.m.HTML != "", r.m.Calendar != nil; {
	case text && html, text && calendar, html && calendar:
		boundary := r.multipart("alternative", "")
		r.alternatives(boundary, inline)
		r.close(boundary)
	case html:
		r.html(inline)
	case calendar:
		r.calendar()
	default:
		r.text(r.m.Text)
	}
}

func (r *renderer) alternatives(boundary string, inline []*attached) {
	if r.m.Text != "" {
		r.delimiter(boundary)
		r.text(r.m.Text)
	}
	if r.m.HTML != "" {
		r.delimiter(boundary)
		r.html(inline)
	}
	if r.m.Calendar != nil {
		r.delimiter(boundary)
		r.calendar()
	}
}

func (r *renderer) html(inline []*attached) {
	if len(inline) == 0 {
		r.htmlText()
		return
	}
	boundary := r.multipart("related", "text/html")
	r.delimiter(boundary)
	r.htmlText()
	r.files(boundary, inline)
	r.close(boundary)
}

func (r *renderer) docomo(inline, files []*attached) {
	mixed := r.multipart("mixed", "")
	r.delimiter(mixed)
	r.handset("related", "multipart/alternative", inline)
	r.files(mixed, files)
	r.close(mixed)
}

// handset writes an alternative of text and HTML with files beside it.
func (r *renderer) handset(subtype, rootType string, files []*attached) {
	outer := r.multipart(subtype, rootType)
	r.delimiter(outer)
	inner := r.multipart("alternative", "")
	r.alternatives(inner, nil)
	r.close(inner)
	r.files(outer, files)
	r.close(outer)
}

// calendar writes an invitation the way Outlook and Gmail take it: in UTF-8, with
// the method in the Content-Type (RFC 6047 section 2.4).
func (r *renderer) calendar() {
	body := transfer.AppendCRLF(nil, string(r.m.Calendar.Data))
	b := &r.b
	b.Field("Content-Type")
	b.Token("text/calendar")
	b.Param("charset", UTF8.String())
	b.Param("method", r.m.Calendar.Method)
	b.End()
	facts := transfer.Scan(body)
	enc := sturdier(r, textEncoding(facts, UTF8), facts, UTF8, body)
	writeEncoding(b, enc)
	b.End()
	writeBody(r, body, enc)
}

// multipart begins a multipart entity and returns its boundary, which no encoded
// part can contain: "=_" is neither base64 nor quoted-printable, and no text has
// its 120 random bits.
func (r *renderer) multipart(subtype, rootType string) string {
	if !r.bounded {
		rand.Read(r.boundary[:]) // never fails
		r.bounded = true
	}
	r.scratch = append(append(append(r.scratch[:0], "=_"...), subtype...), '_')
	r.scratch = appendRandom(r.scratch, &r.boundary)
	boundary := string(r.scratch)
	r.b.Field("Content-Type")
	r.b.Token("multipart/" + subtype)
	if rootType != "" {
		r.b.Param("type", rootType) // RFC 2387 section 3.1
	}
	r.b.Param("boundary", boundary)
	r.b.End()
	r.b.End()
	r.depth++
	return boundary
}

func (r *renderer) delimiter(boundary string) { r.raw("--", boundary, "\r\n") }

func (r *renderer) close(boundary string) {
	r.raw("--", boundary, "--\r\n")
	r.depth--
}

// raw appends body octets.
func (r *renderer) raw(pieces ...string) {
	buf := r.b.Bytes()
	for _, p := range pieces {
		buf = append(buf, p...)
	}
	r.rest(buf)
}

// rest puts the buffer back after something was appended to it.
func (r *renderer) rest(buf []byte) {
	if r.b.Err() == nil {
		r.b.Reset(buf)
	}
}
