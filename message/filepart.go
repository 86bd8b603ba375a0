package message

import (
	"maps"
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
	index     int // in Message.Attachments
	mediaType string
	params    map[string]string
	was       string // the media type that it couldn't have
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
		p.index = i
		p.encoding = transfer.Base64
		if p.ContentType != "" {
			p.mediaType, p.params, _ = mime.ParseMediaType(p.ContentType) // checked before
		} else {
			p.mediaType = mediaType(fileName(p.Name))
		}
		var err error
		switch {
		case strings.HasPrefix(p.mediaType, "message/"):
			err = p.inspectMessage()
		case strings.HasPrefix(p.mediaType, "text/") && p.params["charset"] == "":
			err = p.inspectText()
		default:
			p.content, err = p.Attachment.source.inspect(nil)
		}
		if err != nil {
			errs.add("Attachments", i, err)
		}
	}
	return parts
}

// inspectText looks at an attached text and names its charset, if it is UTF-8: a
// reader takes a text without charset for ASCII. What isn't UTF-8 stays unnamed.
func (p *attached) inspectText() error {
	var u utf8Checker
	c, err := p.Attachment.source.inspect(&u)
	if err != nil {
		return err
	}
	p.content = c
	if u.valid() {
		params := map[string]string{"charset": UTF8.String()}
		maps.Copy(params, p.params)
		p.params = params
	}
	return nil
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
		p.was, p.mediaType, p.params = p.mediaType, octetStream, nil
		return nil
	}
	p.encoding = transfer.SevenBit
	p.bareLF = f.BareLF
	return nil
}

// attachment writes a part whose content is read when the message is.
func (r *renderer) attachment(p *attached) {
	b := &r.b
	name := fileName(r.m.Attachments[p.index].Name) // which may have been edited
	if c := r.nameCharset(p.Attachment); c.JIS() && !isASCII(name) {
		name = throughCharset(c, name) // so that both parameters say the same
	}
	b.Field("Content-Type")
	b.Token(p.mediaType)
	for _, k := range sortedKeys(p.params) {
		b.Param(k, p.params[k])
	}
	b.ParamWords("name", name, r.nameCharset(p.Attachment))
	b.End()
	writeEncoding(b, p.encoding)
	if r.m.Structure != StructureDocomo {
		b.Field("Content-Disposition")
		if p.ContentID != "" && r.m.HTML != "" {
			b.Token("inline")
		} else {
			b.Token("attachment")
		}
		b.Param("filename", name)
		b.End()
	}
	if p.ContentID != "" {
		r.line("Content-ID", "<"+p.ContentID+">")
	}
	b.End()
	r.segments = append(r.segments, segment{len(b.Bytes()), p})
	if p.encoding == transfer.SevenBit {
		r.raw("\r\n") // whether or not the content ends in one
	}
}

// nameCharset is the charset of the name parameter of an attachment.
func (r *renderer) nameCharset(a *Attachment) charset.Charset {
	if r.fallback || a.NameCharset == charset.Default {
		return r.headerCharset
	}
	if r.useVendor && a.NameCharset == charset.ISO2022JP {
		return charset.CP50220
	}
	return a.NameCharset
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
