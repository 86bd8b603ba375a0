package transfer

import "io"

// AppendQuotedPrintable appends text in quoted-printable (RFC 2045 section 6.7).
// Line endings of src must be CRLF and stay so; any other CR or LF is encoded. No
// line exceeds 76 octets, a space or tab at the end of a line is encoded, and so
// are a "." that stands alone and a "From " at the beginning of a line, which
// relays and mail spools change. No UTF-8 character is split by a soft line break
// where one fits on a line.
func AppendQuotedPrintable[T string | []byte](dst []byte, src T) []byte {
	e := qpEncoder{dst: dst}
	encodeQP(&e, src, true)
	return e.dst
}

// qpLook is how many octets a decision may have to look at.
const qpLook = 5

// qpEncoder appends to dst; col is the number of octets on the current line.
type qpEncoder struct {
	dst []byte
	col int
}

const upperHex = "0123456789ABCDEF"

// encodeQP encodes src and returns how much of it: all if it is the last piece,
// otherwise all but what can't be judged without the next one.
func encodeQP[T string | []byte](e *qpEncoder, src T, last bool) int {
	i := 0
	for i < len(src) && (last || len(src)-i >= qpLook) {
		ch := src[i]
		if e.col > 0 && e.col < encodedLine-1 && plain[ch] {
			e.dst = append(e.dst, ch) // nearly everything, in most texts
			e.col++
			i++
			continue
		}
		if ch == '\r' && i+1 < len(src) && src[i+1] == '\n' {
			e.dst = append(e.dst, '\r', '\n')
			e.col = 0
			i += 2
			continue
		}
		if ch >= 0x80 {
			i += encodeQPRune(e, src[i:])
			continue
		}
		end := i+1 == len(src) || i+2 < len(src) && src[i+1] == '\r' && src[i+2] == '\n'
		switch {
		case plain[ch]:
			start := e.col == 0 || e.col == encodedLine-1 && !end
			if start && (ch == '.' && end || ch == 'F' && i+5 <= len(src) && string(src[i:i+5]) == "From ") {
				e.escape(ch, end)
			} else {
				e.literal(ch, end)
			}
		case ch == ' ' && !end:
			e.literal(ch, false)
		default:
			e.escape(ch, end)
		}
		i++
	}
	return i
}

// encodeQPRune encodes the UTF-8 sequence that src begins with, or one octet if
// it is none.
func encodeQPRune[T string | []byte](e *qpEncoder, src T) int {
	size := 1
	switch {
	case src[0] >= 0xF0:
		size = 4
	case src[0] >= 0xE0:
		size = 3
	case src[0] >= 0xC0:
		size = 2
	}
	for i := 1; i < size; i++ {
		if i == len(src) || src[i]&0xC0 != 0x80 {
			size = i
		}
	}
	if e.col+3*size > encodedLine-1 {
		e.soft()
	}
	for i := range size {
		e.escape(src[i], false)
	}
	return size
}

func (e *qpEncoder) soft() {
	e.dst = append(e.dst, "=\r\n"...)
	e.col = 0
}

// literal appends ch as it is. At the end of a line it may use the last column,
// where otherwise the "=" of a soft break has to fit.
func (e *qpEncoder) literal(ch byte, end bool) {
	if e.col == encodedLine-1 && !end {
		e.soft()
	}
	e.dst = append(e.dst, ch)
	e.col++
}

func (e *qpEncoder) escape(ch byte, end bool) {
	if n := e.col + 3; n > encodedLine || n == encodedLine && !end {
		e.soft()
	}
	e.dst = append(e.dst, '=', upperHex[ch>>4], upperHex[ch&15])
	e.col += 3
}

// QuotedPrintableWriter writes quoted-printable to w, as AppendQuotedPrintable
// does, however the text is cut into pieces. Close writes what is left; it
// doesn't close w.
type QuotedPrintableWriter struct {
	w   io.Writer
	enc qpEncoder
	in  []byte
	err error
}

// NewQuotedPrintableWriter returns a QuotedPrintableWriter.
func NewQuotedPrintableWriter(w io.Writer) *QuotedPrintableWriter {
	return &QuotedPrintableWriter{w: w}
}

// Write encodes p. The first error of the underlying writer sticks.
func (q *QuotedPrintableWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && q.err == nil {
		k := min(len(p), 4096)
		q.in = append(q.in, p[:k]...)
		p = p[k:]
		q.flush(false)
	}
	if q.err != nil {
		return 0, q.err
	}
	return n, nil
}

func (q *QuotedPrintableWriter) flush(last bool) {
	q.enc.dst = q.enc.dst[:0]
	used := encodeQP(&q.enc, q.in, last)
	q.in = q.in[:copy(q.in, q.in[used:])]
	_, q.err = q.w.Write(q.enc.dst)
}

// Close writes the end of the text.
func (q *QuotedPrintableWriter) Close() error {
	if q.err == nil && len(q.in) > 0 {
		q.flush(true)
	}
	return q.err
}
