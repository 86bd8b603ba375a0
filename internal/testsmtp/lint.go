package testsmtp

// maxTextLine is the limit of a line of content with its CRLF, RFC 5321 section
// 4.5.3.1.6.
const maxTextLine = 1000

// lint finds what content must not contain.
type lint struct {
	report func(string)
	seen   map[string]bool
	binary bool // anything goes
	eight  bool // octets over 127 are allowed
	prev   byte
	length int
}

func (l *lint) init(tx *transaction, report func(string)) {
	l.report, l.seen = report, make(map[string]bool)
	l.binary, l.eight = tx.binary, tx.eightBit || tx.utf8
}

// note reports something once.
func (l *lint) note(text string) {
	if !l.seen[text] {
		l.seen[text] = true
		l.report(text)
	}
}

// add looks at the next octets.
func (l *lint) add(p []byte) {
	if l.binary {
		return
	}
	prev, length := l.prev, l.length
	for _, b := range p {
		if prev == '\r' && b != '\n' {
			l.note("bare CR in the content")
		}
		switch {
		case b == '\n' && prev != '\r':
			l.note("bare LF in the content")
		case b == 0:
			l.note("NUL in the content")
		case b > 127 && !l.eight:
			l.note("8-bit content without BODY=8BITMIME")
		}
		if length++; length == maxTextLine+1 {
			l.note("a line of the content is over 1000 octets")
		}
		if b == '\n' {
			length = 0
		}
		prev = b
	}
	l.prev, l.length = prev, length
}

// end is told that there is no more.
func (l *lint) end() {
	if !l.binary && l.prev == '\r' {
		l.note("bare CR in the content")
	}
}
