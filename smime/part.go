package smime

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"
)

// part is a message or one of its parts, in memory.
type part struct {
	mediaType string
	params    map[string]string
	encoding  string
	body      []byte // as it travels
}

// parsePart reads of the header what S/MIME needs. The first field of a name is
// the one that counts.
func parsePart(data []byte) (part, error) {
	var contentType, encoding string
	rest := data
	for len(rest) > 0 {
		var field string
		if field, rest = nextField(rest); field == "" {
			break
		}
		name, value, _ := strings.Cut(field, ":")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "content-type":
			if contentType == "" {
				contentType = value
			}
		case "content-transfer-encoding":
			if encoding == "" {
				encoding = strings.ToLower(strings.TrimSpace(value))
			}
		}
	}
	p := part{encoding: encoding, body: rest}
	if contentType == "" {
		return p, nil
	}
	var err error
	if p.mediaType, p.params, err = mime.ParseMediaType(contentType); err != nil {
		return part{}, fail(errHeader)
	}
	return p, nil
}

// nextField returns a field on one line, empty at the end of the header, and what
// follows it.
func nextField(data []byte) (field string, rest []byte) {
	var b strings.Builder
	for first := true; len(data) > 0; first = false {
		if !first && data[0] != ' ' && data[0] != '\t' {
			break
		}
		line, after, _ := bytes.Cut(data, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			if first {
				data = after
			}
			break
		}
		b.Write(line)
		data = after
	}
	return b.String(), data
}

// is reports whether the part has the media type, by its own name or by the one
// that programs used before it was registered.
func (p *part) is(subtype string) bool {
	return p.mediaType == "application/"+subtype || p.mediaType == "application/x-"+subtype
}

// decoded returns the body without its transfer encoding.
func (p *part) decoded() ([]byte, error) {
	var out []byte
	var err error
	switch p.encoding {
	case "base64":
		clean := bytes.Map(func(c rune) rune {
			if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
				return -1
			}
			return c
		}, p.body)
		out = make([]byte, base64.StdEncoding.DecodedLen(len(clean)))
		var n int
		n, err = base64.StdEncoding.Decode(out, clean)
		out = out[:n]
	case "quoted-printable":
		out, err = io.ReadAll(quotedprintable.NewReader(bytes.NewReader(p.body)))
	default:
		out = p.body
	}
	if err != nil {
		return nil, fail(ErrFormat)
	}
	return out, nil
}

// signedParts returns the two parts of a multipart/signed (RFC 1847 section 2.1):
// the entity that is signed, octet by octet, and the signature. More than two
// parts are none, for nobody would have signed the third.
func (p *part) signedParts() (entity, signature []byte, err error) {
	boundary := p.params["boundary"]
	if boundary == "" {
		return nil, nil, fail(errHeader)
	}
	delimiter := []byte("--" + boundary)
	var parts [][]byte
	start := -1
	for at := 0; at < len(p.body); {
		end := at + bytes.IndexByte(p.body[at:], '\n') + 1
		if end == at {
			end = len(p.body)
		}
		line := bytes.TrimRight(p.body[at:end], " \t\r\n")
		after, found := bytes.CutPrefix(line, delimiter)
		last := string(after) == "--"
		if found && (len(after) == 0 || last) {
			if start >= 0 {
				parts = append(parts, withoutLineEnd(p.body[start:at]))
			}
			if start = end; last {
				break
			}
		}
		at = end
	}
	if len(parts) != 2 {
		return nil, nil, fail(ErrNotSigned)
	}
	return parts[0], parts[1], nil
}

// withoutLineEnd takes away the line ending that belongs to the delimiter after
// it.
func withoutLineEnd(b []byte) []byte {
	b = bytes.TrimSuffix(b, []byte("\n"))
	return bytes.TrimSuffix(b, []byte("\r"))
}

// canonicalized returns an entity with CRLF line endings if the message was stored
// with the other kind, as in a Maildir. Otherwise an LF in it is one that was
// signed.
func canonicalized(entity []byte) []byte {
	first := bytes.IndexByte(entity, '\n')
	if first < 0 || first > 0 && entity[first-1] == '\r' {
		return entity
	}
	return crlf(make([]byte, 0, len(entity)+bytes.Count(entity, []byte("\n"))), entity, 0)
}
