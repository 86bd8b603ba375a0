package sendmail

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/ctxerr"
)

// handover is one message on its way into one process.
type handover struct {
	ctx     context.Context // the caller's
	bounded context.Context // ctx, and Timeout
	limit   time.Duration
	plan    *plan
	group   *group
	proc    *process
	crlf    bool
}

// feed writes the message and then, unless something went wrong, its end: from
// there on the program may send it. Otherwise it returns what follows, with the
// process stopped and nothing handed over.
func (h *handover) feed(body io.Reader, closeBody func()) (verdict, bool) {
	woken := make(chan struct{})
	stop := context.AfterFunc(h.proc.alive, func() {
		defer close(woken)
		h.proc.kill()
		h.proc.in.wake()
		closeBody() // a reader that blocks is woken as well
	})
	err := h.write(body)
	if _, broken := errors.AsType[*writeError](err); broken {
		h.proc.wait(h.bounded) // it doesn't want more, and its exit code says why
	}
	// Whoever comes first decides: the end of the message, or that of the process
	// or the context.
	undisturbed := stop()
	if !undisturbed {
		<-woken
	}
	if err == nil && undisturbed {
		if err = h.proc.in.commit(); err == nil {
			return verdict{}, true
		}
	}
	v := h.unfinished(err)
	h.proc.abort()
	return v, false
}

// vetoError is an error of the hook BeforeEnd.
type vetoError struct{ err error }

func (e *vetoError) Error() string { return e.err.Error() }
func (e *vetoError) Unwrap() error { return e.err }

// write writes the message up to, and without, its end, and asks those who want to
// be asked at the last moment at which nothing is committed.
func (h *handover) write(body io.Reader) error {
	env := h.plan.env
	text := &textChecker{crlf: h.crlf, eightBit: env.EightBit || env.SMTPUTF8}
	if err := writeText(h.proc.in, body, h.plan.size, text); err != nil {
		return err
	}
	if hooks := delivery.HooksFrom(h.ctx); hooks != nil && hooks.BeforeEnd != nil {
		if err := hooks.BeforeEnd(h.ctx, slices.Clone(h.group.indexes)); err != nil {
			return &vetoError{err}
		}
	}
	return nil
}

// unfinished judges a message whose end wasn't written; err says why, if it was
// not the process or the context.
func (h *handover) unfinished(err error) verdict {
	veto, vetoed := errors.AsType[*vetoError](err)
	switch {
	case vetoed: // no failure of the path
		return verdict{delivery.NotSent, delivery.PhasePrepare, veto.err}
	case h.proc.hasExited() && h.proc.exitCode() >= 0:
		return h.ended(false)
	case h.bounded.Err() != nil:
		return h.interrupted()
	case h.proc.hasExited():
		return h.ended(false)
	}
	return verdict{delivery.NotSent, delivery.PhaseBody, err}
}

// interrupted judges a message that wasn't finished because the context ended or
// the time was up.
func (h *handover) interrupted() verdict {
	if h.ctx.Err() != nil {
		return verdict{delivery.NotSent, delivery.PhaseBody, ctxerr.Of(h.ctx)}
	}
	return verdict{delivery.Deferred, delivery.PhaseBody, timeoutError(h.limit)}
}

// await waits for the process and judges the message, whose end was written.
func (h *handover) await() verdict {
	if !h.proc.wait(h.bounded) {
		grace, cancel := context.WithTimeout(context.Background(), killGrace)
		defer cancel()
		h.proc.kill()
		h.proc.wait(grace)
	}
	gone := h.proc.hasExited()
	read := !gone || !h.proc.unread
	if gone && (h.proc.exitCode() >= 0 || h.bounded.Err() == nil) {
		return h.ended(read)
	}
	v := h.interrupted()
	if read {
		v.outcome, v.phase = delivery.Unknown, delivery.PhaseEnd
	}
	return v
}

// ended judges by the way in which the process ended; read says that it may have
// read the message to its end.
func (h *handover) ended(read bool) verdict {
	code := h.proc.exitCode()
	outcome, meaning := decide(h.plan.program, code, read)
	v := verdict{outcome: outcome, phase: delivery.PhaseEnd}
	if !read && outcome != delivery.Unknown {
		v.phase = delivery.PhaseBody
	}
	switch {
	case outcome == delivery.Accepted:
	case code == 0:
		v.err = ErrUnread
	default:
		v.err = &ExitError{Code: code, Output: h.printed(), state: h.proc.state.String(), meaning: meaning, outcome: outcome}
	}
	return v
}

// printed is what the program printed on standard error, or else on standard
// output. What msmtp prints there, if its debugging is on, is its conversation with
// the server, passwords and all.
func (h *handover) printed() string {
	out, errOut := h.proc.printed()
	if errOut == "" && h.plan.program != ProgramMsmtp {
		return out
	}
	return errOut
}
