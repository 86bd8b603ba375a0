package smtp

import (
	"net"
	"strconv"
	"time"

	"github.com/qdmail/qdmail/delivery"
)

// freshness is how long after its last reply a connection counts as alive. Only
// then a message goes along with its commands: once its last octet may be out,
// a connection that turns out to be dead leaves its outcome Unknown.
const freshness = 2 * time.Second

// ask writes the commands of the transaction, the message with them where that
// is possible. Afterwards owed says which replies are to come.
func (t *transaction) ask() bool {
	c := t.c
	if t.owed != nil { // another transaction has done it
		return t.takeOver()
	}
	if c.ended {
		return t.stop(c.fail(delivery.PhaseMAIL, lost, nil, net.ErrClosed))
	}
	if !t.capable() || !t.fetch() {
		return false
	}
	if !c.offers("PIPELINING") {
		return t.askOneByOne()
	}
	if t.grouped {
		if !t.ready(t.open) {
			return false
		}
		if early, err := c.wire.look(c.cfg.Timeouts.Mail); err != nil {
			return t.stop(c.fail(delivery.PhaseMAIL, eventOf(nil, err, noReply), nil, err))
		} else if early {
			return t.unasked()
		}
	} else if c.wire.early() {
		return t.unasked()
	}
	if err := t.queue(); err != nil {
		return t.stop(c.fail(delivery.PhaseMAIL, local, nil, err))
	}
	return t.flush()
}

// queue puts the commands into the queue of the wire, all or none.
func (t *transaction) queue() error {
	c, mark := t.c, t.c.wire.mark()
	steps := t.few[:0]
	// Nobody knows yet what becomes of a chunk before this one, and one that is
	// refused leaves its transaction open (RFC 3030 section 2).
	if c.stale || t.grouped && t.second {
		steps = append(steps, step{phase: delivery.PhaseRSET})
	}
	steps = append(steps, step{phase: delivery.PhaseMAIL})
	for _, r := range t.open {
		steps = append(steps, step{phase: delivery.PhaseRCPT, rcpt: r})
	}
	switch {
	case t.grouped:
		steps = append(steps, step{phase: delivery.PhaseEnd})
	case t.chunk == nil || t.first > 0:
		steps = append(steps, step{phase: delivery.PhaseDATA})
	}
	for _, s := range steps {
		if err := t.put(s); err != nil {
			c.wire.backTo(mark)
			return err
		}
	}
	if t.grouped {
		c.wire.add(t.chunk)
	} else {
		c.wire.add(t.chunk[:t.first])
	}
	t.owed = steps
	t.ended = t.grouped
	c.stale = false
	return nil
}

// put puts the command of a step into the queue of the wire.
func (t *transaction) put(s step) error {
	w := t.c.wire
	from := len(w.out)
	switch s.phase {
	case delivery.PhaseRSET:
		w.out = append(w.out, "RSET"...)
	case delivery.PhaseMAIL:
		w.out = t.appendMail(w.out)
	case delivery.PhaseRCPT:
		w.out = t.appendRcpt(w.out, s.rcpt)
	case delivery.PhaseDATA:
		if t.first == 0 {
			w.out = append(w.out, "DATA"...)
			break
		}
		w.out = append(w.out, "BDAT "...)
		w.out = strconv.AppendInt(w.out, int64(t.first), 10)
	case delivery.PhaseEnd:
		w.out = append(w.out, "BDAT "...)
		w.out = strconv.AppendInt(w.out, int64(len(t.chunk)-t.first), 10)
		w.out = append(w.out, " LAST"...)
	}
	return w.endLine(from, maxCommandLine, "")
}

// flush writes what is queued, with what may come behind it.
func (t *transaction) flush() bool {
	if t.ended {
		t.follow()
	}
	if err := t.c.wire.flush(t.c.cfg.Timeouts.Mail); err != nil {
		t.broken = err
	}
	return true
}

// takeOver goes on with commands that were written behind another message.
func (t *transaction) takeOver() bool {
	w := t.c.wire
	if f := w.bound.hooks.Command; f != nil {
		for _, line := range t.told {
			f(w.bound.ctx, line)
		}
	}
	t.told = nil
	if t.ended {
		if t.follow(); len(w.out) > 0 {
			return t.flush()
		}
	}
	return true
}

// follow lets the commands of other messages go out with the end of this one.
func (t *transaction) follow() {
	if t.queuer != nil {
		t.queuer.behind(t)
	}
}

// unasked judges what the server has said before it was asked anything: that it
// gives up, or nonsense.
func (t *transaction) unasked() bool {
	r, err := t.c.wire.read(t.c.cfg.Timeouts.Mail)
	if err == nil && r.Code != 421 {
		err = protocolError("a reply that nobody asked for: %v", &r.Reply)
	}
	return t.stop(t.c.fail(delivery.PhaseMAIL, eventOf(r, err, noReply), r, err))
}

// askOneByOne is for servers without PIPELINING: each command waits for the
// reply to the one before.
func (t *transaction) askOneByOne() bool {
	c := t.c
	one := func(s step) bool {
		var r *reply
		err := t.put(s)
		if err == nil {
			r, err = c.await(t.timeout(s))
		}
		return t.judge(s, r, err)
	}
	if c.stale {
		if !one(step{phase: delivery.PhaseRSET}) {
			return false
		}
		c.stale = false
	}
	if !one(step{phase: delivery.PhaseMAIL}) {
		return false
	}
	for len(t.open) > 0 {
		if !one(step{phase: delivery.PhaseRCPT, rcpt: t.open[0]}) {
			return false
		}
	}
	if len(t.taken) == 0 {
		c.meet(reset)
		return false
	}
	return one(step{phase: delivery.PhaseDATA})
}

func (t *transaction) appendMail(line []byte) []byte {
	line = append(line, "MAIL FROM:<"...)
	line = append(line, t.p.from...)
	return t.appendParams(append(line, '>'))
}

func (t *transaction) appendRcpt(line []byte, r *recipient) []byte {
	line = append(line, "RCPT TO:<"...)
	line = append(append(line, r.path...), '>')
	if t.usesDSN() {
		line = append(line, r.dsn...)
	}
	return line
}

// timeout is how long the reply to a step is waited for.
func (t *transaction) timeout(s step) time.Duration {
	d := &t.c.cfg.Timeouts
	if t.broken != nil {
		return earlyReply
	}
	switch s.phase {
	case delivery.PhaseRSET:
		return d.Reset
	case delivery.PhaseRCPT:
		return d.Rcpt
	case delivery.PhaseDATA:
		if t.first > 0 {
			return d.DataBlock
		}
		return d.DataInit
	case delivery.PhaseEnd:
		return d.DataEnd
	}
	return d.Mail
}
