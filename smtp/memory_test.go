package smtp_test

import (
	"bytes"
	"io"
	"runtime"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// TestLargeMessage sends 16 MiB and counts what is allocated for it, on both
// sides of the connection.
func TestLargeMessage(t *testing.T) {
	const size = 16 << 20
	srv := &testsmtp.Server{Extensions: []string{"PIPELINING", "CHUNKING", "SIZE"}, DiscardData: true}
	defer srv.Close()
	addr, err := srv.Listen()
	if err != nil {
		t.Fatal(err)
	}
	r := local(nil)
	r.Addr = addr
	body := opens{func() (io.ReadCloser, error) { return io.NopCloser(&lines{left: size}), nil }, size}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if got := converse(t, r, from("b@y.test"), body).Count(delivery.Accepted); got != 1 {
		t.Error("not accepted")
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) >> 10; n > 2048 {
		t.Errorf("%d KiB were allocated", n)
	}
	if m := srv.Messages(); len(m) != 1 || m[0].Size != size {
		t.Errorf("%+v", m)
	}
}

// text is what lines repeats; its lines have 64 octets.
var text = bytes.Repeat(append(bytes.Repeat([]byte("."), 62), "\r\n"...), 1024)

// lines is a text of a multiple of 64 octets.
type lines struct{ left, at int }

func (l *lines) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), l.left)], text[l.at:])
	l.left, l.at = l.left-n, (l.at+n)%len(text)
	return n, nil
}
