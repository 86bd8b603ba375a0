package smtp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/qdmail/qdmail/delivery"
)

// bodyBlock is how much of a message is read, checked and written at a time.
const bodyBlock = 64 << 10

// maxTextLine is the longest line of a message, without its line end and
// without the dot that stuffing adds (RFC 5321 section 4.5.3.1.6).
const maxTextLine = 998

// blocks are the buffers that a message passes through.
type blocks struct {
	in  [bodyBlock]byte
	out [bodyBlock + bodyBlock/3 + 4]byte // ".\r\n" becomes "..\r\n": a third more at most
}

var blockPool = sync.Pool{New: func() any { return new(blocks) }}

// sendBody streams the message, dot-stuffed, to write, block by block, and
// returns the first error. Of a message that turns out to be malformed or to
// have another size than it said, the block with the fault isn't written. The
// final dot isn't part of it.
func sendBody(r io.Reader, size int64, eightBit bool, write func(p []byte) error) error {
	b := blockPool.Get().(*blocks)
	defer blockPool.Put(b)
	s := newStuffer(eightBit)
	for done := false; !done; {
		n, err := fill(r, b.in[:])
		done = err == io.EOF
		if err != nil && !done {
			return unreadable(err)
		}
		out, err := s.append(b.out[:0], b.in[:n])
		if err == nil && done {
			out, err = s.finish(out)
		}
		if err != nil {
			return err
		}
		if s.offset > size || done && s.offset != size {
			return bodyFault(fmt.Errorf("it has %d octets or more, not %d", s.offset, size))
		}
		if len(out) > 0 {
			if err := write(out); err != nil {
				return &writeError{err}
			}
		}
	}
	return nil
}

// readChunk reads and checks a message that is to be sent in one piece. It uses
// the memory of buf if that is enough.
func readChunk(r io.Reader, size int64, eightBit bool, buf []byte) ([]byte, error) {
	b := blockPool.Get().(*blocks)
	defer blockPool.Put(b)
	s := &stuffer{eightBit: eightBit, plain: true}
	out := slices.Grow(buf[:0], int(size)+len("\r\n"))
	for {
		n, err := fill(r, b.in[:])
		done := err == io.EOF
		if err != nil && !done {
			return nil, unreadable(err)
		}
		if out, err = s.append(out, b.in[:n]); err != nil {
			return nil, err
		}
		if s.offset > size || done && s.offset != size {
			return nil, bodyFault(fmt.Errorf("it has %d octets or more, not %d", s.offset, size))
		}
		if done {
			return s.finish(out)
		}
	}
}

// fill reads until p is full; io.EOF says that the end was reached, with
// whatever was read before it.
func fill(r io.Reader, p []byte) (n int, err error) {
	for idle := 0; n < len(p) && err == nil; {
		var m int
		m, err = r.Read(p[n:])
		if m < 0 || m > len(p)-n {
			return n, fmt.Errorf("it was read wrongly: %d of %d octets", m, len(p)-n)
		}
		n += m
		if idle++; m > 0 {
			idle = 0
		}
		if idle == 100 {
			return n, io.ErrNoProgress
		}
	}
	return n, err
}

// writeError is an error of the connection, as opposed to one of the message.
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

// bodyFault says that the body isn't what it was when its size was taken.
func bodyFault(err error) error {
	if errors.Is(err, delivery.ErrBodyChanged) {
		return err
	}
	return fmt.Errorf("%w: %w", delivery.ErrBodyChanged, err)
}

// stuffer checks a message and doubles the dots at the start of its lines (RFC
// 5321 section 4.5.2), whatever pieces it comes in.
type stuffer struct {
	eightBit bool
	plain    bool  // only check: BDAT needs no stuffing (RFC 3030 section 2)
	cr       bool  // the last octet was a CR
	column   int   // octets in the current line
	offset   int64 // octets so far
}

func newStuffer(eightBit bool) *stuffer { return &stuffer{eightBit: eightBit} }

// append adds p, stuffed, to dst.
func (s *stuffer) append(dst, p []byte) ([]byte, error) {
	if i := bytes.IndexByte(p, 0); i >= 0 {
		return dst, s.malformed(i, "a NUL")
	}
	if i := indexEightBit(p); i >= 0 && !s.eightBit {
		return dst, s.malformed(i, "an octet above 127, which the envelope doesn't announce")
	}
	for at := 0; at < len(p); {
		if s.cr {
			if p[at] != '\n' {
				return dst, s.malformed(at, "a CR without LF")
			}
			dst = append(dst, '\n')
			s.cr, s.column = false, 0
			at++
			continue
		}
		line, _, ended := bytes.Cut(p[at:], []byte("\n"))
		text, rest, cr := bytes.Cut(line, []byte("\r"))
		switch {
		case len(rest) > 0:
			return dst, s.malformed(at+len(text), "a CR without LF")
		case ended && !cr:
			return dst, s.malformed(at+len(text), "an LF without CR")
		}
		if s.column == 0 && !s.plain && len(text) > 0 && text[0] == '.' {
			dst = append(dst, '.')
		}
		if s.column += len(text); s.column > maxTextLine {
			return dst, s.malformed(at, fmt.Sprintf("a line of more than %d octets", maxTextLine))
		}
		dst = append(dst, line...)
		s.cr = cr
		at += len(line)
	}
	s.offset += int64(len(p))
	return dst, nil
}

// indexEightBit returns the index of the first octet above 127, or -1.
func indexEightBit(p []byte) int {
	i := 0
	for ; i+8 <= len(p); i += 8 {
		if binary.NativeEndian.Uint64(p[i:])&0x8080808080808080 != 0 {
			break
		}
	}
	for ; i < len(p); i++ {
		if p[i] >= 0x80 {
			return i
		}
	}
	return -1
}

// finish ends the last line if it has no end.
func (s *stuffer) finish(dst []byte) ([]byte, error) {
	switch {
	case s.cr:
		return dst, s.malformed(0, "a CR without LF")
	case s.column > 0:
		s.column = 0
		return append(dst, "\r\n"...), nil
	}
	return dst, nil
}

func (s *stuffer) malformed(i int, what string) error {
	return fmt.Errorf("%w: it has %s at offset %d", delivery.ErrMalformedBody, what, s.offset+int64(i))
}
