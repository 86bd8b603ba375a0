package mime

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"

	"github.com/qdmail/qdmail/encoding/charset"
)

// decodeJIS reads ISO-2022-JP: the way that package charset does, and if that
// refuses, leniently. It reports false if something couldn't be read, or could be
// read in two ways.
func decodeJIS(b []byte) (string, bool) {
	if s, err := charset.CP50220.Decode(b); err == nil {
		return s, true
	}
	d := jisDecoder{clean: true}
	d.out.Grow(len(b) + len(b)/2)
	d.decode(b)
	return d.out.String(), d.clean
}

// The escape sequences of ISO-2022-JP and its relatives.
const (
	toASCII  = "\x1b(B"
	toRoman  = "\x1b(J"  // JIS X 0201 Roman, read as ASCII
	toKana   = "\x1b(I"  // JIS X 0201 Katakana
	to1978   = "\x1b$@"  // JIS X 0208-1978
	to1983   = "\x1b$B"  // JIS X 0208-1983
	toX0212  = "\x1b$(D" // JIS X 0212
	shiftOut = 0x0E
	shiftIn  = 0x0F
)

// jisDecoder is the lenient one. It knows what charset.CP50220 doesn't: the
// supplementary kanji of JIS X 0212, control characters and spaces among double
// octets, and an end that isn't in ASCII. It gives whole double octets to the
// decoders and nothing else: that of x/text makes other characters of a text with
// one octet too few, or with a line ending among double octets.
type jisDecoder struct {
	out   strings.Builder
	set   string // the escape sequence in force; empty for ASCII
	clean bool
	// dangling: a line ended outside of ASCII, which RFC 1468 forbids. Text that
	// follows without an escape sequence can be read in two ways.
	dangling bool
	buf      []byte
}

func (d *jisDecoder) decode(b []byte) {
	for i := 0; i < len(b); {
		switch ch := b[i]; {
		case ch == 0x1B:
			i += d.escape(b[i:])
		case ch == '\n':
			// As RFC 1468 has it, and Python and others read it.
			d.dangling = d.dangling || d.set != ""
			d.set = ""
			d.out.WriteByte(ch)
			i++
		case ch >= utf8.RuneSelf, ch == shiftOut, ch == shiftIn:
			d.bad()
			i++
		case d.set == "" || ch <= ' ' || ch == 0x7F:
			d.clean = d.clean && (!d.dangling || ch <= ' ')
			d.out.WriteByte(ch)
			i++
		default:
			i += d.run(b[i:])
		}
	}
}

func (d *jisDecoder) bad() {
	d.clean = false
	d.out.WriteString(replacement)
}

// escape takes the escape sequence that b begins with.
func (d *jisDecoder) escape(b []byte) int {
	for _, e := range [...]string{toASCII, toRoman, toKana, to1978, to1983, toX0212} {
		if len(b) >= len(e) && string(b[:len(e)]) == e {
			if d.set = e; e == toASCII || e == toRoman {
				d.set = ""
			}
			d.dangling = false
			return len(e)
		}
	}
	d.bad()
	return 1
}

// run takes the printable octets that b begins with, which aren't ASCII.
func (d *jisDecoder) run(b []byte) int {
	n := 0
	for n < len(b) && b[n] > ' ' && b[n] < 0x7F {
		n++
	}
	unit := 2
	if d.set == toKana {
		unit = 1
	}
	const most = 128 // so that one fault doesn't cost the time of a long run
	for i := 0; i < n; i += most {
		d.piece(b[i:min(i+most, n)], unit)
	}
	return n
}

// piece decodes a piece of a run, character by character if there is a fault.
func (d *jisDecoder) piece(b []byte, unit int) {
	text, ok := d.characters(b)
	switch {
	case ok:
		d.out.WriteString(text)
	case len(b) <= unit:
		d.bad()
	default:
		for i := 0; i < len(b); i += unit {
			d.piece(b[i:min(i+unit, len(b))], unit)
		}
	}
}

func (d *jisDecoder) characters(b []byte) (string, bool) {
	d.buf = append(append(append(d.buf[:0], d.set...), b...), toASCII...)
	if d.set == toX0212 {
		if len(b)%2 != 0 {
			return "", false
		}
		return japaneseText(japanese.ISO2022JP.NewDecoder().Bytes(d.buf))
	}
	s, err := charset.CP50220.Decode(d.buf)
	return s, err == nil
}
