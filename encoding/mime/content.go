package mime

import (
	"bytes"
	"encoding/base64"
)

// Content returns the body with its transfer encoding undone (RFC 2045 section 6).
// If that isn't valid, Content returns what could be decoded beside the error, an
// *Error about the first place: BadBase64, BadQuotedPrintable or UnknownEncoding.
// A multipart, and a message that has been read as a child, is returned as it
// stands.
//
// The result may be a window on the input, which must not change.
func (p *Part) Content() ([]byte, error) {
	b, err := p.content()
	if err != nil {
		return b, err
	}
	return b, nil
}

func (p *Part) content() ([]byte, *Error) {
	body := p.Body()
	if p.composite() {
		return body, nil
	}
	switch p.Encoding {
	case "7bit", "8bit", "binary":
	case "base64":
		out, bad := decodeBase64(body)
		return out, p.badBody(BadBase64, bad)
	case "quoted-printable":
		out, bad := decodeQuotedPrintable(body)
		return out, p.badBody(BadQuotedPrintable, bad)
	default:
		return body, &Error{UnknownEncoding, p.body, p.Encoding}
	}
	return body, nil
}

func (p *Part) badBody(k Kind, at int) *Error {
	if at < 0 {
		return nil
	}
	return &Error{Kind: k, Offset: p.body + at}
}

// Text returns the content as text, from the charset that the Content-Type names.
// Line endings and a byte order mark stay as they are. US-ASCII is the default;
// what can only be ISO-2022-JP or UTF-8 is read so under that name.
//
// A charset that isn't read here is UnknownCharset, and there is no text. Nor is
// there in a multipart or a message that has been read as a child: NotText. Other
// errors stand beside the text that could be read: those of Content, and
// BadCharset, in which case what couldn't be read is U+FFFD, or a line of
// ISO-2022-JP could be read in two ways and was read as RFC 1468 has it.
func (p *Part) Text() (string, error) {
	if p.composite() {
		return "", &Error{NotText, p.start, p.MediaType}
	}
	content, err := p.content()
	text, charsetErr := p.decode(content)
	switch {
	case charsetErr != nil && (err == nil || charsetErr.Kind == UnknownCharset):
		return text, charsetErr
	case err != nil:
		return text, err
	}
	return text, nil
}

func (p *Part) decode(content []byte) (string, *Error) {
	name := p.Params["charset"]
	c, ok := lookup(name)
	if !ok {
		return "", &Error{UnknownCharset, p.start, name}
	}
	text, ok := c.decode(content)
	if !ok {
		return text, &Error{BadCharset, p.body, name}
	}
	return text, nil
}

// sextet has the values of the base64 alphabet, and 64 for all other octets.
var sextet = func() (t [256]byte) {
	for i := range t {
		t[i] = 64
	}
	for i, ch := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[ch] = byte(i)
	}
	return t
}()

// decodeBase64 decodes what it can and returns where the first thing is that
// RFC 2045 section 6.8 doesn't have; -1 if there is none.
//
// Characters outside of the alphabet are skipped, as the RFC says. The padding
// ends the data, except that whole groups of four which follow are taken: there
// are programs that encode a file piece by piece, and others, mailing lists, that
// put plain text below base64.
func decodeBase64(b []byte) (out []byte, bad int) {
	out = make([]byte, base64.StdEncoding.DecodedLen(len(b)))
	if n, err := base64.StdEncoding.Decode(out, b); err == nil {
		return out[:n], -1
	}
	out, bad = out[:0], -1
	mark := func(i int) {
		if bad < 0 {
			bad = i
		}
	}
	var bits uint32
	n := 0 // sextets in bits
	for i := 0; i < len(b); i++ {
		ch := b[i]
		switch v := sextet[ch]; {
		case v < 64:
			bits = bits<<6 | uint32(v)
			if n++; n == 4 {
				out = append(out, byte(bits>>16), byte(bits>>8), byte(bits))
				n = 0
			}
		case ch == '=' && n >= 2:
			next, pads := i, 0
			for ; next < len(b) && (b[next] == '=' || isSpace(b[next])); next++ {
				if b[next] == '=' {
					pads++
				}
			}
			if out = appendPartial(out, bits, n); pads != 4-n {
				mark(i)
			}
			n = 0
			if next < len(b) {
				mark(next)
				if !wholeGroups(b[next:lineEnd(b, next)]) {
					return out, bad
				}
			}
			i = next - 1
		case !isSpace(ch):
			mark(i)
		}
	}
	if n > 0 {
		mark(len(b))
	}
	return appendPartial(out, bits, n), bad
}

// appendPartial appends what n sextets hold, which are no group of four.
func appendPartial(out []byte, bits uint32, n int) []byte {
	switch n {
	case 2:
		return append(out, byte(bits>>4))
	case 3:
		return append(out, byte(bits>>10), byte(bits>>2))
	}
	return out
}

// wholeGroups reports whether a line is base64 that stands alone.
func wholeGroups(line []byte) bool {
	line = bytes.TrimRight(line, " \t\r\n")
	data := bytes.TrimRight(line, "=")
	for _, ch := range data {
		if sextet[ch] == 64 {
			return false
		}
	}
	return len(data) > 0 && len(line)%4 == 0 && len(line)-len(data) <= 2
}

func isSpace(ch byte) bool { return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n' }

// decodeQuotedPrintable decodes what it can and returns where the first thing is
// that RFC 2045 section 6.7 doesn't have; -1 if there is none. A "=" that escapes
// nothing stays. White space at the end of a line goes, as rule (3) says.
func decodeQuotedPrintable(b []byte) (out []byte, bad int) {
	out, bad = make([]byte, 0, len(b)), -1
	for pos := 0; pos < len(b); {
		next := lineEnd(b, pos)
		line := chomp(b[pos:next])
		ending := b[pos+len(line) : next]
		line = bytes.TrimRight(line, " \t")
		line, soft := bytes.CutSuffix(line, []byte("="))
		for i := 0; i < len(line); i++ {
			ch := line[i]
			ok := ch < 0x80
			if ch == '=' {
				var octet byte
				if octet, ok = fromHex(line[i+1:]); ok {
					ch = octet
					i += 2
				}
			}
			if !ok && bad < 0 {
				bad = pos + i
			}
			out = append(out, ch)
		}
		if !soft {
			out = append(out, ending...)
		}
		pos = next
	}
	return out, bad
}
