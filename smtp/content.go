package smtp

import (
	"context"
	"errors"
	"io"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/ctxerr"
)

// maxChunk is the size up to which a message goes along with its commands. It
// has to be in memory then, and a server that refuses it gets it nevertheless.
const maxChunk = 64 << 10

const endOfData = ".\r\n"

// fetch opens the message, or reads it if it goes by BDAT, before anything is
// said about it: one that can't be read costs nothing then.
func (t *transaction) fetch() bool {
	c, p := t.c, t.p
	if c.takesChunk(p) && p.chunk != nil {
		t.useChunk()
		return true
	}
	if t.body = t.openBody(); t.body == nil {
		return false
	}
	if !c.takesChunk(p) {
		return true
	}
	defer t.close()
	var err error
	if p.chunk, err = p.read(c.wire.bound.ctx, t.body); err != nil {
		return t.stop(t.unreadable(err))
	}
	t.useChunk()
	return true
}

// useChunk decides how the chunk of the plan goes out.
func (t *transaction) useChunk() {
	chunk := t.p.chunk
	switch {
	case t.c.knowsBDAT:
		t.chunk, t.grouped = chunk, t.c.wire.fresh()
	case len(chunk) > 1 && isLetterOrDigit(chunk[0]):
		t.chunk, t.first = chunk, 1
	} // otherwise by DATA
}

// takesChunk reports whether a message can go by BDAT in one piece with its
// commands (RFC 3030).
func (c *Client) takesChunk(p *plan) bool {
	return p.size <= maxChunk && !c.cfg.noChunking.Load() && c.offers("CHUNKING") && c.offers("PIPELINING")
}

// turnToData goes on by DATA with a server that doesn't know BDAT. The octet that
// it has got makes a line that it refuses, once its end is there.
func (t *transaction) turnToData() bool {
	w := t.c.wire
	t.chunk, t.first = nil, 0
	t.c.cfg.noChunking.Store(true)
	err := w.endLine(len(w.out), maxCommandLine, "")
	if err == nil {
		err = t.put(step{phase: delivery.PhaseDATA})
	}
	if err != nil {
		return t.stop(t.c.fail(delivery.PhaseDATA, local, nil, err))
	}
	t.owed = append(t.owed, step{phase: delivery.PhaseRSET}, step{phase: delivery.PhaseDATA})
	return t.flush()
}

// openBody returns nil if that ends the transaction.
func (t *transaction) openBody() io.ReadCloser {
	body, err := t.p.body.Open()
	if err == nil && body == nil {
		err = errors.New("there is no reader")
	}
	if err != nil {
		t.stop(t.unreadable(unreadable(err)))
		return nil
	}
	return body
}

// unreadable is the failure of a message that can't be read to its end. As long
// as the server doesn't wait for it, the connection is as good as before.
func (t *transaction) unreadable(err error) *failure {
	ev := local
	if ctx := t.c.wire.bound.ctx; ctx.Err() != nil {
		ev, err = cancelled, ctxerr.Of(ctx)
	}
	f := t.c.fail(delivery.PhaseBody, ev, nil, err)
	if len(t.taken) == 0 && t.owed == nil {
		f.fate = keep
	}
	return f
}

// send sends the message to those who were accepted.
func (t *transaction) send() {
	if t.chunk != nil {
		t.sendChunk()
		return
	}
	if t.body == nil {
		if t.body = t.openBody(); t.body == nil {
			return
		}
	}
	if t.sendBody() {
		t.end()
	}
}

// sendBody writes the message up to, and without, the end of data. One that is
// as small as a chunk, and that nobody wants to be asked about, is only queued:
// it goes out with its end, as by BDAT.
func (t *transaction) sendBody() bool {
	c := t.c
	write := func(p []byte) error { return c.wire.write(p, c.cfg.Timeouts.DataBlock) }
	if t.p.size <= maxChunk && c.wire.bound.hooks.BeforeEnd == nil {
		write = func(p []byte) error { c.wire.add(p); return nil }
	}
	stop := closeAtEnd(c.wire.bound.ctx, t.body)
	err := sendBody(t.body, t.p.size, t.p.eightBit(), write)
	stop()
	if broken, ok := errors.AsType[*writeError](err); ok {
		return t.stop(t.earlyVerdict(broken.err))
	}
	if err != nil {
		return t.stop(t.unreadable(err))
	}
	return t.ready(t.taken) && t.quiet()
}

// closeAtEnd lets the end of ctx wake a reader that blocks, until stop is called.
func closeAtEnd(ctx context.Context, body io.Closer) (stop func() bool) {
	if ctx.Done() == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, func() { body.Close() })
}

// ready asks those who want to be asked at the last moment at which nothing is
// committed.
func (t *transaction) ready(rcpts []*recipient) bool {
	w := t.c.wire
	if w.bound.hooks.BeforeEnd == nil {
		return true
	}
	if err := w.bound.hooks.BeforeEnd(w.bound.ctx, indexes(rcpts)); err != nil {
		return t.stop(t.vetoed(err))
	}
	return true
}

// vetoed is the failure of a message that a hook has stopped: a veto of ours,
// not a failure of the path.
func (t *transaction) vetoed(err error) *failure {
	f := t.c.fail(delivery.PhaseBody, local, nil, err)
	f.err.Phase = delivery.PhasePrepare
	if len(t.taken) == 0 && t.owed == nil {
		f.fate = keep
	}
	return f
}

// quiet sees to it that the server hasn't spoken yet, before the end of data.
func (t *transaction) quiet() bool {
	early, err := t.c.wire.look(t.c.cfg.Timeouts.DataEnd)
	if err != nil {
		return t.stop(t.c.fail(delivery.PhaseBody, eventOf(nil, err, noReply), nil, err))
	}
	if early {
		return t.stop(t.earlyVerdict(nil))
	}
	return true
}

// earlyVerdict judges a message whose end of data won't be sent, because writing
// failed with cause, or because the server has spoken already. A refusal that it
// may have sent is worth more than the bare fact; anything else isn't a verdict,
// a positive reply least of all.
func (t *transaction) earlyVerdict(cause error) *failure {
	c := t.c
	var ev event
	if cause != nil {
		if ev = eventOf(nil, cause, noReply); ev == cancelled {
			return c.fail(delivery.PhaseBody, ev, nil, cause)
		}
	}
	r, err := c.wire.read(earlyReply)
	switch early := eventOf(r, err, noReply); {
	case early == temporary || early == closing || early == permanent || early == cancelled:
		return c.fail(delivery.PhaseBody, early, r, err)
	case cause != nil:
		return c.fail(delivery.PhaseBody, ev, nil, cause)
	default:
		return c.fail(delivery.PhaseBody, early, r, err)
	}
}

// end sends the end of data, and the commands of another message behind it, and
// waits for the verdict. From its first octet on, only the server knows what
// became of the message.
func (t *transaction) end() {
	t.c.wire.out = append(t.c.wire.out, endOfData...)
	t.commit()
}

// sendChunk sends the message by BDAT, after its commands were answered.
func (t *transaction) sendChunk() {
	if !t.ready(t.taken) || !t.quiet() {
		return
	}
	if err := t.put(step{phase: delivery.PhaseEnd}); err != nil {
		t.stop(t.c.fail(delivery.PhaseBody, local, nil, err))
		return
	}
	t.c.wire.add(t.chunk[t.first:])
	t.commit()
}

// commit writes what is queued, which ends the message, and waits for the
// verdict.
func (t *transaction) commit() {
	c, d := t.c, t.c.cfg.Timeouts.DataEnd
	t.follow()
	if err := c.wire.arm(d); err != nil {
		t.stop(c.fail(delivery.PhaseBody, eventOf(nil, err, noReply), nil, err))
		return
	}
	t.ended = true
	err := c.wire.flush(d)
	var r *reply
	if err == nil {
		r, err = c.wire.readInto(&t.reply, d)
	} else if last, _ := c.wire.read(earlyReply); last != nil && (last.Code/100 == 4 || last.Code/100 == 5) {
		r, err = last, nil // the server has said why it hung up
		defer c.meet(abort)
	}
	t.onEnd(r, err)
}
