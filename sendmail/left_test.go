package sendmail_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
)

// watchLeft makes the FIFO that a process left behind has open as long as it
// lives.
func (f *fake) watchLeft() *os.File {
	f.t.Helper()
	name := filepath.Join(f.dir, "alive")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		f.t.Fatal(err)
	}
	alive, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { alive.Close() })
	return alive
}

// killLeft ends the process left behind, which must be alive.
func (f *fake) killLeft(alive *os.File) {
	f.t.Helper()
	alive.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := alive.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		f.t.Fatalf("it doesn't live any more: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(f.dir, "left"))
	if err != nil {
		f.t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(text))
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	f.checkGone(alive)
}

// checkGone waits for the end of the process left behind.
func (f *fake) checkGone(alive *os.File) {
	f.t.Helper()
	alive.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := alive.Read(make([]byte, 1)); err != io.EOF {
		f.t.Errorf("the process left behind: %v", err)
	}
}

// A process that the program leaves behind, to deliver the mail for instance,
// doesn't hold up Send by the files that it has open, and lives on.
func TestProcessLeftBehind(t *testing.T) {
	for script, want := range map[string]string{
		"leave;read;say taken":                   "accepted",
		"leave;read;say nothing doing;exit 75":   "deferred",
		"noise 100000;leave;read;say no;exit 67": "rejected",
	} {
		f := newFake(t, script)
		alive := f.watchLeft()
		res := f.send(t.Context(), from("b@y.test"), hello)
		if got := outcomes(res); got != want {
			t.Errorf("%s: %s, %v", script, got, res.Err())
		}
		if want == "deferred" && exitError(t, res.Err()).Output != "nothing doing" {
			t.Error(res.Err())
		}
		f.killLeft(alive)
	}
}

// The end of the context also ends those whom the program has started.
func TestAllAreKilled(t *testing.T) {
	f := newFake(t, "leave;read;mark ready;hang")
	alive := f.watchLeft()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		f.await("ready")
		cancel()
	}()
	if got := outcomes(f.send(ctx, from("b@y.test"), hello)); got != "unknown" {
		t.Error(got)
	}
	f.checkGone(alive)
}

// A process that outlives a program that gave up must not take the rest for the
// whole message.
func TestLeftBehindWithoutTheEnd(t *testing.T) {
	for script, want := range map[string]delivery.Outcome{
		"leave;exit 75": delivery.Deferred,
		"leave;exit 0":  delivery.Unknown,
		"leave;crash":   delivery.Deferred,
	} {
		f := newFake(t, script)
		alive := f.watchLeft()
		res := f.send(t.Context(), from("b@y.test"), long)
		if res.Recipients[0].Outcome != want {
			t.Errorf("%s: %s, %v", script, outcomes(res), res.Err())
		}
		f.checkGone(alive)
	}
}
