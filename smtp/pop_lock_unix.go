//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package smtp

import (
	"errors"
	"os"
	"syscall"
)

// tryLock locks a file, which it makes if need be; unlock is nil if somebody else
// holds the lock. The file stays where it is: one that is removed could be locked
// twice.
func tryLock(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for err = syscall.EINTR; err == syscall.EINTR; {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	switch {
	case err == nil:
		return func() { f.Close() }, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = nil
	default:
		err = &os.PathError{Op: "flock", Path: name, Err: err}
	}
	f.Close()
	return nil, err
}
