package charset

import "unicode/utf8"

// Traits are what [TraitsOf] sees in a text.
type Traits uint8

const (
	// NotASCII: it has a character beyond ASCII.
	NotASCII Traits = 1 << iota
	// Controls: it has a control character of ASCII, DEL among them.
	Controls
	// Breaks: it has CR, LF or NUL, which no header can have.
	Breaks
	// Unusual: it has a character that Clean or CleanLine may change or report, in
	// whichever charset. Without it both leave the text as it is.
	Unusual
	// Invalid: it isn't valid UTF-8.
	Invalid
)

// TraitsOf looks at a text once and tells what nearly every text lacks, so that
// the slower functions, which find the place, are only asked if there is one.
func TraitsOf(s string) (t Traits) {
	if len(s) >= 8 && printable(s) {
		return 0
	}
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c < utf8.RuneSelf:
			t |= octetTraits[c]
			i++
			continue
		case isKanaOrKanji(s[i:]):
			i += 3
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				t |= Invalid
			} else if !isInert(r) {
				t |= Unusual
			}
			i += n
		}
		t |= NotASCII
	}
	return t
}

// isKanaOrKanji reports whether s begins with what nearly all of Japanese is: a
// character from U+3000 to U+9FFF, in three octets, and none of the marks among
// them, U+302A to U+302F, U+3099 and U+309A.
func isKanaOrKanji(s string) bool {
	if len(s) < 3 {
		return false
	}
	b0, b1, b2 := s[0], s[1], s[2]
	if b0 < 0xE3 || b0 > 0xE9 || (b1^0x80)|(b2^0x80) >= 0x40 {
		return false
	}
	return b0 > 0xE3 || !(b1 == 0x80 && b2 >= 0xAA && b2 <= 0xAF || b1 == 0x82 && (b2 == 0x99 || b2 == 0x9A))
}

// octetTraits are those of the characters of ASCII.
var octetTraits = func() (t [256]Traits) {
	for c := range rune(utf8.RuneSelf) {
		if c < ' ' || c == 0x7F {
			t[c] |= Controls
		}
		if !isInert(c) {
			t[c] |= Unusual
		}
	}
	t['\r'] |= Breaks
	t['\n'] |= Breaks
	t[0] |= Breaks
	return t
}()

const (
	ones = 0x0101010101010101
	high = 0x80 * ones
)

// load makes one number of the first eight octets.
func load(s string) uint64 {
	s = s[:8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// printable reports whether s, which has eight octets or more, is printable ASCII
// and spaces.
func printable(s string) bool {
	for i := 0; i < len(s)-8; i += 8 {
		if !isQuiet(load(s[i:])) {
			return false
		}
	}
	return isQuiet(load(s[len(s)-8:]))
}

// isQuiet reports whether eight octets are printable ASCII and spaces.
func isQuiet(x uint64) bool { return (x|(x+ones)|(x-' '*ones))&high == 0 }
