//go:build unix

package smtp

import (
	"net"
	"syscall"
)

// readable looks, without waiting, whether a read would return something now:
// octets, the end or an error. It isn't sure about connections that are no
// sockets.
func readable(conn net.Conn) (sure, waiting bool) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return false, false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return false, false
	}
	err = rc.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
		waiting = err != syscall.EAGAIN && err != syscall.EINTR
		return true
	})
	return err == nil, waiting
}
