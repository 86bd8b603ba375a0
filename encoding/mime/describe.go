package mime

import (
	"strings"

	"github.com/qdmail/qdmail/encoding/header"
)

const (
	textPlain     = "text/plain"
	messageRFC822 = "message/rfc822"
)

// describe reads the fields that tell what the part is. The error is a limit.
func (p *Part) describe(fallback string, maxParams int) error {
	p.MediaType = fallback
	if f, ok := p.Header.first("Content-Type"); ok {
		v, err := p.structured(f, maxParams)
		if err != nil {
			return err
		}
		p.MediaType, p.Params = v.head, v.params
		if !isMediaType(v.head) {
			p.MediaType = textPlain
			p.defects.add(BadContentType, f.offset, v.head)
		}
	}
	if f, ok := p.Header.first("Content-Disposition"); ok {
		v, err := p.structured(f, maxParams)
		if err != nil {
			return err
		}
		p.Disposition, p.DispositionParams = v.head, v.params
	}
	p.Encoding = "7bit"
	if f, ok := p.Header.first("Content-Transfer-Encoding"); ok {
		p.Encoding, _ = head(f.Value())
		p.Encoding = strings.ToLower(p.Encoding)
		switch p.Encoding {
		case "7bit", "8bit", "binary":
		case "base64", "quoted-printable":
			if p.multipart() || p.MediaType == messageRFC822 {
				p.defects.add(EncodedComposite, f.offset, p.Encoding)
			}
		default:
			p.defects.add(UnknownEncoding, f.offset, p.Encoding)
		}
	}
	return nil
}

// structured reads a field with parameters and notes what is wrong with it.
func (p *Part) structured(f Field, maxParams int) (structured, error) {
	v := parseStructured(f.Value(), maxParams)
	switch v.fault {
	case 0:
	case TooManyParams:
		return v, &Error{Kind: v.fault, Offset: f.offset, Value: f.Name()}
	default:
		p.defects.add(v.fault, f.offset, v.culprit)
	}
	return v, nil
}

// enclosesMessage reports whether the body is a message that can be read where it
// stands. RFC 6532 section 3.7 allows any encoding for message/global.
func (p *Part) enclosesMessage() bool {
	return (p.MediaType == messageRFC822 || p.MediaType == "message/global") &&
		p.Encoding != "base64" && p.Encoding != "quoted-printable"
}

func isMediaType(s string) bool {
	kind, subtype, ok := strings.Cut(s, "/")
	return ok && header.IsToken(kind) && header.IsToken(subtype)
}
