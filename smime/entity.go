package smime

import (
	"bytes"
	"crypto"
	"fmt"
	"hash"
	"io"
)

// maxLine is the number of octets that a line may have without its line ending
// (RFC 5322 section 2.1.1).
const maxLine = 998

// source is an entity that was read once, to know its size and digest. Reading it
// again fails if it isn't what it was.
type source struct {
	entity func() (io.ReadCloser, error)
	hash   crypto.Hash
	size   int64
	digest []byte
	bareLF bool // line endings have to be made CRLF
}

// measure reads an entity in its canonical form (RFC 8551 section 3.1.1), with
// CRLF line endings, and checks that it is fit to travel (section 3.1.3).
func measure(entity func() (io.ReadCloser, error), h crypto.Hash) (*source, error) {
	r, err := entity()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s := &source{entity: entity, hash: h}
	c := &canonical{src: r}
	sum := h.New()
	if s.size, err = copyAll(sum, c); err != nil {
		return nil, err
	}
	s.digest, s.bareLF = sum.Sum(nil), c.bareLF
	return s, nil
}

// open starts to read the entity again.
func (s *source) open() (io.ReadCloser, error) {
	r, err := s.entity()
	if err != nil {
		return nil, err
	}
	out := &checkedReader{Reader: r, Closer: r, source: s, sum: s.hash.New()}
	if s.bareLF {
		out.Reader = &canonical{src: r}
	}
	return out, nil
}

// checkedReader compares what is read with what was measured.
type checkedReader struct {
	io.Reader
	io.Closer
	source *source
	sum    hash.Hash
	n      int64
}

func (r *checkedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += int64(n)
	r.sum.Write(p[:n])
	if r.n > r.source.size || err == io.EOF && !bytes.Equal(r.sum.Sum(nil), r.source.digest) {
		return 0, fail(ErrChanged)
	}
	return n, err
}

// copyAll is io.Copy with a buffer that is small as long as it suffices: most mails
// are. Shortcuts of readers and writers would bring one of their own.
func copyAll(dst io.Writer, src io.Reader) (written int64, err error) {
	buf := make([]byte, 4<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			w, err := dst.Write(buf[:n])
			written += int64(w)
			if err != nil {
				return written, err
			}
		}
		switch {
		case err == io.EOF:
			return written, nil
		case err != nil:
			return written, err
		case n == len(buf) && n < 16<<10:
			buf = make([]byte, 16<<10)
		}
	}
}

// canonical makes all line endings CRLF and refuses what isn't 7-bit text.
type canonical struct {
	src     io.Reader
	pending []byte // what didn't fit
	err     error  // after pending
	last    byte
	column  int
	bareLF  bool // there was one
}

func (c *canonical) Read(p []byte) (int, error) {
	if len(c.pending) > 0 || c.err != nil {
		n := copy(p, c.pending)
		c.pending = c.pending[n:]
		if len(c.pending) > 0 {
			return n, nil
		}
		return n, c.err
	}
	n, err := c.src.Read(p)
	last := c.last
	bare, fault := c.check(p[:n])
	if fault == "" && err == io.EOF && c.last == '\r' {
		fault = "a CR without LF"
	}
	if fault != "" {
		c.err = fail(fmt.Errorf("the content %w: it has %s", ErrEntity, fault))
		return 0, c.err
	}
	if bare == 0 {
		return n, err
	}
	c.bareLF = true
	c.pending, c.err = crlf(make([]byte, 0, n+bare), p[:n], last), err
	return c.Read(p)
}

// check looks at the next octets and counts the LFs without CR.
func (c *canonical) check(p []byte) (bare int, fault string) {
	for i := 0; i < len(p); i++ {
		if c.last != '\r' {
			start := i
			for i < len(p) && p[i] >= ' ' && p[i] < 0x7F { // nearly everything
				i++
			}
			if c.column += i - start; c.column > maxLine {
				return 0, "a line that is too long"
			}
			if i == len(p) {
				c.last = ' '
				return bare, ""
			}
			if i > start {
				c.last = ' '
			}
		}
		switch b := p[i]; {
		case b == '\n':
			if c.last != '\r' {
				bare++
			}
			c.column = 0
		case c.last == '\r':
			return 0, "a CR without LF"
		case b == 0 || b >= 0x80:
			return 0, "octets that aren't 7-bit text"
		case b != '\r':
			c.column++
		}
		c.last = p[i]
	}
	return bare, ""
}

// crlf appends p to dst with all line endings CRLF; last is the octet before p.
func crlf(dst, p []byte, last byte) []byte {
	for _, b := range p {
		if b == '\n' && last != '\r' {
			dst = append(dst, '\r')
		}
		dst = append(dst, b)
		last = b
	}
	return dst
}
