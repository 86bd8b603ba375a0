package message

import (
	"bytes"
	"mime"
	"slices"
	"strings"

	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/transfer"
)

// attached is an attachment that was looked at.
type attached struct {
	*Attachment
	*content
	name      string // as shown
	mediaType string
	params    map[string]string
	encoding  transfer.Encoding
	bareLF    int64 // line endings that have to be made CRLF
}

// inspectAttachments opens every attachment once.
func inspectAttachments(m *Message, errs *Errors) []attached {
	if len(m.Attachments) == 0 {
		return nil
	}
	parts := make([]attached, len(m.Attachments))
	for i := range m.Attachments {
		p := &parts[i]
		p.Attachment = &m.Attachments[i]
		p.name = fileName(p.Name)
		p.encoding = transfer.Base64
		if p.ContentType != "" {
			p.mediaType, p.params, _ = mime.ParseMediaType(p.ContentType) // checked before
		} else {
			p.mediaType = mediaType(p.name)
		}
		var err error
		if strings.HasPrefix(p.mediaType, "message/") {
			err = p.inspectMessage()
		} else {
			p.content, err = p.Attachment.source.inspect(nil)
		}
		if err != nil {
			errs.add("Attachments", i, err)
		}
	}
	return parts
}

// inspectMessage looks at an attached message. RFC 2046 section 5.2.1 allows no
// encoding for one but 7bit, 8bit and binary, so one that is not 7-bit already
// goes as a file of octets.
func (p *attached) inspectMessage() error {
	var s transfer.Scanner
	c, err := p.Attachment.source.inspect(&s)
	if err != nil {
		return err
	}
	p.content = c
	f := s.Facts()
	if f.EightBit > 0 || f.NUL || f.LongLine || f.BareCR {
		p.mediaType, p.params = octetStream, nil
		return nil
	}
	p.encoding = transfer.SevenBit
	p.bareLF = f.BareLF
	return nil
}

// content writes the Content-* fields of the message, the blank line and the
// body: the nesting is mixed{ alternative{ text, related{ html, inline } }, files },
// and a level that would have one part is left out.
func (r *renderer) content() {
	var inline, files []*attached
	for i := range r.parts {
		if p := &r.parts[i]; p.ContentID != "" && r.m.HTML != "" {
			inline = append(inline, p)
		} else {
			files = append(files, p)
		}
	}
	if len(files) == 0 {
		r.body(inline)
		return
	}
	boundary := r.multipart("mixed", "")
	if r.m.Text != "" || r.m.HTML != "" {
		r.delimiter(boundary)
		r.body(inline)
	}
	for _, p := range files {
		r.delimiter(boundary)
		r.attachment(p, "attachment")
	}
	r.close(boundary)
}

func (r *renderer) body(inline []*attached) {
	switch {
	case r.m.HTML == "":
		r.text("text/plain", r.m.Text)
	case r.m.Text == "":
		r.html(inline)
	default:
		boundary := r.multipart("alternative", "")
		r.delimiter(boundary)
		r.text("text/plain", r.m.Text)
		r.delimiter(boundary)
		r.html(inline)
		r.close(boundary)
	}
}

func (r *renderer) html(inline []*attached) {
	if len(inline) == 0 {
		r.text("text/html", r.m.HTML)
		return
	}
	boundary := r.multipart("related", "text/html")
	r.delimiter(boundary)
	r.text("text/html", r.m.HTML)
	for _, p := range inline {
		r.delimiter(boundary)
		r.attachment(p, "inline")
	}
	r.close(boundary)
}

// multipart begins a multipart entity and returns its boundary, which no encoded
// part can contain: "=_" is neither base64 nor quoted-printable, and no text has
// its 120 random bits.
func (r *renderer) multipart(subtype, rootType string) string {
	var random [24]byte
	idAlphabet.Encode(random[:], r.random[15:])
	boundary := "=_" + subtype + "_" + string(random[:])
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

// text writes a text part.
func (r *renderer) text(mediaType, s string) {
	if !transfer.IsCRLF(s) || s != "" && !strings.HasSuffix(s, crlf) {
		normal := transfer.AppendCRLF(make([]byte, 0, len(s)+len(s)/8+len(crlf)), s)
		if !bytes.HasSuffix(normal, []byte(crlf)) {
			normal = append(normal, crlf...)
		}
		s = string(normal)
	}
	if !r.charset.JIS() {
		writeText(r, mediaType, s)
		return
	}
	body, err := r.charset.Append(r.scratch[:0], s)
	if err != nil {
		r.fail(err)
		return
	}
	r.scratch = body
	writeText(r, mediaType, body)
}

const crlf = "\r\n"

// writeText writes a text part whose body is in its charset.
func writeText[T string | []byte](r *renderer, mediaType string, body T) {
	enc := textEncoding(transfer.Scan(body), r.charset)
	r.b.Field("Content-Type")
	r.b.Token(mediaType)
	r.b.Param("charset", r.charset.String())
	r.b.End()
	r.line("Content-Transfer-Encoding", enc.String())
	r.b.End()
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

// attachment writes a part whose content is read when the message is.
func (r *renderer) attachment(p *attached, disposition string) {
	b := &r.b
	b.Field("Content-Type")
	b.Token(p.mediaType)
	for _, k := range sortedKeys(p.params) {
		b.Param(k, p.params[k])
	}
	b.ParamWords("name", p.name, r.headerCharset)
	b.End()
	r.line("Content-Transfer-Encoding", p.encoding.String())
	b.Field("Content-Disposition")
	b.Token(disposition)
	b.Param("filename", p.name)
	b.End()
	if p.ContentID != "" {
		r.line("Content-ID", "<"+p.ContentID+">")
	}
	b.End()
	r.out.add(len(b.Bytes()), p)
	if p.encoding == transfer.SevenBit {
		r.raw("\r\n") // whether or not the content ends in one
	}
}

func sortedKeys(params map[string]string) []string {
	if len(params) == 0 {
		return nil
	}
	keys := make([]string, 0, len(params))
	for k := range params {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
