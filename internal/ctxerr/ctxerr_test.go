package ctxerr_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/internal/ctxerr"
)

// A timeout of the dialler's own must not look like the end of the caller's
// context, which would make it no path failure.
func TestDetach(t *testing.T) {
	for _, err := range []error{context.DeadlineExceeded, context.Canceled, &net.OpError{Op: "dial", Err: context.DeadlineExceeded}} {
		got := ctxerr.Detach(err)
		if errors.Is(got, context.Canceled) || errors.Is(got, context.DeadlineExceeded) || got.Error() == "" {
			t.Errorf("%v became %v", err, got)
		}
	}
	if got := ctxerr.Detach(context.DeadlineExceeded); !errors.Is(got, os.ErrDeadlineExceeded) {
		t.Errorf("no timeout any more: %v", got)
	}
	if got := ctxerr.Detach(io.EOF); got != io.EOF {
		t.Errorf("EOF became %v", got)
	}
}

// The cause of a context is told beside its error, and only the end of the caller's
// context is its end.
func TestExplain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("the user has left")
		cancelled, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		for range 2 {
			if err := ctxerr.Explain(cancelled, io.EOF); !errors.Is(err, why) || !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		soon, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := ctxerr.Explain(soon, context.DeadlineExceeded); ctxerr.Over(soon) || errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		<-time.After(time.Second)
		if err := ctxerr.Explain(soon, io.EOF); !ctxerr.Over(soon) || !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := ctxerr.Of(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
