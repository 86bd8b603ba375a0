//go:build !linux

package sendmail

import (
	"os"
	"time"
)

// stdinSealed: whatever closes the input ends it, so a program that can't be killed
// keeps it.
const stdinSealed = false

// stdin is our end of the program's standard input, a pipe.
type stdin struct{ f *os.File }

func newStdin() (in *stdin, child *os.File, err error) {
	child, ours, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	return &stdin{ours}, child, nil
}

func (s *stdin) Write(p []byte) (int, error) { return s.f.Write(p) }

// wake ends a Write that waits.
func (s *stdin) wake() { s.f.SetWriteDeadline(time.Unix(1, 0)) }

// commit ends the input.
func (s *stdin) commit() error { return s.f.Close() }

// unread isn't known here.
func (s *stdin) unread() bool { return false }

func (s *stdin) close() { s.f.Close() }
