package transfer

import (
	"io"
	"strings"
)

// AppendCRLF appends s with every line ending (CRLF, LF or CR) made CRLF, as
// text on the wire has to be (RFC 2045 section 2.10). It adds none at the end.
func AppendCRLF(dst []byte, s string) []byte {
	for {
		i := strings.IndexAny(s, "\r\n")
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		dst = append(dst, '\r', '\n')
		if s[i] == '\r' && i+1 < len(s) && s[i+1] == '\n' {
			i++
		}
		s = s[i+1:]
	}
}

// IsCRLF reports whether every line ending of s is CRLF already.
func IsCRLF(s string) bool {
	for {
		i := strings.IndexAny(s, "\r\n")
		if i < 0 {
			return true
		}
		if s[i] == '\n' || i+1 == len(s) || s[i+1] != '\n' {
			return false
		}
		s = s[i+2:]
	}
}

// CRLFReader reads text with LF or CRLF line endings from r and gives CRLF. A CR
// that stands alone passes.
type CRLFReader struct {
	r    io.Reader
	in   [4096]byte
	out  []byte // what is still to be given
	buf  []byte
	last byte
	err  error
}

// NewCRLFReader returns a CRLFReader. It holds about 12 KB.
func NewCRLFReader(r io.Reader) *CRLFReader { return &CRLFReader{r: r} }

// Read gives the next octets.
func (c *CRLFReader) Read(p []byte) (int, error) {
	for len(c.out) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		var n int
		n, c.err = c.r.Read(c.in[:])
		c.buf = c.buf[:0]
		for _, ch := range c.in[:n] {
			if ch == '\n' && c.last != '\r' {
				c.buf = append(c.buf, '\r')
			}
			c.buf = append(c.buf, ch)
			c.last = ch
		}
		c.out = c.buf
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}
