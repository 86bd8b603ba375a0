package testsmtp

import "time"

// intake takes in content and lets a fault of the Body phase act on the way.
type intake struct {
	c        *session
	tx       *transaction
	fault    *Fault // nil once it acted
	slow     time.Duration
	n        int64 // octets taken in
	logged   int64 // of these, in the transcript
	drop     bool  // nothing is kept
	answered bool  // a reply came before the end
	state    dotState
}

// dotState is where in the search for the final dot we are.
type dotState uint8

const (
	atStart    dotState = iota // of a line
	afterDot                   // at the start of a line
	afterDotCR                 // behind that dot
	inText                     // anywhere else
	afterCR                    // in a text
)

func (c *session) newIntake(f *Fault) *intake {
	in := &intake{c: c, tx: c.tx, fault: f}
	if in.tx == nil {
		in.tx, in.drop = new(transaction), true
		in.tx.lint.init(in.tx, c.violation)
	}
	return in
}

// log adds to the transcript what was taken in.
func (in *intake) log() {
	in.c.logOctets(in.n - in.logged)
	in.logged = in.n
}

// act lets the fault act if its time has come.
func (in *intake) act() error {
	f := in.fault
	if f == nil || in.n < f.After {
		return nil
	}
	in.fault = nil
	if err := in.c.wait(f.Delay); err != nil {
		return err
	}
	if !f.replaces() {
		in.slow = f.Drip
		return nil
	}
	in.log()
	if err := in.c.misbehave(f, true); err != nil {
		return err
	}
	if !f.Continue {
		in.answered, in.drop = true, true
	}
	return nil
}

// next returns octets that were received, not more than limit, and not more
// than there are before the fault acts. They stay in the buffer.
func (in *intake) next(limit int64) ([]byte, error) {
	if err := in.act(); err != nil {
		return nil, err
	}
	if in.fault != nil {
		limit = min(limit, in.fault.After-in.n)
	}
	if in.slow > 0 {
		limit = 1
	}
	if _, err := in.c.r.Peek(1); err != nil {
		return nil, err
	}
	return in.c.r.Peek(int(min(limit, int64(in.c.r.Buffered()))))
}

// keep takes in p.
func (in *intake) keep(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	in.n += int64(len(p))
	in.tx.lint.add(p)
	if !in.drop {
		in.tx.size += int64(len(p))
		if !in.c.srv.DiscardData {
			in.tx.data = append(in.tx.data, p...)
		}
	}
	return in.c.wait(in.slow)
}

// readCounted reads a chunk.
func (in *intake) readCounted(size int64) error {
	for in.n < size {
		p, err := in.next(size - in.n)
		if err != nil {
			return err
		}
		if err := in.keep(p); err != nil {
			return err
		}
		in.c.r.Discard(len(p))
	}
	return in.act()
}

// readDotted reads up to CRLF dot CRLF and unstuffs the dots.
func (in *intake) readDotted() error {
	for {
		p, err := in.next(readBuffer)
		if err != nil {
			return err
		}
		used, last, err := in.unstuff(p)
		if last || err != nil {
			in.c.r.Discard(used)
			return err
		}
		in.c.r.Discard(used)
	}
}

// unstuff takes in what p holds of the content and returns how much of p it
// used, which is all unless last, when the final dot was found.
func (in *intake) unstuff(p []byte) (used int, last bool, err error) {
	begin := 0 // of what is not taken in yet
	for i, b := range p {
		switch {
		case in.state == atStart && b == '.', in.state == afterDot && b == '\r':
			if err := in.keep(p[begin:i]); err != nil {
				return i, false, err
			}
			begin = i + 1
			in.state++
			continue
		case in.state == afterDotCR && b == '\n':
			return i + 1, true, nil
		case in.state == afterDotCR:
			if err := in.keep([]byte{'\r'}); err != nil {
				return i, false, err
			}
			in.state = afterCR
		case in.state == afterDot && b != '.':
			in.c.violation("a line of the content starts with a single dot")
		}
		switch {
		case b == '\r':
			in.state = afterCR
		case b == '\n' && in.state == afterCR:
			in.state = atStart
		default:
			in.state = inText
		}
	}
	return len(p), false, in.keep(p[begin:])
}
