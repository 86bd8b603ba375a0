package testsmtp

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// pipeBuffer is the number of octets a connection in memory holds for a reader,
// in each direction.
const pipeBuffer = 64 << 10

// Pipe returns the two ends of a connection in memory. Unlike those of
// net.Pipe they are buffered, 64 KiB in each direction, so that a write blocks
// as late as on a socket and two ends that both only write do block. Deadlines
// work; a blocked call is durably blocked in the sense of testing/synctest.
//
// Each end has, as a *net.TCPConn, a method CloseWrite; it also has Reset,
// which closes it such that the other end fails with syscall.ECONNRESET once it
// has read what was sent before.
func Pipe() (client, server net.Conn) {
	return pipe("client", "server")
}

func pipe(clientAddr, serverAddr memoryAddr) (client, server *memoryConn) {
	line := new(line)
	line.changed.L = &line.mu
	up, down := &stream{line: line}, &stream{line: line}
	client = &memoryConn{in: down, out: up, local: clientAddr, remote: serverAddr}
	server = &memoryConn{in: up, out: down, local: serverAddr, remote: clientAddr}
	return client, server
}

// memoryAddr is the address of an end of a Pipe.
type memoryAddr string

func (memoryAddr) Network() string  { return "memory" }
func (a memoryAddr) String() string { return string(a) }

// memoryConn is one end of a Pipe.
type memoryConn struct {
	in, out       *stream
	local, remote memoryAddr
}

func (c *memoryConn) LocalAddr() net.Addr  { return c.local }
func (c *memoryConn) RemoteAddr() net.Addr { return c.remote }

func (c *memoryConn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.opError("read", err)
}

func (c *memoryConn) Write(p []byte) (int, error) {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.noteTurn(p)
	n, err := c.out.write(p)
	return n, c.opError("write", err)
}

// noteTurn notes a turn of this end, if the writing of p is one: if the other
// end had answered all that it was sent, and this end has read all of that.
func (c *memoryConn) noteTurn(p []byte) {
	if len(p) == 0 || c.out.writeFailure() != nil {
		return
	}
	if c.out.answered && c.in.taken >= c.in.written {
		c.out.turns++
	}
	c.out.answered = false
}

// answer writes p as an answer. If settled, it is the last one to what was read
// from this end so far.
func (c *memoryConn) answer(p []byte, settled bool) (int, error) {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.in.answered = settled && len(c.in.buf) == 0
	n, err := c.out.write(p)
	return n, c.opError("write", err)
}

// turns returns how many turns the other end took.
func (c *memoryConn) turns() int {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	return c.in.turns
}

// opError wraps err in the way the net package does.
func (c *memoryConn) opError(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: "memory", Source: c.local, Addr: c.remote, Err: err}
}

// Close closes both directions. The other end can still read what was sent.
func (c *memoryConn) Close() error {
	if !c.in.closeRead(syscall.EPIPE) {
		return c.opError("close", net.ErrClosed)
	}
	c.out.closeWrite(io.EOF, net.ErrClosed)
	return nil
}

// CloseWrite ends what the other end reads; reading here goes on.
func (c *memoryConn) CloseWrite() error {
	c.out.closeWrite(io.EOF, syscall.EPIPE)
	return nil
}

// abandoned reports whether the other end is closed altogether.
func (c *memoryConn) abandoned() bool {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.readErr != nil
}

// Reset closes both directions with an error at the other end.
func (c *memoryConn) Reset() {
	c.in.closeRead(syscall.ECONNRESET)
	c.out.closeWrite(syscall.ECONNRESET, net.ErrClosed)
}

func (c *memoryConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

func (c *memoryConn) SetReadDeadline(t time.Time) error {
	return c.opError("set", c.in.setDeadline(&c.in.readDeadline, t))
}

func (c *memoryConn) SetWriteDeadline(t time.Time) error {
	return c.opError("set", c.out.setDeadline(&c.out.writeDeadline, t))
}
