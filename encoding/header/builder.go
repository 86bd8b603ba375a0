package header

import (
	"strings"

	"github.com/qdmail/qdmail/encoding/charset"
)

const (
	softLimit = 78  // octets on a line that can fold, RFC 5322 section 2.1.1
	hardLimit = 998 // octets on any line
	wordLimit = 75  // octets of an encoded-word, RFC 2047 section 2
	wordLine  = 76  // octets of a line that has an encoded-word
)

// Builder appends header fields to a buffer. The zero value is ready to use. The
// first error sticks: nothing is appended after it and Err returns it.
type Builder struct {
	buf    []byte
	line   int  // where the current line begins
	worded bool // the current line has an encoded-word
	err    error

	scratch []byte // of one encoded-word; apart, so that a Builder can live on the stack
}

// Reset starts anew, appending to buf.
func (b *Builder) Reset(buf []byte) {
	b.buf, b.line, b.worded, b.err = buf, len(buf), false, nil
}

// Bytes returns the buffer with everything appended so far.
func (b *Builder) Bytes() []byte { return b.buf }

// Err returns the first error, an *Error, or nil.
func (b *Builder) Err() error { return b.err }

func (b *Builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Field begins a field. The name goes out as given.
func (b *Builder) Field(name string) {
	if err := CheckName(name); err != nil {
		b.fail(err)
	}
	if b.err != nil {
		return
	}
	b.line, b.worded = len(b.buf), false
	b.buf = append(b.buf, name...)
	b.buf = append(b.buf, ':')
}

// End ends the field, or with no field begun writes the blank line after the
// header.
func (b *Builder) End() {
	if b.err != nil {
		return
	}
	b.buf = append(b.buf, "\r\n"...)
	b.line = len(b.buf)
}

func (b *Builder) column() int { return len(b.buf) - b.line }

// fold begins a continuation line with the given white space.
func (b *Builder) fold(space string) {
	b.buf = append(b.buf, "\r\n"...)
	b.line, b.worded = len(b.buf), false
	b.buf = append(b.buf, space...)
}

// gap writes the space before something of n octets, folded if it doesn't fit on
// this line.
func (b *Builder) gap(n int) {
	limit := softLimit
	if b.worded {
		limit = wordLine
	}
	if b.column()+1+n > limit && b.column() > 1 {
		b.fold(" ")
	} else {
		b.buf = append(b.buf, ' ')
	}
	if b.column()+n > hardLimit {
		b.fail(&Error{Err: ErrLineTooLong})
	}
}

// Token appends s after a space or a fold. It is for what the grammar of the
// field makes one piece: a message identifier, a media type, a date. It has to
// be printable ASCII.
func (b *Builder) Token(s string) {
	if !printable(s) {
		b.fail(CheckASCII(s))
	}
	if b.err == nil {
		b.gap(len(s))
	}
	if b.err == nil {
		b.buf = append(b.buf, s...)
	}
}

// TokenBytes is Token for what was put together in a buffer.
func (b *Builder) TokenBytes(s []byte) {
	if !printable(s) {
		b.fail(CheckASCII(string(s)))
	}
	if b.err == nil {
		b.gap(len(s))
	}
	if b.err == nil {
		b.buf = append(b.buf, s...)
	}
}

// Glue appends s with nothing before it, such as the comma between two
// addresses.
func (b *Builder) Glue(s string) {
	if !printable(s) {
		b.fail(CheckASCII(s))
	}
	if b.err == nil {
		b.buf = append(b.buf, s...)
	}
}

// Structured appends a value that is already in the form that its field's
// grammar wants. It folds at the spaces that are there and encodes nothing, so
// anything but printable ASCII is refused.
func (b *Builder) Structured(s string) {
	if err := CheckASCII(s); err != nil {
		b.fail(err)
	}
	if b.err != nil {
		return
	}
	b.spaced(strings.Trim(s, " "))
}

// Text appends unstructured text such as a subject (RFC 5322 section 2.2.1).
// ASCII stays as it is and folds at its spaces. Everything else, and ASCII that
// would not survive as it is (an encoded-word look-alike, a space at an end, a
// tab, a word that is longer than a line), becomes encoded-words in c.
func (b *Builder) Text(s string, c charset.Charset) {
	ascii := b.check(s)
	if b.err != nil || s == "" {
		return
	}
	// The first piece stays on the first line: readers exist that take a fold
	// right after the colon for a space of the text.
	if room := softLimit - b.column() - 1; ascii && survives(s) && (len(s) <= room || pieceEnd(s) <= room) {
		b.spaced(s)
		return
	}
	b.words(s, c)
}

// check makes the check of CheckText and reports whether s is printable ASCII.
func (b *Builder) check(s string) (ascii bool) {
	t := charset.TraitsOf(s)
	if t&(charset.Breaks|charset.Invalid) != 0 {
		b.fail(textError(s, t))
	}
	return t&(charset.NotASCII|charset.Controls) == 0
}

// spaced appends a space and s, and folds at the single spaces in s.
//
// QUIRK: runs of spaces are never folded, although RFC 5322 allows it, because
// readers exist that make one space of a fold.
func (b *Builder) spaced(s string) {
	for b.err == nil {
		end := len(s)
		if b.column()+1+end > wordLine {
			end = pieceEnd(s)
		}
		b.gap(end)
		b.buf = append(b.buf, s[:end]...)
		if end == len(s) {
			return
		}
		s = s[end+1:]
	}
}

// Plain appends a value for which IsPlainValue holds. Its first piece stays on the
// first line, however long it is; further ones fold.
func (b *Builder) Plain(s string) {
	if !IsPlainValue(s) {
		b.fail(&Error{Err: ErrNotASCII})
	}
	if b.err != nil {
		return
	}
	end := pieceEnd(s)
	b.buf = append(b.buf, ' ')
	b.buf = append(b.buf, s[:end]...)
	if end < len(s) {
		b.spaced(s[end+1:])
	}
}

// IsPlainValue reports whether s is printable ASCII that can stand in a field as it
// is, on lines of up to 998 octets, and that no decoder takes for an encoded-word.
// The values of fields that programs read are best written so, with Plain.
func IsPlainValue(s string) bool {
	if s == "" || !printable(s) || hasOpening(s) || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for {
		end := pieceEnd(s)
		if end > hardLimit-softLimit {
			return false
		}
		if end == len(s) {
			return true
		}
		s = s[end+1:]
	}
}

// pieceEnd returns where the first single space of s stands, or its length.
func pieceEnd(s string) int {
	for i := 1; i < len(s)-1; i++ {
		if s[i] == ' ' && s[i-1] != ' ' && s[i+1] != ' ' {
			return i
		}
	}
	return len(s)
}

// survives reports whether printable ASCII can stand in a header as it is: with
// nothing that a decoder would take for an encoded-word, no space at either end,
// and no piece that is longer than a line.
func survives(s string) bool {
	if hasOpening(s) || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for len(s) >= softLimit {
		end := pieceEnd(s)
		if end >= softLimit {
			return false
		}
		s = s[end+1:]
	}
	return true
}

// hasOpening reports whether s has "=?", with which an encoded-word begins.
func hasOpening(s string) bool {
	i := strings.IndexByte(s, '=')
	return i >= 0 && strings.Contains(s[i:], "=?")
}
