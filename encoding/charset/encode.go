package charset

import (
	"encoding/binary"
	"math"
	"slices"
	"unicode/utf8"
)

// The escape sequences of RFC 1468.
const (
	toJIS   = "\x1b$B" // JIS X 0208-1983
	toASCII = "\x1b(B"
	esc     = len(toJIS)
)

// Append appends s in c to dst. Text in a form of ISO-2022-JP begins and ends in
// ASCII and is back in ASCII at each line ending. At the first character that c
// can't express it stops with an *Error and returns dst as it was.
func (c Charset) Append(dst []byte, s string) ([]byte, error) {
	out, _, err := c.AppendPrefix(dst, s, math.MaxInt)
	if err != nil {
		return dst, err
	}
	return out, nil
}

// AppendPrefix appends as many whole characters from the beginning of s as fit
// into limit octets, escape sequences included, and returns how many octets of s
// they are. The octets stand alone: a form of ISO-2022-JP begins and ends in
// ASCII. That is what an encoded-word of RFC 2047 needs.
//
// A character that c can't express ends it with an *Error, whose Offset counts
// from the beginning of s; out and n then cover what stands before it.
func (c Charset) AppendPrefix(dst []byte, s string, limit int) (out []byte, n int, err error) {
	if c.JIS() {
		if limit == math.MaxInt {
			dst = slices.Grow(dst, len(s))
		}
		e := encoder{table: tables(), vendor: c == CP50220, buf: dst[:cap(dst)], w: len(dst), half: -1}
		return e.encode(s, limit)
	}
	if n = max(limit, 0); n < len(s) {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	n, ok := validUTF8(s)
	dst = append(dst, s[:n]...)
	if !ok {
		err = &Error{Charset: UTF8, Rune: utf8.RuneError, Offset: n}
	}
	return dst, n, err
}

// encoder writes ISO-2022-JP into buf at w.
type encoder struct {
	*table
	vendor bool
	buf    []byte
	w      int
	jis    bool // in JIS X 0208
	half   int  // w right after a half-width katakana, which may still be joined
}

func (e *encoder) encode(s string, limit int) ([]byte, int, error) {
	end := math.MaxInt
	if limit < math.MaxInt-e.w {
		end = e.w + max(limit, 0)
	}
	i := 0
	for i < len(s) {
		n := e.runs(s[i:], end)
		var err error
		switch {
		case n > 0:
		case s[i] < utf8.RuneSelf:
			n, err = e.ascii(s[i:], end)
		default:
			n, err = e.special(s[i:], end)
		}
		i += n
		if err != nil {
			err.(*Error).Offset = i
			e.ascend()
			return e.buf[:e.w], i, err
		}
		if n == 0 {
			break
		}
	}
	e.ascend()
	return e.buf[:e.w], i, nil
}

// runs writes what Japanese text is nearly all made of, runs of ASCII and runs of
// three-octet characters with an ordinary code, while there is room to spare up to
// end and in the buffer. It returns how much of s that is. All of it is one function,
// because the runs are short.
func (e *encoder) runs(s string, end int) int {
	t, buf, w, jis := e.table, e.buf[:min(len(e.buf), end)], e.w, e.jis
	i := 0
	for i < len(s) && len(buf)-w >= 2*esc+2 {
		begin := w
		if c := s[i]; c < utf8.RuneSelf {
			if isShift(c) {
				break
			}
			if jis {
				buf[w], buf[w+1], buf[w+2] = toASCII[0], toASCII[1], toASCII[2]
				w, jis = w+esc, false
			}
			for ; i < len(s) && s[i] < utf8.RuneSelf && !isShift(s[i]) && w < len(buf); i++ {
				buf[w] = s[i]
				w++
			}
			continue
		}
		if !jis {
			buf[w], buf[w+1], buf[w+2] = toJIS[0], toJIS[1], toJIS[2]
			w += esc
		}
		first := i
		for n := min((len(s)-i)/3, (len(buf)-w-esc)/2); n > 0; n-- {
			c := s[i : i+3]
			v := uint(c[0])<<16 | uint(c[1])<<8 | uint(c[2])
			block := v>>10&0x3C0 | v>>8&0x3F
			if v&0xF0C0C0 != 0xE08080 || block < 32 { // no three octets, or too few for three
				break
			}
			code := t.blocks[t.index[block]][v&0x3F]
			if (code-1)&(vendor|halfKana) != 0 { // special, or none
				break
			}
			binary.BigEndian.PutUint16(buf[w:], code)
			i, w = i+3, w+2
		}
		if i == first {
			w = begin
			break
		}
		jis = true
	}
	e.w, e.jis = w, jis
	return i
}

func (e *encoder) grow(n int) {
	if len(e.buf)-e.w < n {
		b := slices.Grow(e.buf[:e.w], max(n, e.w/2))
		e.buf = b[:cap(b)]
	}
}

// ascend returns to ASCII.
func (e *encoder) ascend() {
	if e.jis {
		e.grow(esc)
		e.w += copy(e.buf[e.w:], toASCII)
		e.jis = false
	}
}

// ascii writes the run of ASCII that s begins with, as far as it fits.
func (e *encoder) ascii(s string, end int) (int, error) {
	if isShift(s[0]) { // would change the state
		return 0, &Error{Charset: ISO2022JP, Rune: rune(s[0])}
	}
	room := end - e.w
	if e.jis {
		room -= esc
	}
	// No further than fits: a caller that takes a text in pieces would otherwise
	// have the rest of the run looked at again for each.
	n := 0
	for n < len(s) && n < room && s[n] < utf8.RuneSelf && !isShift(s[n]) {
		n++
	}
	if n == 0 {
		return 0, nil
	}
	e.ascend()
	e.grow(n)
	e.w += copy(e.buf[e.w:], s[:n])
	return n, nil
}

// isShift reports ESC, SO and SI.
func isShift(c byte) bool { return c == 0x1B || c == 0x0E || c == 0x0F }

// special writes one character of any kind.
func (e *encoder) special(s string, end int) (int, error) {
	r, n := utf8.DecodeRuneInString(s)
	if e.join(r) {
		return n, nil
	}
	code := e.code(r)
	if code == 0 {
		return 0, &Error{Charset: ISO2022JP, Rune: r}
	}
	need := 2 + esc
	if !e.jis {
		need += esc
	}
	if need > end-e.w {
		return 0, nil
	}
	e.grow(need)
	if !e.jis {
		e.w += copy(e.buf[e.w:], toJIS)
		e.jis = true
	}
	e.buf[e.w], e.buf[e.w+1] = byte(code>>8&0x7F), byte(code&0x7F)
	e.w += 2
	if code&halfKana != 0 {
		e.half = e.w
	}
	return n, nil
}

// code returns the entry of r, or zero if the charset doesn't have it.
func (e *encoder) code(r rune) uint16 {
	if r > 0xFFFF || r == utf8.RuneError {
		return 0
	}
	code := e.get(r)
	if code&vendor != 0 && !e.vendor {
		return 0
	}
	return code
}

// join adds a voiced or semi-voiced mark to the kana just written, if the two
// make one character: a combining mark to any kana, a half-width mark to a
// half-width kana.
func (e *encoder) join(r rune) bool {
	var to func(uint16) uint16
	switch r {
	case 0x3099:
		to = voiced
	case 0x309A:
		to = semiVoiced
	case 0xFF9E:
		if e.half != e.w {
			return false
		}
		to = voiced
	case 0xFF9F:
		if e.half != e.w {
			return false
		}
		to = semiVoiced
	default:
		return false
	}
	if !e.jis {
		return false
	}
	code := to(uint16(e.buf[e.w-2])<<8 | uint16(e.buf[e.w-1]))
	if code == 0 {
		return false
	}
	e.buf[e.w-2], e.buf[e.w-1] = byte(code>>8), byte(code)
	e.half = -1
	return true
}

// skip returns how many octets of s can be expressed up to the first character
// that can't, and whether there is none.
func (t *table) skip(s string, vendorToo bool) (int, bool) {
	var scratch [64]byte
	i := 0
	for i < len(s) {
		// A piece at a time through the same code that writes, so that the two
		// can't disagree.
		e := encoder{table: t, vendor: vendorToo, buf: scratch[:], half: -1}
		_, n, err := e.encode(s[i:], len(scratch))
		if err != nil {
			return i + n, false
		}
		i += n
	}
	return i, true
}
