package testsmtp

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// answer is what the server would do if nothing went wrong.
type answer struct {
	text   string // the reply; lines are separated by "\n"
	commit func() // the change of state that goes with it, or nil
}

// reply composes a reply line, with the enhanced code only where it belongs.
func (c *session) reply(code int, enhanced, text string) string {
	if _, ok := c.offers("ENHANCEDSTATUSCODES"); ok && c.esmtp && enhanced != "" {
		text = enhanced + " " + text
	}
	return fmt.Sprintf("%d %s", code, text)
}

// multiline composes a reply of several lines.
func multiline(code int, first string, more []string) string {
	var b strings.Builder
	for _, next := range more {
		fmt.Fprintf(&b, "%d-%s\n", code, first)
		first = next
	}
	fmt.Fprintf(&b, "%d %s", code, first)
	return b.String()
}

// respond gives the answer, or does what the fault says instead.
func (c *session) respond(p Phase, f *Fault, a answer) error {
	if f == nil {
		f = new(Fault)
	}
	if err := c.wait(f.Delay); err != nil {
		return err
	}
	c.checkEarly(p)
	if !f.replaces() {
		if a.commit != nil {
			a.commit()
		}
		return c.send(a.text, f.Drip)
	}
	if a.commit != nil && (f.Continue || f.Raw == "" && sameClass(f.Reply, a.text)) {
		a.commit()
	}
	return c.misbehave(f, false)
}

// sameClass reports whether two replies are both 2xx or both 3xx.
func sameClass(a, b string) bool {
	return a != "" && b != "" && a[0] == b[0] && (a[0] == '2' || a[0] == '3')
}

// send writes lines that are separated by "\n".
func (c *session) send(text string, drip time.Duration) error {
	return c.write(strings.ReplaceAll(text, "\n", "\r\n")+"\r\n", drip)
}

// write writes text down and then to the client.
func (c *session) write(text string, drip time.Duration) error {
	c.logSent(text)
	return c.writeOctets(text, drip)
}

func (c *session) writeOctets(text string, drip time.Duration) (err error) {
	defer func() { c.broken = c.broken || err != nil }()
	settled := c.r.Buffered() == 0
	if drip <= 0 {
		return c.wire.answer(c.conn, text, settled)
	}
	for i := range len(text) {
		if err := c.wait(drip); err != nil {
			return err
		}
		if err := c.wire.answer(c.conn, text[i:i+1], settled && i == len(text)-1); err != nil {
			return err
		}
	}
	return nil
}

// checkEarly notes input that came before the reply it had to wait for.
func (c *session) checkEarly(p Phase) {
	early := c.r.Buffered() > 0 || !c.secure && c.wire.pending() > 0
	switch p {
	case MAIL, RCPT, RSET, BDAT, End:
		if _, ok := c.offers("PIPELINING"); ok && c.esmtp {
			return
		}
	}
	if early {
		c.violation("input before the reply to " + string(p))
	}
}

// dropEarly throws away input that came in clear before TLS.
func (c *session) dropEarly() {
	c.r.Discard(c.r.Buffered())
	if n := c.wire.pending(); n > 0 {
		io.CopyN(io.Discard, c.wire, int64(n))
	}
}
