package testsmtp

import (
	"fmt"
	"io"
	"time"
)

// Fault is what a server does in place of the right thing. Whatever is set
// happens in the order of the fields; the zero value does nothing. A fault
// with nothing but Delay or Drip gives the normal reply in that manner.
type Fault struct {
	// Delay is waited for before anything else.
	Delay time.Duration
	// Drip is the time before each octet that is sent. In the Body phase, with
	// nothing to send, the content is read at that pace.
	Drip time.Duration
	// Raw is sent exactly so, in place of a reply.
	Raw string
	// Reply is sent in place of the normal reply if Raw is empty. Lines are
	// separated by "\n" and end in CRLF on the wire. A reply of the class of
	// the normal, positive one means what it says: after "251 ok" a recipient
	// is accepted. Any other leaves the state as it was; see Continue.
	Reply string
	// Endless is sent again and again until the client hangs up.
	Endless string
	// Reset closes the connection with a RST.
	Reset bool
	// Close closes the connection.
	Close bool
	// StopReading keeps the connection open and reads nothing more, so that the
	// client's writes block at some time.
	StopReading bool
	// Silent keeps the connection open, reads, and never answers.
	Silent bool

	// After is, in the Body phase, the number of octets of content (of the
	// chunk, for BDAT) that are read before the fault acts. Shorter content
	// meets no fault. Otherwise it is not used.
	After int64
	// Continue makes the normal change of state happen although the normal
	// reply is not given: the message is kept, but the client is not told. In
	// the Body phase, the content is read on and answered as usual; without
	// Continue, what is left of it is dropped and gets no further reply.
	Continue bool
}

// replaces reports whether f stands in place of the normal reply.
func (f *Fault) replaces() bool {
	return f.Raw != "" || f.Reply != "" || f.Endless != "" ||
		f.Reset || f.Close || f.StopReading || f.Silent
}

// misbehave does what a fault says after its delay. It returns an error if the
// session is over. The flag binary tells that what the client sends now is not
// made of lines.
func (c *session) misbehave(f *Fault, binary bool) error {
	var err error
	if f.Raw != "" {
		err = c.write(f.Raw, f.Drip)
	} else if f.Reply != "" {
		err = c.send(f.Reply, f.Drip)
	}
	if err != nil {
		return err
	}
	if f.Endless != "" {
		return c.babble(f.Endless, f.Drip)
	}
	switch {
	case f.Reset:
		c.log("-- reset")
		return endError{EndedByReset}
	case f.Close:
		c.log("-- close")
		return endError{EndedByFault}
	case f.StopReading:
		c.log("-- stops reading")
		return c.wire.hold(c.srv.done)
	case f.Silent:
		c.log("-- silent")
		return c.listen(binary)
	}
	return nil
}

// babble sends text until that fails.
func (c *session) babble(text string, drip time.Duration) error {
	c.log(fmt.Sprintf("-- endless %q", text))
	for {
		if err := c.writeOctets(text, drip); err != nil {
			return err
		}
	}
}

// listen reads to the end and never answers.
func (c *session) listen(binary bool) error {
	if binary {
		n, err := io.Copy(io.Discard, c.r)
		c.logOctets(n)
		if err == nil {
			err = io.EOF
		}
		return err
	}
	for {
		if _, err := c.readCommand(); err != nil {
			return err
		}
	}
}
