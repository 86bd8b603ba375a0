package testsmtp

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strings"
	"time"
)

const (
	readBuffer  = 32 << 10 // more than a TLS record
	maxKeptLine = 16 << 10 // more than any limit on a command line
)

// session is the server's side of one connection.
type session struct {
	srv    *Server
	number int
	wire   *meter
	conn   net.Conn // wire, or the TLS connection upon it
	r      *bufio.Reader

	hello   bool // EHLO or HELO was accepted
	esmtp   bool // it was EHLO
	refused bool // the greeting was not 220
	quit    bool
	secure  bool
	secret  bool // within AUTH
	broken  bool // a write failed
	user    string
	mails   int // messages that were accepted
	mailCmd int // MAIL commands
	tx      *transaction
	counts  map[Phase]int

	// Guarded by srv.mu.
	lines []string
	info  Connection
}

// transaction is what MAIL begins.
type transaction struct {
	from, params string
	eightBit     bool // BODY=8BITMIME or BINARYMIME
	binary       bool // BODY=BINARYMIME
	utf8         bool // SMTPUTF8
	rcpts        []Rcpt
	chunks       bool // a BDAT was seen
	failed       bool // a BDAT was refused
	data         []byte
	size         int64
	lint         lint
}

// endError ends a session for a reason that is known.
type endError struct{ ending Ending }

func (e endError) Error() string { return string(e.ending) }

func newSession(srv *Server, number int, conn net.Conn, addr string) *session {
	c := &session{srv: srv, number: number, wire: newMeter(conn), counts: make(map[Phase]int)}
	c.conn = c.wire
	c.r = bufio.NewReaderSize(c.conn, readBuffer)
	c.info.Addr = addr
	return c
}

// run serves the connection to its end.
func (c *session) run() {
	ending := EndedByClient
	err := c.converse()
	if e, ok := errors.AsType[endError](err); ok {
		ending = e.ending
	} else if isInterrupted(err) {
		ending = EndedShutdown
	}
	switch {
	case ending == EndedByReset:
		c.wire.reset()
	case c.broken:
		c.wire.Close() // TLS would try to say goodbye
	default:
		c.conn.Close()
	}
	c.r = nil // the server keeps the session
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.info.Ended = ending
}

// isInterrupted reports whether err comes from interrupt: nothing else closes
// the connection here or sets a deadline.
func isInterrupted(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded)
}

// interrupt ends the session from outside. One that the client has left ends
// by itself, after what the client had sent.
func (c *session) interrupt() {
	if c.wire.memory == nil || !c.wire.memory.abandoned() {
		c.wire.stop()
	}
}

// converse greets and then obeys commands until the connection ends.
func (c *session) converse() error {
	if c.srv.TLS != nil && c.srv.ImplicitTLS {
		if err := c.handshake(); err != nil {
			return err
		}
	}
	if err := c.greet(); err != nil {
		return err
	}
	for !c.quit {
		line, err := c.readCommand()
		if err != nil {
			if isInterrupted(err) {
				c.wire.SetWriteDeadline(time.Now().Add(time.Second))
				c.write(c.reply(421, "4.3.2", "server is shutting down")+"\r\n", 0)
			}
			return err
		}
		if err := c.obey(line); err != nil {
			return err
		}
	}
	return endError{EndedQuit}
}

// command is a client's line.
type command struct {
	line    string // without its ending
	verb    string // in capitals
	args    string // after the first space
	problem string // the reply, if it is not even a line of text
	length  int    // in octets, with its ending
}

// readCommand reads a line and writes it down.
func (c *session) readCommand() (command, error) {
	cmd, err := c.readLine()
	if err != nil {
		return cmd, err
	}
	cmd.verb, cmd.args, _ = strings.Cut(cmd.line, " ")
	cmd.verb = strings.ToUpper(cmd.verb)
	if c.secret {
		c.logCommand("***")
	} else {
		c.logCommand(redact(cmd.line))
	}
	return cmd, nil
}

// readLine reads a line, keeping no more of it than maxKeptLine.
func (c *session) readLine() (cmd command, err error) {
	c.wire.idle = c.r.Buffered() == 0
	var line []byte
	for {
		part, err := c.r.ReadSlice('\n')
		cmd.length += len(part)
		line = append(line, part[:min(len(part), maxKeptLine-len(line))]...)
		if err == nil {
			break
		}
		if err != bufio.ErrBufferFull {
			return cmd, err
		}
	}
	if cmd.length > len(line) {
		// Cut, and refused by checkLength.
	} else if line = line[:len(line)-1]; bytes.HasSuffix(line, []byte("\r")) {
		line = line[:len(line)-1]
	} else {
		c.violation("bare LF after a command")
	}
	if bytes.ContainsAny(line, "\r\x00") {
		c.violation("CR or NUL in a command")
		cmd.problem = c.reply(500, "5.5.2", "CR or NUL in a line")
	}
	cmd.line = string(line)
	return cmd, nil
}

func (c *session) violation(text string) { c.srv.violation(c.number, text) }

// ask asks for a fault.
func (c *session) ask(p Phase, line string) *Fault {
	e := Event{Conn: c.number, Phase: p, N: c.counts[p], Line: line, Transaction: max(0, c.mailCmd-1)}
	c.counts[p]++
	if c.srv.On == nil {
		return nil
	}
	return c.srv.On(e)
}

// wait waits for d, or until the server is closed.
func (c *session) wait(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-c.srv.done:
		return endError{EndedShutdown}
	}
}

// handshake starts TLS.
func (c *session) handshake() error {
	if f := c.ask(Handshake, ""); f != nil {
		if err := c.wait(f.Delay); err != nil {
			return err
		}
		if f.replaces() {
			if err := c.misbehave(f, true); err != nil {
				return err
			}
			return endError{EndedHandshake}
		}
		if f.Drip > 0 {
			c.wire.drip = func() error { return c.wait(f.Drip) }
			defer func() { c.wire.drip = nil }()
		}
	}
	conn := tls.Server(c.wire, c.srv.TLS)
	if err := conn.Handshake(); err != nil {
		if _, ok := errors.AsType[endError](err); ok || isInterrupted(err) {
			return err
		}
		c.log("-- TLS handshake failed")
		return endError{EndedHandshake}
	}
	c.log("-- TLS")
	c.conn, c.secure = conn, true
	c.r.Reset(conn)
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.info.TLS, c.info.State = true, conn.ConnectionState()
	return nil
}
