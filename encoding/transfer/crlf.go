package transfer

import (
	"io"
	"strings"
)

// AppendCRLF appends s with every line ending (CRLF, LF or CR) made CRLF, as
// text on the wire has to be (RFC 2045 section 2.10). It adds none at the end.
func AppendCRLF(dst []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, '\n')
		line := s[:max(i, 0)]
		if i < 0 {
			line = s
		}
		if n := len(line); i >= 0 && n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		for {
			cr := strings.IndexByte(line, '\r')
			if cr < 0 {
				break
			}
			dst = append(dst, line[:cr]...)
			dst = append(dst, '\r', '\n')
			line = line[cr+1:]
		}
		dst = append(dst, line...)
		if i < 0 {
			return dst
		}
		dst = append(dst, '\r', '\n')
		s = s[i+1:]
	}
}

// IsCRLF reports whether every line ending of s is CRLF already.
func IsCRLF(s string) bool {
	for {
		i := strings.IndexByte(s, '\n')
		if i < 0 {
			return strings.IndexByte(s, '\r') < 0
		}
		if i == 0 || strings.IndexByte(s[:i], '\r') != i-1 {
			return false
		}
		s = s[i+1:]
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
