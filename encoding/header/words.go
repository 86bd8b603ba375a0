package header

import (
	"encoding/base64"
	"errors"
	"unicode/utf8"

	"github.com/qdmail/qdmail/encoding/charset"
)

// words appends s as encoded-words (RFC 2047): none over 75 octets, none that
// doesn't decode alone, no character split between two, no line over 76. The
// white space between them vanishes when they are decoded.
func (b *Builder) words(s string, c charset.Charset) {
	w := wordWriter{b, c, !c.JIS() && prefersQ(s)}
	for n := 0; n < len(s); {
		used := w.word(s[n:], wordLine-b.column()-1, " ")
		if used == 0 && b.err == nil {
			used = w.word(s[n:], wordLine-1, "\r\n ")
			if used == 0 && b.err == nil {
				b.fail(&Error{Err: ErrLineTooLong}) // can't be: 75 octets hold any character
			}
		}
		if b.err != nil {
			at(b.err, n)
			return
		}
		n += used
	}
}

// at moves the offset of an error of one piece to where the piece begins.
func at(err error, offset int) {
	var e *Error
	if errors.As(err, &e) {
		e.Offset += offset
	}
}

// wordWriter writes the encoded-words of one text, all in one encoding.
type wordWriter struct {
	*Builder
	charset charset.Charset
	q       bool
}

// word appends white space and one encoded-word of at most limit octets, and
// returns how much of s it holds; nothing is appended if no character fits.
func (b *wordWriter) word(s string, limit int, space string) int {
	room := min(limit, wordLimit) - len(b.opening()) - len("?=")
	if room < 4 {
		return 0
	}
	if b.q {
		return b.wordQ(s, room, space)
	}
	octets, n := b.octets(s, room/4*3)
	if n > 0 {
		b.open(space)
		b.buf = base64.StdEncoding.AppendEncode(b.buf, octets)
		b.buf = append(b.buf, "?="...)
	}
	return n
}

// octets returns the whole characters of s that take at most limit octets in the
// charset, and how much of s they are.
func (b *wordWriter) octets(s string, limit int) ([]byte, int) {
	if b.scratch == nil {
		b.scratch = make([]byte, 0, wordLimit)
	}
	if !b.charset.JIS() { // it was checked before
		n := min(limit, len(s))
		for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
			n--
		}
		return append(b.scratch, s[:n]...), n
	}
	octets, n, err := b.charset.AppendPrefix(b.scratch, s, limit)
	if err != nil && n == 0 {
		r, _ := utf8.DecodeRuneInString(s)
		b.fail(&Error{err, r, 0})
	}
	return octets, n
}

// opening is what an encoded-word begins with.
func (b *wordWriter) opening() string {
	switch {
	case b.charset.JIS():
		return "=?ISO-2022-JP?B?"
	case b.q:
		return "=?UTF-8?Q?"
	}
	return "=?UTF-8?B?"
}

func (b *wordWriter) open(space string) {
	if space == "\r\n " {
		b.fold(" ")
	} else {
		b.buf = append(b.buf, space...)
	}
	b.worded = true
	b.buf = append(b.buf, b.opening()...)
}

// wordQ is word with the Q encoding, of UTF-8 only. It writes nothing but what a
// phrase allows (RFC 2047 section 5 (3)), so that it serves everywhere.
func (b *wordWriter) wordQ(s string, room int, space string) int {
	n := 0
	for n < len(s) {
		_, size := utf8.DecodeRuneInString(s[n:])
		cost := 0
		for i := n; i < n+size; i++ {
			cost += int(qCosts[s[i]])
		}
		if cost > room {
			break
		}
		room -= cost
		n += size
	}
	if n == 0 {
		return 0
	}
	b.open(space)
	for i := range n {
		switch ch := s[i]; {
		case ch == ' ':
			b.buf = append(b.buf, '_')
		case class[ch]&isQWord != 0:
			b.buf = append(b.buf, ch)
		default:
			b.buf = append(b.buf, '=', upperHex[ch>>4], upperHex[ch&15])
		}
	}
	b.buf = append(b.buf, "?="...)
	return n
}

const upperHex = "0123456789ABCDEF"

// qCosts are the octets that each octet takes in the Q encoding.
var qCosts = func() (t [256]uint8) {
	for ch := range t {
		t[ch] = 3
		if ch == ' ' || class[ch]&isQWord != 0 {
			t[ch] = 1
		}
	}
	return t
}()

// prefersQ reports whether the Q encoding of s is shorter than the B encoding.
func prefersQ(s string) bool {
	q, most := 0, 4*len(s)
	for i := 0; i < len(s) && 3*q < most; i++ {
		q += int(qCosts[s[i]])
	}
	return 3*q < most
}
