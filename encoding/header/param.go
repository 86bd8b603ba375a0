package header

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/qdmail/qdmail/encoding/charset"
)

// Param appends a parameter, such as the charset of a Content-Type. An ASCII
// value that fits on a line is a token or a quoted string; any other goes in the
// form of RFC 2231: name*=UTF-8”... if that fits on a line, and otherwise in
// numbered sections, none of which splits a character.
func (b *Builder) Param(name, value string) {
	if b.plainParam(name, value) || b.err != nil {
		return
	}
	const prefix = "UTF-8''"
	if n := len(name) + len("*=") + len(prefix) + attrLen(value); 1+n < softLimit {
		b.gap(n + 1) // and the semicolon of the next one
		b.buf = append(b.buf, name...)
		b.buf = append(b.buf, "*="+prefix...)
		b.buf = appendAttr(b.buf, value)
		return
	}
	b.sections(name, prefix, value)
}

// sections appends name*0*=...; name*1*=... (RFC 2231 sections 3 and 4.1).
func (b *Builder) sections(name, prefix, value string) {
	for i := 0; value != ""; i++ {
		if i > 0 {
			b.Glue(";")
		}
		b.fold(" ")
		b.buf = append(b.buf, name...)
		b.buf = append(b.buf, '*')
		b.buf = strconv.AppendInt(b.buf, int64(i), 10)
		b.buf = append(b.buf, "*="...)
		b.buf = append(b.buf, prefix...)
		prefix = ""
		room, n := softLimit-1-b.column(), 0
		for n < len(value) {
			_, size := utf8.DecodeRuneInString(value[n:])
			cost := attrLen(value[n : n+size])
			if cost > room {
				break
			}
			room -= cost
			n += size
		}
		if n == 0 {
			b.fail(&Error{Err: ErrLineTooLong}) // a parameter name as long as a line
			return
		}
		b.buf = appendAttr(b.buf, value[:n])
		value = value[n:]
	}
}

// ParamWords appends a parameter for readers that don't know RFC 2231, with
// encoded-words inside a quoted string.
//
// QUIRK: RFC 2047 section 5 forbids it, and it is what the name parameter of a
// Content-Type has carried in Japanese mail since the 1990s; Outlook and many web
// mailers look there. A reader that knows RFC 2231 finds the same value in the
// filename* parameter of Content-Disposition.
func (b *Builder) ParamWords(name, value string, c charset.Charset) {
	if b.plainParam(name, value) || b.err != nil {
		return
	}
	b.fold(" ")
	b.buf = append(b.buf, name...)
	b.buf = append(b.buf, `="`...)
	w := wordWriter{b, c, !c.JIS() && prefersQ(value)}
	space := "" // the first one stands right behind the quote
	for value != "" {
		n := w.word(value, wordLine-2-b.column()-len(space), space)
		if n == 0 && b.err == nil {
			n = w.word(value, wordLine-2-1, "\r\n ")
		}
		if n == 0 {
			b.fail(&Error{Err: ErrLineTooLong})
			return
		}
		value, space = value[n:], "\r\n "
	}
	b.buf = append(b.buf, '"')
}

// plainParam begins a parameter and appends it as name=value, if value is ASCII
// that a reader takes as it is and that fits on a line of its own.
func (b *Builder) plainParam(name, value string) bool {
	ascii := b.check(value)
	if !IsToken(name) {
		b.fail(&Error{Err: ErrFieldName})
	}
	if b.err != nil {
		return false
	}
	b.buf = append(b.buf, ';')
	if !ascii || hasOpening(value) {
		return false
	}
	n := len(name) + len("=") + len(value)
	bare := value != "" && all(value, isAttr) // some readers take "'", "*" and "%" for RFC 2231
	if !bare {
		n += len(`""`) + strings.Count(value, `"`) + strings.Count(value, `\`)
	}
	if len(" ;")+n > softLimit {
		return false
	}
	b.gap(n + len(";"))
	b.buf = append(b.buf, name...)
	b.buf = append(b.buf, '=')
	if bare {
		b.buf = append(b.buf, value...)
	} else {
		b.buf = appendQuoted(b.buf, value)
	}
	return true
}

func attrLen(s string) int {
	n := 0
	for i := range len(s) {
		if class[s[i]]&isAttr != 0 {
			n++
		} else {
			n += 3
		}
	}
	return n
}

func appendAttr(dst []byte, s string) []byte {
	for i := range len(s) {
		if ch := s[i]; class[ch]&isAttr != 0 {
			dst = append(dst, ch)
		} else {
			dst = append(dst, '%', upperHex[ch>>4], upperHex[ch&15])
		}
	}
	return dst
}
