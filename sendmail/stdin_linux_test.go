package sendmail_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/sendmail"
)

func newStdin(t *testing.T) *sendmail.Stdin {
	t.Helper()
	in, err := sendmail.NewStdin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		in.Child.Close()
	})
	if _, err := in.Write([]byte("text")); err != nil {
		t.Fatal(err)
	}
	return in
}

// The input ends by commit; any other end of it is an error for who reads.
func TestSeal(t *testing.T) {
	in := newStdin(t)
	if err := in.Commit(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(in.Child); string(got) != "text" || err != nil {
		t.Errorf("committed: %q, %v", got, err)
	}
	in = newStdin(t)
	in.Close()
	if got, err := io.ReadAll(in.Child); string(got) != "text" || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("not committed: %q, %v", got, err)
	}
}

// What was left unread is noticed.
func TestUnread(t *testing.T) {
	for n, want := range map[int]bool{0: true, 3: true, 4: false} {
		in := newStdin(t)
		if err := in.Commit(); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			if _, err := io.ReadFull(in.Child, make([]byte, n)); err != nil {
				t.Fatal(err)
			}
		}
		if in.Unread() {
			t.Errorf("after %d octets it is unread while there is a reader", n)
		}
		in.Child.Close()
		if got := in.Unread(); got != want {
			t.Errorf("after %d octets: %v", n, got)
		}
	}
}

// If this program is killed in the middle of a message, the other one doesn't take
// that for the end of it.
func TestOurOwnCrash(t *testing.T) {
	dir := t.TempDir()
	f := &fake{t: t, dir: dir}
	app := exec.Command(os.Args[0])
	app.Env = append(os.Environ(), appDir+"="+dir)
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	f.await("half")
	if err := app.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	app.Wait()
	until(t, "the program to end", func() bool { return len(f.records()) == 1 })
	if r := f.only(); !strings.Contains(r.End, "reset") {
		t.Errorf("it read %q to %s", r.Stdin, r.End)
	}
	if _, err := os.Stat(filepath.Join(dir, "record")); err == nil {
		t.Error("there is another record")
	}
}

// Whoever left the message unread can't have sent it, whatever happened afterwards.
func TestUnreadIsNotUnknown(t *testing.T) {
	for script, want := range map[string]delivery.Outcome{
		"exit 76":         delivery.Deferred,
		"exit 75":         delivery.Deferred,
		"crash":           delivery.Deferred,
		"read 5;crash":    delivery.Deferred,
		"exit 0":          delivery.Unknown, // it may have sent something else
		"mark ready;hang": delivery.NotSent,
	} {
		f := newFake(t, script)
		ctx, cancel := context.WithCancel(t.Context())
		if strings.Contains(script, "hang") {
			go func() {
				f.await("ready")
				cancel()
			}()
		}
		res := f.send(ctx, from("b@y.test"), hello)
		cancel()
		if r := res.Recipients[0]; r.Outcome != want || errors.Is(r.Err, sendmail.ErrUnread) != (want == delivery.Unknown) {
			t.Errorf("%s: %v, %v", script, r.Outcome, r.Err)
		}
	}
}
