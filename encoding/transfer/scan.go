package transfer

import "math/bits"

// Encoding is a Content-Transfer-Encoding (RFC 2045 section 6).
type Encoding uint8

// The encodings that this library writes. 8bit and binary aren't among them:
// what it composes passes any relay unchanged.
const (
	SevenBit Encoding = iota
	QuotedPrintable
	Base64
)

// String returns the value of the Content-Transfer-Encoding field.
func (e Encoding) String() string {
	switch e {
	case QuotedPrintable:
		return "quoted-printable"
	case Base64:
		return "base64"
	}
	return "7bit"
}

const (
	// MaxLine is the number of octets that a line may have without its CRLF
	// (RFC 5322 section 2.1.1).
	MaxLine = 998
	// encodedLine is the number of octets of a line of base64 or
	// quoted-printable (RFC 2045).
	encodedLine = 76
)

// Facts are what a Scanner saw.
type Facts struct {
	Octets   int64
	EightBit int64 // octets above 127
	Controls int64 // control characters except TAB, CR and LF; DEL among them; ESC apart
	Escapes  int64 // ESC, which ISO-2022-JP text has
	Equals   int64 // "="
	BareLF   int64 // LF without CR
	NUL      bool
	BareCR   bool // a CR without LF
	LongLine bool // a line over 998 octets
	From     bool // a line that begins with "From ", which mbox spools mangle
	Trailing bool // a line that ends in a space or a tab, which some relays strip
	Dangling bool // the last line has no line ending
}

// Scanner gathers Facts. It is an io.Writer, so a content of any size can be
// copied through it; it never fails.
type Scanner struct {
	facts  Facts
	col    int64 // octets on the current line
	l1, l2 byte  // the last octet and the one before it
	from   int   // how much of "From " the line begins with; -1 once it differs
}

// Write looks at p.
func (s *Scanner) Write(p []byte) (int, error) {
	scan(s, p)
	return len(p), nil
}

// WriteString looks at p.
func (s *Scanner) WriteString(p string) (int, error) {
	scan(s, p)
	return len(p), nil
}

// Facts returns what was seen so far, as if the content ended here.
func (s *Scanner) Facts() Facts {
	f := s.facts
	f.BareCR = f.BareCR || s.l1 == '\r'
	f.LongLine = f.LongLine || s.col > MaxLine
	f.Trailing = f.Trailing || s.col > 0 && isBlank(s.l1)
	f.Dangling = s.col > 0
	return f
}

func isBlank(ch byte) bool { return ch == ' ' || ch == '\t' }

// Scan returns the facts of a content in memory.
func Scan[T string | []byte](p T) Facts {
	var s Scanner
	scan(&s, p)
	return s.Facts()
}

// plain marks the octets that need no look: printable ASCII except "=".
var plain = func() (t [256]bool) {
	for c := '!'; c <= '~'; c++ {
		t[c] = c != '='
	}
	return t
}()

func scan[T string | []byte](s *Scanner, p T) {
	s.facts.Octets += int64(len(p))
	for i := 0; i < len(p); {
		if s.from == 0 && p[i] != 'F' {
			s.from = -1
		}
		if s.from < 0 && s.l1 != '\r' {
			if end := lines(s, p, i); end > i { // nearly everything
				i = end
				continue
			}
		}
		s.octet(p[i])
		i++
	}
}

// lines looks at p from start on, where a line is under way, and returns where that
// needs a closer look: at a control character that isn't of a CRLF, and at a line
// that begins with "F".
func lines[T string | []byte](s *Scanner, p T, start int) int {
	i, line, last := start, start-int(s.col), s.l1
	eightBit, equals, longest, trailing := 0, 0, 0, false
	for i < len(p) {
		for len(p)-i >= 8 { // as many at a time as long as they are of one kind
			x := load(p[i : i+8])
			if x&high == high {
				eightBit += 8
			} else if first := noise(x); first != 0 {
				i += bits.TrailingZeros64(first) / 8
				break
			}
			i += 8
		}
		for ; i < len(p) && p[i] >= ' ' && p[i] != 0x7F; i++ {
			if p[i] >= 0x80 {
				eightBit++
			} else if p[i] == '=' {
				equals++
			}
		}
		if i > start {
			last = p[i-1]
		}
		if len(p)-i < 2 || p[i] != '\r' || p[i+1] != '\n' {
			break
		}
		longest = max(longest, i-line)
		trailing = trailing || i > line && isBlank(last)
		i += 2
		if line = i; i < len(p) && p[i] == 'F' {
			break
		}
	}
	s.facts.EightBit += int64(eightBit)
	s.facts.Equals += int64(equals)
	s.facts.LongLine = s.facts.LongLine || longest > MaxLine
	s.facts.Trailing = s.facts.Trailing || trailing
	if i > line {
		s.l1, s.col, s.from = last, int64(i-line), -1
	} else if i > start {
		s.l1, s.l2, s.col, s.from = '\n', 0, 0, 0
	}
	return i
}

const (
	ones = 0x0101010101010101
	high = 0x80 * ones
)

// noise tells which of eight octets, the first one in the low bits, is none of the
// quiet ones, which are printable ASCII and space without "=". Only the first that
// it tells is certain.
func noise(x uint64) uint64 {
	return (x | (x + ones) | (x - ' '*ones) | ((x ^ '='*ones) - ones)) & high
}

// load makes one number of eight octets.
func load[T string | []byte](p T) uint64 {
	return uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16 | uint64(p[3])<<24 |
		uint64(p[4])<<32 | uint64(p[5])<<40 | uint64(p[6])<<48 | uint64(p[7])<<56
}

// octet looks at one octet of any kind.
func (s *Scanner) octet(ch byte) {
	if ch != '\n' && s.l1 == '\r' {
		s.facts.BareCR = true
	}
	if s.from >= 0 {
		s.matchFrom(ch)
	}
	if ch == '\n' {
		if s.l1 == '\r' {
			s.endLine(s.col-1, s.l2)
		} else {
			s.facts.BareLF++
			s.endLine(s.col, s.l1)
		}
		return
	}
	s.l1, s.l2 = ch, s.l1
	s.col++
	if !plain[ch] {
		s.count(ch)
	}
}

func (s *Scanner) matchFrom(ch byte) {
	const from = "From "
	if ch != from[s.from] {
		s.from = -1
	} else if s.from++; s.from == len(from) {
		s.facts.From = true
		s.from = -1
	}
}

// endLine ends a line of the given length and last octet, without its line ending.
func (s *Scanner) endLine(length int64, last byte) {
	s.facts.LongLine = s.facts.LongLine || length > MaxLine
	s.facts.Trailing = s.facts.Trailing || length > 0 && isBlank(last)
	s.l1, s.l2, s.col, s.from = '\n', 0, 0, 0
}

func (s *Scanner) count(ch byte) {
	switch f := &s.facts; {
	case ch >= 0x80:
		f.EightBit++
	case ch == 0x1B:
		f.Escapes++
	case ch == '=':
		f.Equals++
	case ch < ' ' && ch != '\t' && ch != '\r', ch == 0x7F:
		f.Controls++
		f.NUL = f.NUL || ch == 0
	}
}
