package smtp

import (
	"context"
	"errors"

	"github.com/qdmail/qdmail/delivery"
)

// popFirst logs in over POP3 where the server wants that before it takes mail.
func (r *Relay) popFirst(ctx context.Context) *failure {
	if r.POPBeforeSMTP == nil {
		return nil
	}
	err := r.POPBeforeSMTP.Login(ctx)
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*delivery.Error](err)
	if !ok {
		e = prepareError("", err)
	}
	f := &failure{verdict: oursAbort, event: local, err: e}
	if ctx.Err() == nil && (e.Temporary() || e.PathFailure()) && !errors.Is(err, context.DeadlineExceeded) {
		f.verdict = pathAbort
	}
	return f
}

// popAgain forgets the login if the server didn't know of it: the next Send logs
// in anew.
func (r *Relay) popAgain(res *delivery.Result) {
	if r.POPBeforeSMTP == nil {
		return
	}
	for i := range res.Recipients {
		e, ok := errors.AsType[*delivery.Error](res.Recipients[i].Err)
		if !ok || e.Reply == nil || e.Phase != delivery.PhaseMAIL && e.Phase != delivery.PhaseRCPT {
			continue
		}
		if e.Reply.Code == 530 || e.Reply.Permanent() && e.Reply.Enhanced[1] == 7 {
			r.POPBeforeSMTP.Invalidate()
			return
		}
	}
}
