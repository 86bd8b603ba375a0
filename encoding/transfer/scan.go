package transfer

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
	for i := 0; i < len(p); i++ {
		ch := p[i]
		if ch != '\n' && s.l1 == '\r' {
			s.facts.BareCR = true
		}
		if s.from >= 0 {
			s.matchFrom(ch)
		} else if plain[ch] { // a run of them, which is nearly everything
			first := i
			for i+1 < len(p) && plain[p[i+1]] {
				i++
			}
			if i > first {
				s.l1 = p[i-1]
			}
			s.col += int64(i - first)
		}
		if ch = p[i]; ch == '\n' {
			s.endLine()
			continue
		}
		s.l1, s.l2 = ch, s.l1
		s.col++
		if !plain[ch] {
			s.count(ch)
		}
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

func (s *Scanner) endLine() {
	length, last := s.col, s.l1
	if last == '\r' {
		length, last = length-1, s.l2
	} else {
		s.facts.BareLF++
	}
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
