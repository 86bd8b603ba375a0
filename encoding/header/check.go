package header

import (
	"errors"
	"fmt"
	"strings"

	"github.com/qdmail/qdmail/encoding/charset"
)

// The reasons that an [Error] has, reachable by errors.Is.
var (
	ErrControl     = errors.New("CR, LF and NUL are not allowed")
	ErrInvalidUTF8 = errors.New("invalid UTF-8")
	ErrNotASCII    = errors.New("only printable ASCII is allowed here")
	ErrFieldName   = errors.New("not a header field name")
	ErrLineTooLong = errors.New("a header line would exceed 998 octets")
	ErrAddrSpec    = errors.New("not an address")
)

// Error is a value that can't stand in a header.
type Error struct {
	Err    error // one of the reasons above, or a *charset.Error
	Rune   rune  // the character at fault
	Offset int   // its position in the value, in octets
}

// Error returns the reason and the place.
func (e *Error) Error() string {
	if e.Err == ErrLineTooLong {
		return fmt.Sprintf("header: %v", e.Err)
	}
	return fmt.Sprintf("header: %v (%q at octet %d)", e.Err, e.Rune, e.Offset)
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// The classes of ASCII characters that the grammars distinguish.
const (
	isAtext = 1 << iota // RFC 5322 section 3.2.3
	isToken             // RFC 2045 section 5.1
	isAttr              // attribute-char of RFC 2231 section 7
	isQWord             // stands for itself in an encoded-word of a phrase, RFC 2047 section 5 (3)
	isPrint             // SP to ~
	isFtext             // RFC 5322 section 3.6.8
	isHost              // letters, digits, "-", and "_", which some host names have
)

var class = func() (t [256]uint8) {
	add := func(chars string, bits uint8) {
		for i := range len(chars) {
			t[chars[i]] |= bits
		}
	}
	add("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", isAtext|isToken|isAttr|isQWord|isHost)
	add("!#$%&'*+-/=?^_`{|}~", isAtext)
	add("!#$%&'*+-.^_`{|}~", isToken)
	add("!#$&+-.^_`{|}~", isAttr)
	add("!*+-/", isQWord)
	add("-_", isHost)
	for c := ' '; c <= '~'; c++ {
		t[c] |= isPrint
		if c != ' ' && c != ':' {
			t[c] |= isFtext
		}
	}
	return t
}()

// all reports whether every octet of s is in a class.
func all[T string | []byte](s T, bit uint8) bool {
	for i := range len(s) {
		bit &= class[s[i]]
	}
	return bit != 0
}

// CheckText returns an *Error if s can't be the text of a header: if it has CR,
// LF or NUL, or isn't valid UTF-8. It is the check that every method of [Builder]
// makes itself.
func CheckText(s string) error { return textError(s, charset.TraitsOf(s)) }

// textError is CheckText for a text with the given traits.
func textError(s string, t charset.Traits) error {
	if t&charset.Breaks != 0 {
		i := strings.IndexAny(s, "\r\n\x00")
		return &Error{ErrControl, rune(s[i]), i}
	}
	if t&charset.Invalid != 0 {
		for i, r := range charset.UTF8.Unencodable(s) {
			return &Error{ErrInvalidUTF8, r, i}
		}
	}
	return nil
}

// CheckASCII returns an *Error if s has anything but printable ASCII and spaces.
func CheckASCII(s string) error {
	if printable(s) {
		return nil
	}
	if err := CheckText(s); err != nil {
		return err
	}
	for i, r := range s {
		if r < ' ' || r > '~' {
			return &Error{ErrNotASCII, r, i}
		}
	}
	return nil
}

const (
	ones = 0x0101010101010101
	high = 0x80 * ones
)

// load makes one number of the eight octets at i.
func load[T string | []byte](s T, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// unprintable tells whether any of eight octets is above 127, DEL, or below from,
// which is the space or what follows it.
func unprintable(x, from uint64) uint64 { return (x | (x + ones) | (x - from*ones)) & high }

// printable reports whether s is printable ASCII and spaces, eight octets at a
// time, the last ones again if need be.
func printable[T string | []byte](s T) bool {
	if len(s) < 8 {
		return all(s, isPrint)
	}
	bad := unprintable(load(s, len(s)-8), ' ')
	for i := 0; i < len(s)-8 && bad == 0; i += 8 {
		bad = unprintable(load(s, i), ' ')
	}
	return bad == 0
}

// isName is the same without spaces and colons.
func isName(s string) bool {
	if len(s) < 8 {
		return all(s, isFtext)
	}
	bad := notName(load(s, len(s)-8))
	for i := 0; i < len(s)-8 && bad == 0; i += 8 {
		bad = notName(load(s, i))
	}
	return bad == 0
}

func notName(x uint64) uint64 { return unprintable(x, '!') | ((x^':'*ones)-ones)&high }

// CheckName returns an *Error if s isn't a header field name (RFC 5322 section
// 2.2): one or more printable ASCII characters except colon and space. Names
// over 76 octets are refused too, because no value fits beside them.
func CheckName(s string) error {
	if s != "" && len(s) <= 76 && isName(s) {
		return nil
	}
	for i, r := range s {
		if class[s[i]]&isFtext == 0 {
			return &Error{ErrFieldName, r, i}
		}
	}
	return &Error{Err: ErrFieldName, Offset: len(s)}
}

// IsToken reports whether s is a token of RFC 2045, as media types and parameter
// names are.
func IsToken(s string) bool { return s != "" && all(s, isToken) }
