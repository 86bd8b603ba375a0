package sendmail

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/qdmail/qdmail/delivery"
)

// textBlock is how much of a message is read, checked and written at a time.
const textBlock = 32 << 10

// maxTextLine is the longest line of a message, without its line end (RFC 5321
// section 4.5.3.1.6).
const maxTextLine = 998

// writeText streams the message to w, block by block, and returns the first
// error. Of a message that turns out to be malformed or to have another size than
// it said, the block with the fault isn't written.
func writeText(w io.Writer, r io.Reader, size int64, c *textChecker) error {
	in, out := make([]byte, textBlock), make([]byte, 0, textBlock+2)
	for done := false; !done; {
		n, err := fill(r, in)
		done = err == io.EOF
		if err != nil && !done {
			return unreadable(err)
		}
		out, err = c.append(out[:0], in[:n])
		if err == nil && done {
			out, err = c.finish(out)
		}
		if err != nil {
			return err
		}
		if c.offset > size || done && c.offset != size {
			return fmt.Errorf("%w: it has %d octets or more, not %d", delivery.ErrBodyChanged, c.offset, size)
		}
		if len(out) == 0 {
			continue
		}
		if _, err := w.Write(out); err != nil {
			return &writeError{err}
		}
	}
	return nil
}

// fill reads until p is full; io.EOF says that the end was reached, with
// whatever was read before it.
func fill(r io.Reader, p []byte) (n int, err error) {
	for idle := 0; n < len(p) && err == nil; idle++ {
		var m int
		m, err = r.Read(p[n:])
		switch {
		case m < 0 || m > len(p)-n:
			return n, fmt.Errorf("it was read wrongly: %d of %d octets", m, len(p)-n)
		case m > 0:
			idle = 0
		case idle == 100:
			return n, io.ErrNoProgress
		}
		n += m
	}
	return n, err
}

// writeError is an error of the program's input, as opposed to one of the message.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

// unreadable says that reading the body failed.
func unreadable(err error) error {
	if errors.Is(err, delivery.ErrBodyChanged) {
		return err
	}
	return fmt.Errorf("%w: %w", delivery.ErrBodyUnreadable, err)
}

// textChecker checks a message, whatever pieces it comes in, and gives its lines
// the ends that the program gets.
type textChecker struct {
	crlf     bool // the lines end with CRLF, otherwise with LF
	eightBit bool // octets above 127 may come
	cr       bool // the last octet was a CR
	column   int  // octets in the current line
	offset   int64
}

// append adds the text of p to dst.
func (c *textChecker) append(dst, p []byte) ([]byte, error) {
	if i := bytes.IndexByte(p, 0); i >= 0 {
		return dst, c.malformed(i, "a NUL")
	}
	if i := indexEightBit(p); i >= 0 && !c.eightBit {
		return dst, c.malformed(i, "an octet above 127, which the envelope doesn't announce")
	}
	for at := 0; at < len(p); {
		if c.cr {
			if p[at] != '\n' {
				return dst, c.malformed(at, "a CR without LF")
			}
			dst = c.endLine(dst)
			at++
			continue
		}
		text := p[at:]
		for _, end := range []byte("\n\r") {
			if i := bytes.IndexByte(text, end); i >= 0 {
				text = text[:i]
			}
		}
		if c.column += len(text); c.column > maxTextLine {
			return dst, c.malformed(at, fmt.Sprintf("a line of more than %d octets", maxTextLine))
		}
		dst = append(dst, text...)
		if at += len(text); at == len(p) {
			break
		}
		if p[at] == '\n' {
			return dst, c.malformed(at, "an LF without CR")
		}
		c.cr = true
		at++
	}
	c.offset += int64(len(p))
	return dst, nil
}

// indexEightBit returns the index of the first octet above 127, or -1.
func indexEightBit(p []byte) int {
	for i, b := range p {
		if b >= 0x80 {
			return i
		}
	}
	return -1
}

func (c *textChecker) endLine(dst []byte) []byte {
	c.cr, c.column = false, 0
	if c.crlf {
		dst = append(dst, '\r')
	}
	return append(dst, '\n')
}

// finish ends the last line if it has no end.
func (c *textChecker) finish(dst []byte) ([]byte, error) {
	switch {
	case c.cr:
		return dst, c.malformed(0, "a CR without LF")
	case c.column > 0:
		return c.endLine(dst), nil
	}
	return dst, nil
}

func (c *textChecker) malformed(i int, what string) error {
	return fmt.Errorf("%w: it has %s at offset %d", delivery.ErrMalformedBody, what, c.offset+int64(i))
}
