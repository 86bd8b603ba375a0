package charset

import (
	"strings"
	"unicode/utf8"
)

// Decode returns the text of b. It is strict: what isn't valid in c is an *Error
// and nothing is guessed or replaced. A form of ISO-2022-JP must be in ASCII at
// each line ending and at the end. ISO2022JP knows the escape sequences of RFC
// 1468, JIS-Roman being read as ASCII; CP50220 also knows half-width katakana
// (ESC ( I) and the vendor rows.
func (c Charset) Decode(b []byte) (string, error) {
	if !c.JIS() {
		if n, ok := validUTF8(string(b)); !ok {
			return "", &Error{Charset: UTF8, Rune: utf8.RuneError, Offset: n}
		}
		return string(b), nil
	}
	const (
		ascii = iota
		kanji
		kana
	)
	t, state := tables(), ascii
	var out strings.Builder
	out.Grow(len(b)/2*3 + 3)
	bad := func(i int) (string, error) {
		return "", &Error{Charset: ISO2022JP, Rune: utf8.RuneError, Offset: i}
	}
	for i := 0; i < len(b); {
		switch ch := b[i]; {
		case ch == 0x1B:
			if len(b) < i+esc {
				return bad(i)
			}
			switch string(b[i+1 : i+esc]) {
			case "(B", "(J":
				state = ascii
			case "$B", "$@":
				state = kanji
			case "(I":
				if c != CP50220 {
					return bad(i)
				}
				state = kana
			default:
				return bad(i)
			}
			i += esc
		case ch >= utf8.RuneSelf || ch == 0x0E || ch == 0x0F:
			return bad(i)
		case state == ascii:
			out.WriteByte(ch)
			i++
		case state == kana:
			if ch < 0x21 || ch > 0x5F {
				return bad(i)
			}
			out.WriteRune(0xFF61 - 0x21 + rune(ch))
			i++
		default:
			r := rune(0)
			if len(b) >= i+2 {
				r = t.decode(ch, b[i+1], c == CP50220)
			}
			if r == 0 {
				return bad(i)
			}
			out.WriteRune(r)
			i += 2
		}
	}
	if state != ascii {
		return bad(len(b))
	}
	return out.String(), nil
}

func (t *table) decode(hi, lo byte, vendorToo bool) rune {
	if hi < 0x21 || hi > 0x7E || lo < 0x21 || lo > 0x7E {
		return 0
	}
	row := int(hi) - 0x20
	if (row == 13 || row >= 89) && !vendorToo {
		return 0
	}
	return rune(t.runes[cell(uint16(hi)<<8|uint16(lo))])
}
