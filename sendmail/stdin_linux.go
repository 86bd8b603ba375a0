package sendmail

import (
	"os"
	"syscall"
	"time"
)

// stdinSealed: closing the input before commit isn't its end.
const stdinSealed = true

// stdin is our end of the program's standard input: one of a pair of sockets, with
// a seal. The seal is an octet that waits on our side to be read. As long as it
// does, the program reads everything that was written and then the error
// ECONNRESET if our end is closed, by us or because this process is gone. Without
// the seal, it reads the end.
type stdin struct{ f *os.File }

func newStdin() (in *stdin, child *os.File, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	err = syscall.SetNonblock(fds[0], true) // for deadlines; the program's end blocks
	if err == nil {
		_, err = syscall.Write(fds[1], []byte{0})
	}
	ours, child := os.NewFile(uintptr(fds[0]), "input of the program"), os.NewFile(uintptr(fds[1]), "standard input")
	if err != nil {
		ours.Close()
		child.Close()
		return nil, nil, err
	}
	return &stdin{ours}, child, nil
}

func (s *stdin) Write(p []byte) (int, error) { return s.f.Write(p) }

// wake ends a Write that waits.
func (s *stdin) wake() { s.f.SetWriteDeadline(time.Unix(1, 0)) }

// commit breaks the seal and ends the input. Until then, nothing is handed over.
func (s *stdin) commit() error {
	if _, err := s.f.Read(make([]byte, 1)); err != nil {
		return err
	}
	var failed error
	err := s.control(func(fd int) { failed = syscall.Shutdown(fd, syscall.SHUT_WR) })
	if err != nil || failed != nil {
		s.close() // which ends it as well, now
	}
	return nil
}

// unread reports whether the program, which is gone, left some of the input
// unread: then, closing its end was an error for ours. It doesn't if another
// process has its end open.
func (s *stdin) unread() bool {
	var errno int
	var failed error
	err := s.control(func(fd int) { errno, failed = syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ERROR) })
	return err == nil && failed == nil && syscall.Errno(errno) == syscall.ECONNRESET
}

func (s *stdin) control(f func(fd int)) error {
	conn, err := s.f.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Control(func(fd uintptr) { f(int(fd)) })
}

func (s *stdin) close() { s.f.Close() }
