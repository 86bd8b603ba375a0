package smtp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/qdmail/qdmail/internal/ctxerr"
)

// leash ties the connection of a login to its context: the end of the context
// interrupts the read or write that is blocked, at once.
type leash struct {
	ctx  context.Context
	conn net.Conn    // deadlines are set here, beneath any TLS
	stop func() bool // unties them; only to be followed by closing the connection

	mu    sync.Mutex    // deadlines are set under it
	had   time.Duration // what within gave to the step
	byCtx bool          // the deadline that is set is the one of ctx
}

func newLeash(ctx context.Context, conn net.Conn) *leash {
	l := &leash{ctx: ctx, conn: conn}
	l.stop = context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		conn.SetDeadline(over)
	})
	return l
}

// within sets the deadline for what follows, as a whole: d from now, or the end
// of the context if that is earlier.
func (l *leash) within(d time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	// The context ends before its AfterFunc waits for mu, so either it is seen
	// here, or the AfterFunc comes after us and overrides what we set.
	if l.ctx.Err() != nil {
		return ctxerr.Of(l.ctx)
	}
	l.had = d
	until := time.Now().Add(d)
	end, ok := l.ctx.Deadline()
	if l.byCtx = ok && end.Before(until); l.byCtx {
		until = end
	}
	return l.conn.SetDeadline(until)
}

// explain turns an error of the connection into that of the context if the
// context is the reason, os.ErrDeadlineExceeded if the step took too long, and
// anything else for a connection that failed.
func (l *leash) explain(err error) error {
	timeout := errors.Is(err, os.ErrDeadlineExceeded)
	switch {
	case l.ctx.Err() != nil:
		return ctxerr.Of(l.ctx)
	case timeout && l.byCtx: // the connection's timer was faster than the context's
		return context.DeadlineExceeded
	case timeout:
		return fmt.Errorf("no progress within %v: %w", l.had, os.ErrDeadlineExceeded)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("connection closed by the other end: %w", io.ErrUnexpectedEOF)
	}
	return ctxerr.Detach(err)
}
