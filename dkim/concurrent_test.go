package dkim_test

import (
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/qdmail/qdmail/dkim"
)

// TestConcurrent signs and verifies different messages with one Signer at once.
func TestConcurrent(t *testing.T) {
	keys := []dkim.Key{rsaOne(), edOne()}
	s := newSigner(t, dkim.Config{Keys: keys, Fields: []string{"X-Ours"}})
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			message := letter + strings.Repeat("x\r\n", 1000*i)
			field, err := s.SignMessage(opener(message))
			if err != nil {
				t.Error(err)
				return
			}
			wantValid(t, field+message, 2, keys...)
		})
	}
	wg.Wait()
}

// TestMemory: a message of any size is signed in the same little memory.
func TestMemory(t *testing.T) {
	const most = 16 << 20
	s := newSigner(t, dkim.Config{Keys: []dkim.Key{rsaOne(), edOne()}})
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	r := &watched{Reader: io.LimitReader(&lines{}, 100<<20), look: func() {
		if runtime.ReadMemStats(&now); now.HeapAlloc > before.HeapAlloc+most {
			t.Errorf("%d octets in use", now.HeapAlloc-before.HeapAlloc)
		}
	}}
	field, err := s.SignMessage(func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader(letter), r)), nil
	})
	if err != nil || strings.Count(field, "DKIM-Signature: ") != 2 || r.looks < 50 {
		t.Errorf("%q, %v after %d looks", field, err, r.looks)
	}
}

// watched looks after each MiB that is read through it.
type watched struct {
	io.Reader
	look        func()
	read, looks int
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if w.read += n; w.read >= 1<<20 {
		w.read = 0
		w.looks++
		w.look()
	}
	return n, err
}

// TestBigMessage: 10 MB verify.
func TestBigMessage(t *testing.T) {
	message := letter + strings.Repeat(line, 10_000_000/len(line)+1)
	keys := []dkim.Key{rsaOne(), edOne()}
	wantValid(t, sign(t, newSigner(t, dkim.Config{Keys: keys}), message)+message, 2, keys...)
}
