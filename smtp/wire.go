package smtp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/ctxerr"
)

// wire is the connection: lines out, replies in, each within its time. It knows
// nothing of what the lines mean. Commands are queued, flushed, and their
// replies read, as three separate steps.
//
// Errors are those of the context, delivery.ErrProtocol, os.ErrDeadlineExceeded
// when a step took too long, and anything else for a connection that failed.
type wire struct {
	conn  net.Conn // what is read and written, a *tls.Conn after the handshake
	raw   net.Conn // the connection beneath; deadlines are set there
	sight *sight   // of raw
	br    *bufio.Reader
	out   []byte   // queued, not flushed yet
	lines []line   // the command lines in out, as far as they concern the hooks that are bound
	other int      // the command lines in out that don't
	hide  []string // credentials that this connection has carried

	writing chan error // a large group that is being written while replies are read; nil otherwise
	last    time.Time  // when a reply was last waited for and read

	mu    sync.Mutex
	bound *binding  // changes and deadlines are set under mu
	until time.Time // the deadline that is set
}

// line is a command line in the queue of the wire, without its line end.
type line struct {
	from, to int
	shown    string // what hooks may see of it; empty: all
}

// binding is the context that governs the wire at the moment.
type binding struct {
	ctx   context.Context
	hooks delivery.Hooks
	byCtx bool // the deadline that is set is the one of ctx
}

// over is a deadline that has passed.
var over = time.Unix(1, 0)

func newWire(conn net.Conn) *wire {
	return &wire{conn: conn, raw: conn, sight: newSight(conn), br: bufio.NewReaderSize(conn, maxReplyLine)}
}

// bind makes ctx govern all reads and writes until unbind is called: its end
// interrupts the one that is blocked, at once. One binding at a time.
func (w *wire) bind(ctx context.Context) (unbind func()) {
	b := &binding{ctx: ctx}
	if h := delivery.HooksFrom(ctx); h != nil {
		b.hooks = *h
	}
	w.rebind(b)
	if ctx.Done() == nil { // it never ends
		return w.unbind
	}
	stop := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.bound == b { // otherwise it came too late and concerns nobody any more
			w.setDeadline(over)
		}
	})
	return func() {
		stop()
		w.unbind()
	}
}

func (w *wire) unbind() { w.rebind(nil) }

func (w *wire) rebind(b *binding) {
	w.mu.Lock()
	w.bound = b
	w.mu.Unlock()
}

// setDeadline is to be called under mu.
func (w *wire) setDeadline(until time.Time) error {
	err := w.raw.SetDeadline(until)
	if w.until = until; err != nil {
		w.until = time.Time{}
	}
	return err
}

// arm sets the deadline for what follows: d from now, or the end of the context.
// One that is set already and earlier by less than a thousandth of d does as well:
// setting it means work for the runtime, which may wake another thread for it.
func (w *wire) arm(d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.bound
	// The context ends before its AfterFunc waits for mu, so either it is seen
	// here, or the AfterFunc comes after us and overrides what we set.
	if b.ctx.Err() != nil {
		return ctxerr.Of(b.ctx)
	}
	until := time.Now().Add(d)
	end, ok := b.ctx.Deadline()
	if b.byCtx = ok && end.Before(until); b.byCtx {
		until = end
	}
	if early := until.Sub(w.until); early == 0 || !b.byCtx && early > 0 && early < d/1000 {
		return nil
	}
	if err := w.setDeadline(until); err != nil {
		return w.explain(err, d)
	}
	return nil
}

// explain turns an error of the connection into one of those that wire
// documents; d is the time that the step had.
func (w *wire) explain(err error, d time.Duration) error {
	b := w.bound
	timeout := errors.Is(err, os.ErrDeadlineExceeded)
	switch {
	case errors.Is(err, delivery.ErrProtocol):
		return err
	case b.ctx.Err() != nil:
		return ctxerr.Of(b.ctx)
	case timeout && b.byCtx: // the connection's timer was faster than the context's
		return context.DeadlineExceeded
	case timeout:
		return fmt.Errorf("no progress within %v: %w", d, os.ErrDeadlineExceeded)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("connection closed by the server: %w", err)
	}
	return ctxerr.Detach(err)
}

// add puts octets that are no command line into the queue.
func (w *wire) add(p []byte) { w.out = append(w.out, p...) }

// mark is a place in the queue.
type mark struct{ out, lines int }

func (w *wire) mark() mark { return mark{len(w.out), len(w.lines)} }

// backTo takes out of the queue what came after m.
func (w *wire) backTo(m mark) {
	w.out, w.lines = w.out[:m.out], w.lines[:m.lines]
}

// What is written in one piece before any reply to it is read. Up to here,
// either what we write or what the server has to say fits into the buffers
// between us, so that both sides can't wait for each other (RFC 2920 section
// 3.1). A larger group is written beside the reading.
const (
	inlineOctets   = 4 << 10
	inlineCommands = 8
)

// flush writes what is queued. An error of a write that goes on beside is found
// by join, or by the read that waits in vain.
func (w *wire) flush(d time.Duration) error {
	p, lines, commands := w.out, w.lines, len(w.lines)+w.other
	w.out, w.lines, w.other = w.out[:0], w.lines[:0], 0
	if len(p) > inlineOctets && commands > inlineCommands {
		if err := w.arm(d); err != nil {
			return err
		}
		w.out = nil
		w.writing = make(chan error, 1)
		go func() {
			_, err := w.conn.Write(p)
			w.writing <- err
		}()
	} else if err := w.write(p, d); err != nil {
		return err
	}
	if f := w.bound.hooks.Command; f != nil {
		for _, l := range lines {
			f(w.bound.ctx, l.seen(p))
		}
	}
	return nil
}

// join waits for a write that goes on beside, after all replies to it were read.
func (w *wire) join(d time.Duration) error {
	if w.writing == nil {
		return nil
	}
	err := w.arm(d) // the end of the context interrupts the write as well
	if err == nil {
		if err = <-w.writing; err != nil {
			err = w.explain(err, d)
		}
		w.writing = nil
	}
	return err
}

// seen is what hooks may see of a line in the queue out.
func (l line) seen(out []byte) string {
	if l.shown != "" {
		return l.shown
	}
	return string(out[l.from:l.to])
}

// takeLines hides the lines that were queued since m from the hooks that are
// bound: they are for others, for whom they are returned if those want them.
func (w *wire) takeLines(m mark, wanted bool) (taken []string) {
	if wanted {
		for _, l := range w.lines[m.lines:] {
			taken = append(taken, l.seen(w.out))
		}
	}
	w.other += len(w.lines) - m.lines
	w.lines = w.lines[:m.lines]
	return taken
}

// write writes p as it is.
func (w *wire) write(p []byte, d time.Duration) error {
	if err := w.arm(d); err != nil {
		return err
	}
	return w.writeArmed(p, d)
}

// writeArmed is write after arm.
func (w *wire) writeArmed(p []byte, d time.Duration) error {
	if _, err := w.conn.Write(p); err != nil {
		return w.explain(err, d)
	}
	return nil
}

// read reads one reply. If the connection fails in the middle of it, what came
// is returned beside the error.
func (w *wire) read(d time.Duration) (*reply, error) { return w.readInto(new(reply), d) }

// readInto is read with a place for the reply.
func (w *wire) readInto(place *reply, d time.Duration) (*reply, error) {
	ahead, _ := w.br.Peek(w.br.Buffered())
	waits := !holdsReply(ahead)
	if waits {
		if err := w.arm(d); err != nil {
			return nil, err
		}
	} else if ctx := w.bound.ctx; ctx.Err() != nil {
		return nil, ctxerr.Of(ctx)
	}
	r, err := readReply(w.br, w.hide, place)
	if err != nil {
		return r, w.explain(err, d)
	}
	if waits {
		w.last = time.Now()
	}
	if f := w.bound.hooks.Reply; f != nil {
		told := r.Reply
		f(w.bound.ctx, &told)
	}
	return r, nil
}

// fresh reports whether the server has shown that it is there a moment ago.
func (w *wire) fresh() bool { return time.Since(w.last) < freshness }

// early reports whether the server has sent something that nobody asked for and
// that has been taken off the connection already, by us or by TLS.
func (w *wire) early() bool {
	if w.br.Buffered() > 0 {
		return true
	}
	if w.conn == w.raw || w.disarm() != nil {
		return false
	}
	_, err := w.br.Peek(1) // can't wait: beneath TLS, the time is over
	return err == nil
}

// disarm makes all further waiting on the connection end at once, until arm.
func (w *wire) disarm() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.setDeadline(over)
}

// look is a stricter early: it looks at the connection too. What it finds is
// there to read afterwards. A connection that was closed is an error. It takes
// up to a millisecond where a connection can't be asked; see readable. d is the
// time that the next step has.
func (w *wire) look(d time.Duration) (early bool, err error) {
	if w.early() {
		return true, nil
	}
	if err := w.arm(d); err != nil {
		return false, err
	}
	moment := time.Millisecond
	switch sure, waiting := w.sight.readable(); {
	case sure && !waiting:
		return false, nil
	case sure:
		moment = 50 * time.Millisecond // only for what TLS keeps to itself
	}
	if err := w.arm(moment); err != nil {
		return false, err
	}
	if _, err := w.br.Peek(1); err != nil {
		if err = w.explain(err, moment); errors.Is(err, os.ErrDeadlineExceeded) {
			return false, nil // nothing came, as it should be
		}
		return false, err
	}
	return true, nil
}

// close ends the connection without another word on it.
func (w *wire) close() error {
	err := w.raw.Close()
	w.mu.Lock()
	w.until = time.Time{} // arm is to find out
	w.mu.Unlock()
	if w.writing != nil {
		<-w.writing
		w.writing = nil
	}
	return err
}
