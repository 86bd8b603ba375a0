package mime

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/qdmail/qdmail/encoding/header"
)

// param is a parameter as it stands in a value: name=, name*=, name*0= or
// name*0*= (RFC 2231).
type param struct {
	name    string
	section int  // of a value in sections; unsectioned if it is in one piece
	escaped bool // the name ends in "*": percent-encoded
	value   string
}

const unsectioned = -1

// newParam takes the name apart. It reports false, and a param without a name, if
// that can't be done.
func newParam(key, value string) (param, bool) {
	name, rest, star := strings.Cut(key, "*")
	if !header.IsToken(name) {
		return param{}, false
	}
	p := param{name, unsectioned, star, value}
	if rest == "" {
		return p, true
	}
	rest, p.escaped = strings.CutSuffix(rest, "*")
	n, err := strconv.ParseUint(rest, 10, 31)
	if err != nil || rest[0] == '0' && rest != "0" {
		return param{}, false
	}
	p.section = int(n)
	return p, true
}

// spellings are the ways in which one parameter is given. Of each the first one
// counts.
type spellings struct {
	plain, escaped *param
	sections       []param
}

// join makes one value of all that a parameter is given by. An escaped value wins
// over one in sections, and that over a plain one (RFC 2231 asks for a preference
// where a plain one is there for old readers); one that can't be decoded loses to
// all others, and if there is no other is taken as it is written.
func (v *structured) join(list []param) {
	if len(list) == 0 {
		return
	}
	v.params = make(map[string]string, len(list))
	byName := map[string]*spellings{}
	for i := range list {
		p := &list[i]
		s := byName[p.name]
		if s == nil {
			s = &spellings{}
			byName[p.name] = s
		}
		switch {
		case p.section != unsectioned:
			s.sections = append(s.sections, *p)
		case p.escaped && s.escaped == nil:
			s.escaped = p
		case !p.escaped && s.plain == nil:
			s.plain = p
		default:
			v.bad(p.name)
		}
	}
	for _, p := range list { // in their order, so that the first fault is the first
		if s := byName[p.name]; s != nil {
			v.params[p.name] = v.value(s)
			delete(byName, p.name)
		}
	}
}

func (v *structured) value(s *spellings) string {
	var asWritten []string
	if s.escaped != nil {
		value, ok := v.unescape([]param{*s.escaped})
		if ok {
			return value
		}
		asWritten = append(asWritten, s.escaped.value)
	}
	if sections := v.inOrder(s.sections); len(sections) > 0 {
		value, ok := v.unescape(sections)
		if ok {
			return value
		}
		asWritten = append(asWritten, value)
	}
	if s.plain != nil {
		return words(s.plain.name, s.plain.value)
	}
	if len(asWritten) > 0 {
		return asWritten[0]
	}
	return ""
}

// inOrder sorts the sections and cuts them off at the first one that is missing.
func (v *structured) inOrder(sections []param) []param {
	slices.SortStableFunc(sections, func(a, b param) int { return cmp.Compare(a.section, b.section) })
	in := sections[:0]
	for _, p := range sections {
		if p.section == len(in) {
			in = append(in, p)
		} else {
			v.bad(p.name)
		}
	}
	return in
}

// unescape puts sections together and decodes them. The charset stands in the
// first one; a character may be split between two. It reports false, and returns
// them as they are written, if they can't be decoded.
func (v *structured) unescape(sections []param) (string, bool) {
	var octets []byte
	var written strings.Builder
	charset, escaped := "", false
	for i, p := range sections {
		written.WriteString(p.value)
		if !p.escaped {
			octets = append(octets, p.value...)
			continue
		}
		escaped = true
		value := p.value
		if i == 0 {
			// The language between the quotes is of no use here.
			if c, rest, ok := strings.Cut(value, "'"); ok {
				if _, text, ok := strings.Cut(rest, "'"); ok {
					charset, value = c, text
				}
			}
		}
		var ok bool
		if octets, ok = appendUnescaped(octets, value); !ok {
			v.bad(p.name)
		}
	}
	name := sections[0].name
	if !escaped {
		return words(name, string(octets)), true
	}
	codec, ok := lookup(charset)
	if !ok {
		v.note(UnknownCharset, charset)
		return written.String(), false
	}
	text, ok := codec.decode(octets)
	if !ok {
		v.note(BadCharset, charset)
		return written.String(), false
	}
	return text, true
}

// words decodes encoded-words in the name of a file.
//
// QUIRK: RFC 2047 section 5 forbids them in a parameter; Japanese mail has them
// there since the 1990s.
func words(name, value string) string {
	if name == "name" || name == "filename" {
		return DecodeHeader(value)
	}
	return value
}

// appendUnescaped decodes the percent-encoding of RFC 2231. A "%" that begins no
// octet stays.
func appendUnescaped(dst []byte, s string) ([]byte, bool) {
	clean := true
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if octet, ok := fromHex(s[i+1:]); ok {
				dst = append(dst, octet)
				i += 2
				continue
			}
			clean = false
		}
		dst = append(dst, s[i])
	}
	return dst, clean
}

// fromHex reads the two hexadecimal digits that s begins with, in any case.
func fromHex[T string | []byte](s T) (byte, bool) {
	if len(s) < 2 {
		return 0, false
	}
	hi, lo := hexDigit(s[0]), hexDigit(s[1])
	return hi<<4 | lo&15, hi < 16 && lo < 16
}

func hexDigit(ch byte) byte {
	switch {
	case ch >= '0' && ch <= '9':
		return ch - '0'
	case ch >= 'A' && ch <= 'F':
		return ch - 'A' + 10
	case ch >= 'a' && ch <= 'f':
		return ch - 'a' + 10
	}
	return 0xFF
}

// invalidUTF8 returns where b stops being UTF-8, or -1.
func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}
