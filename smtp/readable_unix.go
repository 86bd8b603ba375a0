//go:build unix

package smtp

import (
	"net"
	"syscall"
)

// sight looks at a connection without waiting.
type sight struct {
	raw     syscall.RawConn // nil if it is no socket
	peek    func(fd uintptr) bool
	waiting bool
	one     [1]byte
}

func newSight(conn net.Conn) *sight {
	s := new(sight)
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return s
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return s
	}
	s.raw = raw
	s.peek = func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), s.one[:], syscall.MSG_PEEK)
		s.waiting = err != syscall.EAGAIN && err != syscall.EINTR
		return true
	}
	return s
}

// readable reports whether a read would return something now: octets, the end or
// an error. It isn't sure about connections that are no sockets.
func (s *sight) readable() (sure, waiting bool) {
	if s.raw == nil {
		return false, false
	}
	err := s.raw.Read(s.peek)
	return err == nil, s.waiting
}
