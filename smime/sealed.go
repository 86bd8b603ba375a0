package smime

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Sealed is a message that was signed or encrypted, header and all; it is a
// delivery.Body without knowing that package. Each reading gives the same octets,
// and reads what it was made of again.
type Sealed struct {
	header *header
	entity *frozen
}

// header is that of a message, in two: the fields about the message, and those
// about its content with a blank line.
type header struct {
	outer, inner []byte
	messageID    string
}

// Size is the number of octets of the message.
func (s *Sealed) Size() int64 { return int64(len(s.header.outer)) + s.entity.size }

// MessageID is the message identifier, without brackets; empty if there is none.
func (s *Sealed) MessageID() string { return s.header.messageID }

// Open starts reading the message.
func (s *Sealed) Open() (io.ReadCloser, error) {
	r, err := s.entity.open()
	if err != nil {
		return nil, err
	}
	return around(s.header.outer, r, nil), nil
}

// frozen is an entity after it was signed or encrypted.
type frozen struct {
	size int64
	open func() (io.ReadCloser, error)
}

// stream is a reader on the way from something that has to be closed.
type stream struct {
	io.Reader
	io.Closer
}

// around returns what is read with octets before and after it.
func around(before []byte, r io.ReadCloser, after []byte) io.ReadCloser {
	return stream{io.MultiReader(bytes.NewReader(before), r, bytes.NewReader(after)), r}
}

// writeTo writes the entity.
func (f *frozen) writeTo(dst io.Writer) error {
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = copyAll(dst, r)
	return err
}

// seal applies freeze to the content of a message: the fields that describe it go
// along, and all others stay outside (RFC 8551 section 3.1).
func seal(mail func() (io.ReadCloser, error), freeze func(func() (io.ReadCloser, error)) (*frozen, error)) (*Sealed, error) {
	r, err := mail()
	if err != nil {
		return nil, err
	}
	h, err := readHeader(bufio.NewReader(r))
	r.Close()
	if err != nil {
		return nil, err
	}
	entity := func() (io.ReadCloser, error) {
		r, err := mail()
		if err != nil {
			return nil, err
		}
		body := bufio.NewReader(r)
		if _, err := readHeader(body); err != nil {
			r.Close()
			return nil, err
		}
		return around(h.inner, stream{body, r}, nil), nil
	}
	f, err := freeze(entity)
	if err != nil {
		return nil, err
	}
	return &Sealed{h, f}, nil
}

// maxHeader is the most octets that a header may have.
const maxHeader = 1 << 20

var errHeader = fmt.Errorf("the header of the message %w", ErrFormat)

// readHeader reads the header of a message, and MIME-Version into it if there is
// none.
func readHeader(r *bufio.Reader) (*header, error) {
	h := &header{}
	to, name, version := &h.outer, "", false
	for size := 0; ; {
		line, err := r.ReadSlice('\n')
		if size += len(line); err != nil || size > maxHeader {
			if err == nil || err == io.EOF || err == bufio.ErrBufferFull {
				err = fail(errHeader)
			}
			return nil, err
		}
		text := bytes.TrimRight(line, "\r\n")
		if len(text) == 0 {
			break
		}
		value := text
		if text[0] != ' ' && text[0] != '\t' {
			before, after, found := bytes.Cut(text, []byte(":"))
			if name = strings.ToLower(string(bytes.TrimRight(before, " \t"))); !found || name == "" {
				return nil, fail(fmt.Errorf("%w: a line is no field", errHeader))
			}
			value, version = after, version || name == "mime-version"
			if to = &h.outer; strings.HasPrefix(name, "content-") {
				to = &h.inner
			}
		}
		if name == "message-id" {
			h.messageID += string(bytes.Trim(value, " \t<>"))
		}
		*to = append(append(*to, text...), "\r\n"...)
	}
	if !version {
		h.outer = append(h.outer, "MIME-Version: 1.0\r\n"...)
	}
	h.inner = append(h.inner, "\r\n"...)
	return h, nil
}
