package charset

import (
	"fmt"
	"iter"
	"unicode/utf8"
)

// Charset is a charset that text can be written in. The zero value, Default,
// leaves the choice to the user of the package and is written as UTF-8.
type Charset uint8

const (
	// Default means that no charset was chosen; it is written as UTF-8.
	Default Charset = iota
	// UTF8 is UTF-8 (RFC 3629).
	UTF8
	// ISO2022JP is ISO-2022-JP (RFC 1468) with ASCII and JIS X 0208 only.
	ISO2022JP
	// CP50220 is ISO-2022-JP with the NEC and IBM extensions of row 13 and rows
	// 89 to 92 added.
	//
	// QUIRK: its label is ISO-2022-JP all the same, because that is the one that
	// the mail programs which need it understand.
	CP50220
)

// String returns the MIME name: "UTF-8" or "ISO-2022-JP".
func (c Charset) String() string {
	switch c {
	case Default, UTF8:
		return "UTF-8"
	case ISO2022JP, CP50220:
		return "ISO-2022-JP"
	}
	return fmt.Sprintf("Charset(%d)", uint8(c))
}

// Valid reports whether c is one of the constants of this package.
func (c Charset) Valid() bool { return c <= CP50220 }

// JIS reports whether c is a form of ISO-2022-JP.
func (c Charset) JIS() bool { return c == ISO2022JP || c == CP50220 }

// Error is a character that the charset can't express, or octets that aren't
// valid in it.
type Error struct {
	Charset Charset
	Rune    rune // the character; utf8.RuneError for octets that aren't valid
	Offset  int  // its position in the input, in octets
}

// Error names the character, its code point and its offset.
func (e *Error) Error() string {
	if e.Rune == utf8.RuneError {
		return fmt.Sprintf("charset: invalid %s at octet %d", e.Charset, e.Offset)
	}
	return fmt.Sprintf("charset: %s has no %q (%U) at octet %d", e.Charset, e.Rune, e.Rune, e.Offset)
}

// Unencodable returns the offset and the character of everything in s that c
// can't express. Octets that aren't valid UTF-8 are listed as utf8.RuneError,
// one by one; with UTF8 they are the only ones.
func (c Charset) Unencodable(s string) iter.Seq2[int, rune] {
	return func(yield func(int, rune) bool) {
		for i := 0; i < len(s); {
			var n int
			var ok bool
			if c.JIS() {
				n, ok = tables().skip(s[i:], c == CP50220)
			} else {
				n, ok = validUTF8(s[i:])
			}
			i += n
			if ok {
				continue
			}
			r, size := utf8.DecodeRuneInString(s[i:])
			if !yield(i, r) {
				return
			}
			i += size
		}
	}
}

// Encodable reports whether c can express all of s.
func (c Charset) Encodable(s string) bool {
	if c.JIS() {
		_, ok := tables().skip(s, c == CP50220)
		return ok
	}
	_, ok := validUTF8(s)
	return ok
}

// validUTF8 returns how much of s is valid, and whether that is all of it.
func validUTF8(s string) (int, bool) {
	rest := s
	for len(rest) > 0 {
		if rest[0] < utf8.RuneSelf {
			rest = rest[asciiRun(rest):]
			continue
		}
		// Nearly all of Japanese: three octets that can be neither overlong nor a
		// surrogate.
		if c := rest[0]; len(rest) >= 3 && c > 0xE0 && c < 0xF0 && c != 0xED && (rest[1]^0x80)|(rest[2]^0x80) < 0x40 {
			rest = rest[3:]
			continue
		}
		r, size := utf8.DecodeRuneInString(rest)
		if r == utf8.RuneError && size == 1 {
			return len(s) - len(rest), false
		}
		rest = rest[size:]
	}
	return len(s), true
}

// asciiRun returns how many octets of ASCII s begins with.
func asciiRun(s string) (n int) {
	for len(s)-n >= 8 && load(s[n:])&high == 0 {
		n += 8
	}
	for n < len(s) && s[n] < utf8.RuneSelf {
		n++
	}
	return n
}
