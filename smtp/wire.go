package smtp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/qdmail/qdmail/delivery"
)

// wire is the connection: lines out, replies in, each within its time. It knows
// nothing of what the lines mean. Commands are queued, flushed, and their
// replies read, as three separate steps.
//
// Errors are those of the context, delivery.ErrProtocol, os.ErrDeadlineExceeded
// when a step took too long, and anything else for a connection that failed.
type wire struct {
	conn   net.Conn // what is read and written, a *tls.Conn after the handshake
	raw    net.Conn // the connection beneath; deadlines are set there
	br     *bufio.Reader
	out    []byte   // queued, not flushed yet
	told   []string // the queued lines as hooks may see them
	queued int      // command lines in out
	hide   []string // credentials that this connection has carried

	writing chan error // a large group that is being written while replies are read; nil otherwise
	last    time.Time  // when the last reply had been read

	mu    sync.Mutex
	bound *binding // changes and deadlines are set under mu
}

// binding is the context that governs the wire at the moment.
type binding struct {
	ctx   context.Context
	hooks *delivery.Hooks
	byCtx bool // the deadline that is set is the one of ctx
}

// over is a deadline that has passed.
var over = time.Unix(1, 0)

func newWire(conn net.Conn) *wire {
	return &wire{conn: conn, raw: conn, br: bufio.NewReaderSize(conn, maxReplyLine)}
}

// bind makes ctx govern all reads and writes until unbind is called: its end
// interrupts the one that is blocked, at once. One binding at a time.
func (w *wire) bind(ctx context.Context) (unbind func()) {
	b := &binding{ctx: ctx, hooks: delivery.HooksFrom(ctx)}
	if b.hooks == nil {
		b.hooks = new(delivery.Hooks)
	}
	w.mu.Lock()
	w.bound = b
	w.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.bound == b { // otherwise it came too late and concerns nobody any more
			w.raw.SetDeadline(over)
		}
	})
	return func() {
		stop()
		w.mu.Lock()
		w.bound = nil
		w.mu.Unlock()
	}
}

// arm sets the deadline for what follows: d from now, or the end of the context.
func (w *wire) arm(d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.bound
	// The context ends before its AfterFunc waits for mu, so either it is seen
	// here, or the AfterFunc comes after us and overrides what we set.
	if b.ctx.Err() != nil {
		return contextError(b.ctx)
	}
	until := time.Now().Add(d)
	end, ok := b.ctx.Deadline()
	if b.byCtx = ok && end.Before(until); b.byCtx {
		until = end
	}
	if err := w.raw.SetDeadline(until); err != nil {
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
		return contextError(b.ctx)
	case timeout && b.byCtx: // the connection's timer was faster than the context's
		return context.DeadlineExceeded
	case timeout:
		return fmt.Errorf("no progress within %v: %w", d, os.ErrDeadlineExceeded)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("connection closed by the server: %w", err)
	}
	return detach(err)
}

// contextError is the error of a context that ended, with its cause if it has
// one of its own.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(cause, err) {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// detach hides that err matches the error of a context, as timeouts of the net
// package do, where the context of the caller hasn't ended.
func detach(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			return fmt.Errorf("%v: %w", err, os.ErrDeadlineExceeded)
		}
		return errors.New(err.Error())
	}
	return err
}

// queue adds a checked command line. shown is what hooks may see of it.
func (w *wire) queue(line, shown string) {
	w.out = append(append(w.out, line...), "\r\n"...)
	w.told = append(w.told, shown)
	w.queued++
}

// add puts octets that are no command line into the queue.
func (w *wire) add(p []byte) { w.out = append(w.out, p...) }

// mark is a place in the queue.
type mark struct{ out, told, queued int }

func (w *wire) mark() mark { return mark{len(w.out), len(w.told), w.queued} }

// backTo takes out of the queue what came after m.
func (w *wire) backTo(m mark) {
	w.out, w.told, w.queued = w.out[:m.out], w.told[:m.told], m.queued
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
	p, commands := w.out, w.queued
	told := w.told
	w.out, w.told, w.queued = w.out[:0], w.told[:0], 0
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
	w.tell(told)
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

// takeTold takes the lines that were queued since m: they are for hooks other
// than those that are bound.
func (w *wire) takeTold(m mark) []string {
	told := slices.Clone(w.told[m.told:])
	w.told = w.told[:m.told]
	return told
}

// tell lets the hooks see command lines.
func (w *wire) tell(told []string) {
	if f := w.bound.hooks.Command; f != nil {
		for _, line := range told {
			f(w.bound.ctx, line)
		}
	}
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
func (w *wire) read(d time.Duration) (*reply, error) {
	if err := w.arm(d); err != nil {
		return nil, err
	}
	r, err := readReply(w.br, w.hide)
	if err != nil {
		return r, w.explain(err, d)
	}
	w.last = time.Now()
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
	return w.raw.SetDeadline(over)
}

// look is a stricter early: it looks at the connection too. What it finds is
// there to read afterwards. A connection that was closed is an error. It takes
// up to a millisecond where a connection can't be asked; see readable.
func (w *wire) look() (early bool, err error) {
	if w.early() {
		return true, nil
	}
	if err := w.arm(time.Second); err != nil {
		return false, err
	}
	moment := time.Millisecond
	switch sure, waiting := readable(w.raw); {
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
	if w.writing != nil {
		<-w.writing
		w.writing = nil
	}
	return err
}
