package message

import (
	"bytes"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/encoding/transfer"
)

// Attachment is a file that goes with a message. It is made by File, FS, Bytes or
// Open, and its exported fields may be changed after that. Its content is read
// when the message is encoded and again each time the message is sent; it is
// never held in memory as a whole.
type Attachment struct {
	// Name is the file name that the reader sees, without a folder. Default:
	// that of the source.
	Name string
	// ContentType is the media type, with parameters if need be. Default: by the
	// extension of Name, and application/octet-stream if that is unknown.
	ContentType string
	// ContentID makes the file a part that the HTML shows by "cid:"; it is given
	// without brackets. Default: none, an ordinary attachment.
	ContentID string
	// NameCharset is the charset of the name for readers that don't know RFC
	// 2231. Default: Message.HeaderCharset.
	NameCharset Charset

	source source
}

// source is where the content comes from.
type source struct {
	open   func() (io.ReadCloser, error)
	data   []byte // instead of open
	base64 []byte // of data, if it was encoded before
	made   bool   // by a constructor
}

// File returns an attachment with the content and the name of a file.
func File(name string) Attachment {
	return Attachment{
		Name:   filepath.Base(name),
		source: source{made: true, open: func() (io.ReadCloser, error) { return os.Open(name) }},
	}
}

// FS returns an attachment with the content and the name of a file in fsys, such
// as an embed.FS.
func FS(fsys fs.FS, name string) Attachment {
	return Attachment{
		Name:   path.Base(name),
		source: source{made: true, open: func() (io.ReadCloser, error) { return fsys.Open(name) }},
	}
}

// Bytes returns an attachment with the content of data, which must not change
// while the message is in use.
func Bytes(name string, data []byte) Attachment {
	return Attachment{Name: name, source: source{made: true, data: data}}
}

// Open returns an attachment whose content comes from what open returns. It is
// called once when the message is encoded and once for each sending, and has to
// give the same content each time; one that differs is refused before the
// message is complete.
//
// A reader that blocks holds up Encode, which has no context; while sending, the
// end of the context closes it.
func Open(name string, open func() (io.ReadCloser, error)) Attachment {
	if open == nil {
		return Attachment{Name: name} // which is refused when it is encoded
	}
	return Attachment{Name: name, source: source{made: true, open: open}}
}

// Inline returns a copy of a that the HTML shows as <img src="cid:...">. The cid
// is given without brackets; one that has an "@", such as "logo@example.jp", is
// what the standard wants.
func Inline(cid string, a Attachment) Attachment {
	a.ContentID = cid
	return a
}

// Preload returns a copy of a whose content is read now and kept, ready to travel,
// so that it is read and encoded once for many messages. It is for mail merges; a
// content over max octets stays where it is, and so does an attached message.
func Preload(a Attachment, max int64) (Attachment, error) {
	t := a.ContentType
	if t == "" {
		t = mediaType(fileName(a.Name))
	}
	if a.source.base64 != nil || strings.HasPrefix(t, "message/") {
		return a, nil
	}
	c, err := a.source.inspect(nil)
	if err != nil || c.size > max {
		return a, err
	}
	r, err := c.reader()
	if err != nil {
		return a, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return a, err
	}
	a.source = source{made: true, data: data, base64: transfer.AppendBase64(nil, data)}
	return a, nil
}

// content is a source that was looked at once: what it must be at each reading.
type content struct {
	source
	size  int64     // octets
	mod   time.Time // modification time, of files
	crc   uint32    // of what isn't a file
	check bool      // crc is known
}

var errNoReader = errors.New("gave neither a reader nor an error")

var errNotMade = errors.New("is no attachment: use File, FS, Bytes or Open")

// inspect opens the source once and learns its size: from the file system where
// it is a file, and by reading it otherwise. What it reads goes to look as well,
// if that isn't nil, and then files are read, too.
func (s source) inspect(look io.Writer) (*content, error) {
	switch {
	case !s.made:
		return nil, errNotMade
	case s.open == nil && s.data == nil:
		s.data = []byte{}
	}
	c := &content{source: s}
	if s.data != nil {
		c.size = int64(len(s.data))
		if look != nil {
			look.Write(s.data)
		}
		return c, nil
	}
	r, err := s.open()
	if err == nil && r == nil {
		err = errNoReader
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if f, ok := r.(interface{ Stat() (fs.FileInfo, error) }); ok {
		fi, err := f.Stat()
		if err != nil {
			return nil, err
		}
		if fi.IsDir() {
			return nil, &fs.PathError{Op: "read", Path: fi.Name(), Err: errors.New("is a folder")}
		}
		if fi.Mode().IsRegular() {
			c.size, c.mod = fi.Size(), fi.ModTime()
			if look == nil {
				return c, nil
			}
		}
	}
	sum := crc32.New(castagnoli)
	w := io.Writer(sum)
	if look != nil {
		w = io.MultiWriter(sum, look)
	}
	c.size, err = io.Copy(w, r)
	c.crc, c.check = sum.Sum32(), true
	return c, err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// reader opens the source again. Reading it to its end fails if it isn't what it
// was.
func (c *content) reader() (io.ReadCloser, error) {
	if c.data != nil {
		return io.NopCloser(bytes.NewReader(c.data)), nil
	}
	r, err := c.open()
	if err == nil && r == nil {
		err = errNoReader
	}
	if err != nil {
		return nil, err
	}
	if f, ok := r.(interface{ Stat() (fs.FileInfo, error) }); ok && !c.mod.IsZero() {
		fi, err := f.Stat()
		if err == nil && (fi.Size() != c.size || !fi.ModTime().Equal(c.mod)) {
			err = fmt.Errorf("%w: %s", delivery.ErrBodyChanged, fi.Name())
		}
		if err != nil {
			r.Close()
			return nil, err
		}
	}
	v := &verifier{ReadCloser: r, c: c}
	if c.check {
		v.sum = crc32.New(castagnoli)
	}
	return v, nil
}

// verifier compares what is read with what was there when the message was
// encoded.
type verifier struct {
	io.ReadCloser
	c   *content
	n   int64
	sum hash.Hash32
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.n += int64(n)
	if v.sum != nil {
		v.sum.Write(p[:n])
	}
	if v.n > v.c.size || err == io.EOF && (v.n != v.c.size || v.sum != nil && v.sum.Sum32() != v.c.crc) {
		return 0, fmt.Errorf("%w: an attachment", delivery.ErrBodyChanged)
	}
	return n, err
}
