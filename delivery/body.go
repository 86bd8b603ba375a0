package delivery

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Body is a finished message: header, blank line and content, with CRLF line
// endings. It can be read any number of times, also at the same time, and gives
// the same octets each time.
type Body interface {
	// Open starts reading from the beginning. The caller closes the reader, and
	// may do so while a Read is under way, to end one that blocks.
	Open() (io.ReadCloser, error)
	// Size is the number of octets that a reader gives.
	Size() int64
}

// BytesBody is a Body in memory. The slice must not change while it is in use.
type BytesBody []byte

// Open returns a reader over the slice.
func (b BytesBody) Open() (io.ReadCloser, error) {
	return struct {
		*bytes.Reader
		io.Closer
	}{bytes.NewReader(b), nopCloser{}}, nil
}

// Size is the length of the slice.
func (b BytesBody) Size() int64 { return int64(len(b)) }

type nopCloser struct{}

func (nopCloser) Close() error { return nil }

// ErrBodyChanged is in the error of a reader whose source is no longer what it
// was when the Body was made.
var ErrBodyChanged = errors.New("delivery: the body changed since it was prepared")

type fileBody struct {
	path string
	size int64
	mod  time.Time
}

// FileBody returns a Body that reads a regular file, such as a spooled message,
// anew at each Open. The file must have CRLF line endings. A file whose size or
// modification time changed since is refused with ErrBodyChanged.
func FileBody(path string) (Body, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("delivery: %s is not a regular file", path)
	}
	return &fileBody{path, fi.Size(), fi.ModTime()}, nil
}

func (b *fileBody) Size() int64 { return b.size }

func (b *fileBody) Open() (io.ReadCloser, error) {
	f, err := os.Open(b.path)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && (fi.Size() != b.size || !fi.ModTime().Equal(b.mod)) {
		err = fmt.Errorf("%w: %s", ErrBodyChanged, b.path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
