package message

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/transfer"
)

// Signer signs the content of messages, as *smime.Signer does.
type Signer interface {
	// Sign writes the entity, header and body, signed to dst, as an entity that
	// takes its place.
	Sign(dst io.Writer, entity func() (io.ReadCloser, error)) error
}

// HeaderSigner makes a header field that stands for a whole message, as
// *dkim.Signer does.
type HeaderSigner interface {
	// SignMessage returns the field, or several, each with its CRLF, to be put
	// before the message that open reads; empty for none.
	SignMessage(open func() (io.ReadCloser, error)) (field string, err error)
}

// Unsigned, as the Signer of a message, leaves it unsigned whatever the Encoder
// has.
type Unsigned struct{}

// Sign fails; Encode doesn't call it.
func (Unsigned) Sign(io.Writer, func() (io.ReadCloser, error)) error {
	return errors.New("message: Unsigned doesn't sign")
}

// freezer is a Signer whose result can be read again and again without being kept
// in memory.
type freezer interface {
	Freeze(entity func() (io.ReadCloser, error)) (open func() (io.ReadCloser, error), size int64, err error)
}

// signer returns who signs m, or nil.
func (e *Encoder) signer(m *Message) Signer {
	s := m.Signer
	if s == nil {
		s = e.Signer
	}
	if _, ok := s.(Unsigned); ok {
		return nil
	}
	return s
}

// writeSigned is WriteTo for a message that has a Signer.
func (m *Message) writeSigned(w io.Writer) (int64, error) {
	body, err := new(Encoder).Encode(m)
	if err != nil {
		return 0, err
	}
	r, err := body.Open()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return io.Copy(w, r)
}

// checkSigner asks the signer whether it can sign for the sender.
func (r *renderer) checkSigner(s Signer) error {
	c, ok := s.(interface {
		CheckFrom(addresses ...string) error
	})
	if !ok {
		return nil
	}
	from := []string{r.wire(r.m.From.Address)}
	if !r.m.Sender.isZero() {
		from = append(from, r.wire(r.m.Sender.Address))
	}
	if err := c.CheckFrom(from...); err != nil {
		var errs Errors
		errs.add("From.Address", -1, err)
		return errs
	}
	return nil
}

// signed is a message that was signed: what comes before, and the rest of it.
type signed struct {
	head []byte
	open func() (io.ReadCloser, error)
	size int64 // of it all
	*frozen
}

// Size is the length of the signed message.
func (s *signed) Size() int64 { return s.size }

// Open starts reading the signed message.
func (s *signed) Open() (io.ReadCloser, error) {
	rest, err := s.open()
	if err != nil {
		return nil, err
	}
	return &readCloser{io.MultiReader(bytes.NewReader(s.head), rest), rest}, nil
}

// sign has the content of f signed by s, if there is one, and then the whole of
// it by the HeaderSigner, if there is one. The content begins after entity
// octets.
func (e *Encoder) sign(f *frozen, entity int, s Signer) (delivery.Body, error) {
	var body delivery.Body = f
	if s != nil {
		open, size, err := freezeSigned(s, f.from(entity).Open)
		if err != nil {
			return nil, err
		}
		body = &signed{head: f.buf[:entity], open: open, size: int64(entity) + size, frozen: f}
	}
	if e.HeaderSigner == nil {
		return body, nil
	}
	field, err := e.HeaderSigner.SignMessage(body.Open)
	if err != nil {
		return nil, err
	}
	if err := checkFields(field); err != nil {
		return nil, fmt.Errorf("message: the HeaderSigner: %w", err)
	}
	return &signed{head: []byte(field), open: body.Open, size: int64(len(field)) + body.Size(), frozen: f}, nil
}

// freezeSigned lets a signer work once and keeps what it made.
func freezeSigned(s Signer, entity func() (io.ReadCloser, error)) (open func() (io.ReadCloser, error), size int64, err error) {
	if f, ok := s.(freezer); ok {
		return f.Freeze(entity)
	}
	var buf bytes.Buffer
	if err := s.Sign(&buf, entity); err != nil {
		return nil, 0, err
	}
	made := buf.Bytes()
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(made)), nil }, int64(len(made)), nil
}

// from is the message without its first octets.
func (f *frozen) from(at int) *frozen {
	rest := &frozen{octets: octets{buf: f.buf[at:]}, size: f.size - int64(at)}
	for _, s := range f.segments {
		s.end -= at
		rest.segments = append(rest.segments, s)
	}
	return rest
}

// checkFields sees to it that text consists of whole header fields and nothing
// else.
func checkFields(text string) error {
	for first := true; text != ""; first = false {
		line, rest, ok := strings.Cut(text, crlf)
		name, _, colon := strings.Cut(line, ":")
		folded := line != "" && (line[0] == ' ' || line[0] == '\t')
		switch {
		case !ok, strings.ContainsAny(line, "\r\n\x00"), len(line) > transfer.MaxLine:
			return errors.New("what it made isn't made of lines")
		case folded && (first || strings.TrimLeft(line, " \t") == ""), !folded && (!colon || name == "" || strings.ContainsAny(name, " \t")):
			return errors.New("what it made is no header field")
		}
		text = rest
	}
	return nil
}

// sturdier is the encoding of a text that goes unencoded: another one if it is
// signed and has what relays are known to change (RFC 8551 section 3.1.3).
func sturdier[T string | []byte](r *renderer, enc transfer.Encoding, f transfer.Facts, cs charset.Charset, body T) transfer.Encoding {
	switch {
	case !r.signed || enc != transfer.SevenBit || !f.From && !f.Trailing && !longLines(body):
		return enc
	case cs.JIS():
		return transfer.Base64
	}
	return transfer.QuotedPrintable
}

// longLines reports a line of more than 76 octets.
func longLines[T string | []byte](body T) bool {
	column := 0
	for i := range len(body) {
		if column++; body[i] == '\n' {
			column = 0
		} else if column > 76 && body[i] != '\r' {
			return true
		}
	}
	return false
}
