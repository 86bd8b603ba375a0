package message

import (
	"bytes"
	"cmp"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/encoding/transfer"
)

// octets are a message as it travels: header and texts in one buffer, with the
// attachments to be read in between.
type octets struct {
	buf      []byte
	segments []segment
}

// segment is an attachment that follows the first end octets of the buffer.
type segment struct {
	end int
	*attached
}

// frozen is a message that was encoded.
type frozen struct {
	octets
	size      int64
	messageID string

	r      *renderer // what the report is made of
	once   sync.Once
	report *delivery.Report
}

// encodedSize is the number of octets that the content takes in the message.
func (p *attached) encodedSize() int64 {
	if p.encoding == transfer.Base64 {
		return transfer.Base64Len(p.size)
	}
	return p.size + p.bareLF
}

// Size is the number of octets of the message.
func (f *frozen) Size() int64 { return f.size }

// MessageID is the message identifier, without brackets.
func (f *frozen) MessageID() string { return f.messageID }

// Report tells what was changed on the way from the message to the body.
// It is made when somebody asks for it.
func (f *frozen) Report() *delivery.Report {
	f.once.Do(func() { f.report = f.r.makeReport() })
	return f.report
}

func (r *renderer) makeReport() *delivery.Report {
	m := cmp.Or(r.given, &Message{})
	notes := slices.Concat(r.edits, r.notes)
	if !r.plain {
		notes = append(notes, r.folded(m)...)
	}
	for i := range r.parts {
		if p := &r.parts[i]; p.was != "" {
			notes = append(notes, delivery.Note{Kind: delivery.NoteReencoded, Field: "Attachments", Index: i, From: p.was, To: p.mediaType})
		}
	}
	for _, i := range m.unshown() {
		notes = append(notes, delivery.Note{Kind: delivery.NoteUnshown, Field: "Attachments.ContentID", Index: i, From: m.Attachments[i].ContentID})
	}
	return &delivery.Report{Notes: notes}
}

// Open starts reading the message.
func (f *frozen) Open() (io.ReadCloser, error) { return &bodyReader{f: f}, nil }

// WriteTo writes the message to w.
func (o *octets) WriteTo(w io.Writer) (int64, error) {
	var total int64
	at := 0
	for i := range o.segments {
		s := &o.segments[i]
		n, err := w.Write(o.buf[at:s.end])
		total += int64(n)
		if err != nil {
			return total, err
		}
		at = s.end
		m, err := s.writeTo(w)
		total += m
		if err != nil {
			return total, err
		}
	}
	n, err := w.Write(o.buf[at:])
	return total + int64(n), err
}

// writeTo writes the encoded content to w.
func (p *attached) writeTo(w io.Writer) (int64, error) {
	r, err := p.encoded()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	if lines, ok := r.Reader.(*transfer.Base64Reader); ok {
		return lines.WriteTo(w)
	}
	// A reader or writer with a shortcut of its own would bypass the buffer.
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, 16<<10))
}

// readCloser reads from one and closes another.
type readCloser struct {
	io.Reader
	io.Closer
}

// encoded opens the content and returns a reader of it in its transfer encoding.
func (p *attached) encoded() (*readCloser, error) {
	if p.base64 != nil && p.encoding == transfer.Base64 {
		return &readCloser{bytes.NewReader(p.base64), io.NopCloser(nil)}, nil
	}
	src, err := p.reader()
	if err != nil {
		return nil, err
	}
	switch {
	case p.encoding == transfer.Base64:
		return &readCloser{transfer.NewBase64Reader(src), src}, nil
	case p.bareLF > 0:
		return &readCloser{transfer.NewCRLFReader(src), src}, nil
	}
	return &readCloser{src, src}, nil
}

// bodyReader reads a frozen message.
type bodyReader struct {
	f    *frozen
	at   int // in the buffer
	next int // segment

	mu  sync.Mutex    // Close may come while a Read blocks
	cur io.ReadCloser // the segment being read
	err error
}

func (r *bodyReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		cur, err := r.state(nil)
		if err != nil {
			return 0, err
		}
		if cur != nil {
			n, err := cur.Read(p)
			if err == io.EOF {
				err = r.leave()
			}
			if err != nil {
				_, err = r.state(err)
			}
			if n > 0 || err != nil {
				return n, err
			}
			continue
		}
		end := len(r.f.buf)
		if r.next < len(r.f.segments) {
			end = r.f.segments[r.next].end
		}
		if r.at < end {
			n := copy(p, r.f.buf[r.at:end])
			r.at += n
			return n, nil
		}
		if r.next == len(r.f.segments) {
			return 0, io.EOF
		}
		next, err := r.f.segments[r.next].encoded()
		r.next++
		if err != nil {
			_, err = r.state(err)
			return 0, err
		}
		if err := r.enter(next); err != nil {
			return 0, err
		}
	}
}

// state returns what is being read and the error that sticks, which is err if there
// was none before.
func (r *bodyReader) state(err error) (io.ReadCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
	return r.cur, r.err
}

// enter begins to read a segment, unless the reader was closed meanwhile.
func (r *bodyReader) enter(next io.ReadCloser) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		next.Close()
		return r.err
	}
	r.cur = next
	return nil
}

// leave ends a segment that was read.
func (r *bodyReader) leave() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	cur := r.cur
	r.cur = nil
	if cur == nil {
		return nil
	}
	return cur.Close()
}

// Close closes the attachment that is being read, if any. A Read that is under way
// ends with an error then.
func (r *bodyReader) Close() error {
	r.mu.Lock()
	if r.err == nil {
		r.err = os.ErrClosed
	}
	cur := r.cur
	r.cur = nil
	r.mu.Unlock()
	if cur == nil {
		return nil
	}
	return cur.Close()
}

var _ delivery.Body = (*frozen)(nil)
