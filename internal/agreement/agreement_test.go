//go:build integration

package agreement_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/qdmail/qdmail/message"
)

var (
	seed    = flag.Uint64("seed", 1, "seed of the messages")
	letters = flag.Int("letters", 320, "number of messages")
	keep    = flag.String("keep", "", "folder to leave the messages in")
)

func folder(t *testing.T) string {
	if *keep == "" {
		return t.TempDir()
	}
	if err := os.MkdirAll(*keep, 0o777); err != nil {
		t.Fatal(err)
	}
	return *keep
}

// build writes the messages and their manifest into the folder.
func build(t *testing.T, folder string) map[string]*mail {
	t.Helper()
	want := make(map[string]*mail, *letters)
	for n := range *letters {
		l := write(*seed, n)
		name := fmt.Sprintf("%04d.eml", n)
		want[name] = l.manifest(name)
		if err := save(filepath.Join(folder, name), &l.Message); err != nil {
			t.Fatalf("-seed %d: letter %d: %v", *seed, n, err)
		}
	}
	b, err := json.MarshalIndent(want, "", " ")
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "manifest.json"), b, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	return want
}

func save(name string, m *message.Message) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := m.WriteTo(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// TestReadersAgree has all readers read all messages. To bring back what failed and
// look at it:
//
//	go test -tags integration ./internal/agreement -seed 7 -keep /tmp/mails
func TestReadersAgree(t *testing.T) {
	folder := folder(t)
	want := build(t, folder)
	got := readAll(t, folder)
	c := &comparison{T: t, quirks: make([]int, len(quirks))}
	got.check(c, want)
	judgeJIS(t, want, got)
	t.Logf("%d readers, %d messages, %d values compared, %d wrong", len(got), len(want), c.total, c.faults)
	for i, q := range quirks {
		t.Logf("%5d times, %s: %s", c.quirks[i], q.readers, q.what)
	}
}
