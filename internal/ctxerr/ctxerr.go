// Package ctxerr tells whose end an error speaks of: that of the caller's context, or
// that of some time that was set within.
package ctxerr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// Of is the error of a context that ended, with its cause if it has one of its own.
// Nil if ctx hasn't ended.
func Of(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(cause, err) {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// Detach hides that err matches the error of a context, as timeouts of the net
// package do, where the context of the caller hasn't ended. A timeout is
// os.ErrDeadlineExceeded then.
func Detach(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			return fmt.Errorf("%v: %w", err, os.ErrDeadlineExceeded)
		}
		return errors.New(err.Error())
	}
	return err
}

// Explain returns the error of ctx if that is why something under it has failed with
// err, and what Detach leaves of err otherwise.
func Explain(ctx context.Context, err error) error {
	if Over(ctx) {
		if ctx.Err() != nil {
			return Of(ctx)
		}
		return context.DeadlineExceeded
	}
	return Detach(err)
}

// Over reports whether ctx has ended, or is about to: the timer of a dialler or of a
// connection that was set to its deadline may be faster than its own.
func Over(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(end)
}
