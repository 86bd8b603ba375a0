package testsmtp

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// meter is the server's end of a connection, beneath any TLS. It counts.
type meter struct {
	net.Conn
	memory         *memoryConn // the same connection, if it is in memory
	received, sent atomic.Int64
	waits          atomic.Int64 // see turns

	// idle is set while the server has answered everything.
	idle bool
	// drip paces writes, by waiting before each octet.
	drip func() error
	// holding makes writes gather in held.
	holding bool
	held    []byte
}

func newMeter(conn net.Conn) *meter {
	m, _ := conn.(*memoryConn)
	return &meter{Conn: conn, memory: m}
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	m.received.Add(int64(n))
	if n > 0 && m.idle {
		m.idle = false
		m.waits.Add(1)
	}
	return n, err
}

// turns returns how many turns the client took. In memory the client's side
// tells; otherwise it is how often the server had to read on when it had
// answered everything.
func (m *meter) turns() int {
	if m.memory != nil {
		return m.memory.turns()
	}
	return int(m.waits.Load())
}

func (m *meter) Write(p []byte) (n int, err error) {
	if m.holding {
		m.held = append(m.held, p...)
		return len(p), nil
	}
	defer func() { m.sent.Add(int64(n)) }()
	if m.drip == nil {
		return m.Conn.Write(p)
	}
	for n < len(p) {
		if err := m.drip(); err != nil {
			return n, err
		}
		k, err := m.Conn.Write(p[n : n+1])
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// answer sends text by upper, which is m or a TLS connection upon it, in a
// single write. If settled, everything is answered by it.
func (m *meter) answer(upper io.Writer, text string, settled bool) error {
	m.holding = true
	_, err := io.WriteString(upper, text)
	p := m.held
	m.holding, m.held = false, nil
	if err != nil {
		return err
	}
	var n int
	if m.memory != nil {
		n, err = m.memory.answer(p, settled)
	} else {
		n, err = m.Conn.Write(p)
	}
	m.sent.Add(int64(n))
	return err
}

// pending returns how many octets are known to wait for a Read.
func (m *meter) pending() int {
	if m.memory == nil {
		return 0
	}
	return m.memory.in.pending()
}

// reset closes the connection with a RST.
func (m *meter) reset() {
	switch conn := m.Conn.(type) {
	case *memoryConn:
		conn.Reset()
	case *net.TCPConn:
		conn.SetLinger(0)
		conn.Close()
	default:
		conn.Close()
	}
}

// hold reads nothing more until either side closes; on TCP, until done.
func (m *meter) hold(done <-chan struct{}) error {
	if m.memory != nil {
		return m.memory.in.waitEnd()
	}
	if conn, ok := m.Conn.(*net.TCPConn); ok {
		conn.SetReadBuffer(1)
	}
	<-done
	return net.ErrClosed
}

// stop makes reads fail, and writes a little later. On TCP, an end of input
// that is there already must be read first, as it would be in memory.
func (m *meter) stop() {
	now := time.Now()
	if m.memory == nil {
		m.Conn.SetReadDeadline(now.Add(20 * time.Millisecond))
	} else {
		m.Conn.SetReadDeadline(now)
	}
	m.Conn.SetWriteDeadline(now.Add(50 * time.Millisecond))
}
