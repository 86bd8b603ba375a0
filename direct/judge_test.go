package direct_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
)

// TestJudge: what one host's answer means for the next one and for the fallback.
func TestJudge(t *testing.T) {
	code := func(code int, enhanced ...int) *delivery.Reply {
		r := &delivery.Reply{Code: code}
		copy(r.Enhanced[:], enhanced)
		return r
	}
	onDefer := direct.FallbackRules{OnDefer: true}
	enforces := direct.FallbackRules{EnforcesPolicy: true}
	listed := direct.FallbackRules{OnRefusal: func(r *delivery.Reply) bool { return r.Code == 554 }}
	const d, r, u, n = delivery.Deferred, delivery.Rejected, delivery.Unknown, delivery.NotSent
	closed := errors.New("connection closed")
	for _, c := range []struct {
		outcome         delivery.Outcome
		phase           delivery.Phase
		reply           *delivery.Reply
		err             error
		rules           direct.FallbackRules
		again, fallback bool
		reason          delivery.Reason
	}{
		{d, delivery.PhaseDial, nil, closed, direct.FallbackRules{}, true, true, delivery.BecausePath},
		{d, delivery.PhaseGreeting, code(554, 5, 7, 1), nil, direct.FallbackRules{}, true, true, delivery.BecausePath},
		{d, delivery.PhaseGreeting, code(521), nil, direct.FallbackRules{}, true, false, delivery.BecausePath},
		{d, delivery.PhaseEHLO, code(421), nil, direct.FallbackRules{}, true, true, delivery.BecausePath},
		{d, delivery.PhaseTLS, nil, closed, direct.FallbackRules{}, true, true, delivery.BecausePath},
		{d, delivery.PhaseTLS, nil, delivery.ErrTLSFailed, direct.FallbackRules{}, true, false, delivery.BecausePolicy},
		{d, delivery.PhaseSTARTTLS, nil, delivery.ErrTLSRequired, direct.FallbackRules{}, true, false, delivery.BecausePolicy},
		{d, delivery.PhaseSTARTTLS, nil, delivery.ErrTLSRequired, enforces, true, true, delivery.BecausePolicy},
		{d, delivery.PhaseMAIL, code(421), nil, direct.FallbackRules{}, true, false, delivery.BecauseBusy},
		{d, delivery.PhaseMAIL, code(421), nil, onDefer, true, true, delivery.BecauseBusy},
		{d, delivery.PhaseMAIL, code(451, 4, 3, 0), nil, onDefer, true, true, delivery.BecauseBusy},
		{d, delivery.PhaseRCPT, code(451, 4, 4, 1), nil, direct.FallbackRules{}, true, false, delivery.BecauseBusy},
		{d, delivery.PhaseRCPT, code(450, 4, 7, 1), nil, onDefer, false, false, delivery.BecauseVerdict},
		{d, delivery.PhaseRCPT, code(450, 4, 2, 0), nil, onDefer, false, false, delivery.BecauseVerdict},
		{d, delivery.PhaseRCPT, code(450), nil, onDefer, false, false, delivery.BecauseVerdict},
		{d, delivery.PhaseRCPT, code(452), nil, onDefer, false, false, delivery.BecauseVerdict},
		{d, delivery.PhaseBody, code(451, 4, 3, 0), nil, onDefer, false, false, delivery.BecauseVerdict},
		{d, delivery.PhaseEnd, code(451, 4, 3, 0), nil, direct.FallbackRules{}, true, false, delivery.BecauseBusy},
		{d, delivery.PhaseDATA, nil, os.ErrDeadlineExceeded, direct.FallbackRules{}, true, true, delivery.BecausePath},
		{d, delivery.PhaseDATA, code(250), delivery.ErrProtocol, direct.FallbackRules{}, true, true, delivery.BecausePath},
		{r, delivery.PhaseMAIL, nil, delivery.ErrSMTPUTF8Required, direct.FallbackRules{}, true, false, delivery.BecauseMismatch},
		{r, delivery.PhaseMAIL, nil, delivery.ErrTooLarge, onDefer, true, false, delivery.BecauseMismatch},
		{r, delivery.PhaseMAIL, code(552, 5, 3, 4), nil, direct.FallbackRules{}, true, false, delivery.BecauseMismatch},
		{r, delivery.PhaseMAIL, code(552), nil, direct.FallbackRules{}, true, false, delivery.BecauseMismatch},
		{r, delivery.PhaseEnd, code(552), nil, direct.FallbackRules{}, false, false, delivery.BecauseVerdict},
		{r, delivery.PhaseMAIL, code(553, 5, 6, 7), nil, direct.FallbackRules{}, true, false, delivery.BecauseMismatch},
		{r, delivery.PhaseEnd, code(554, 5, 6, 3), nil, direct.FallbackRules{}, true, false, delivery.BecauseMismatch},
		{r, delivery.PhaseMAIL, code(550, 5, 7, 30), nil, direct.FallbackRules{}, true, false, delivery.BecauseMismatch},
		{r, delivery.PhaseRCPT, code(550, 5, 1, 1), nil, listed, false, false, delivery.BecauseVerdict},
		{r, delivery.PhaseMAIL, code(554, 5, 7, 1), nil, direct.FallbackRules{}, false, false, delivery.BecauseVerdict},
		{r, delivery.PhaseMAIL, code(554, 5, 7, 1), nil, listed, false, true, delivery.BecauseVerdict},
		{u, delivery.PhaseEnd, nil, closed, onDefer, false, false, delivery.BecauseUnknown},
		{u, delivery.PhaseMAIL, nil, closed, onDefer, false, false, delivery.BecauseUnknown},
		{n, delivery.PhaseMAIL, nil, context.Canceled, onDefer, false, false, delivery.BecauseOurs},
		{n, delivery.PhaseBody, nil, delivery.ErrBodyUnreadable, onDefer, false, false, delivery.BecauseOurs},
		{n, delivery.PhasePrepare, nil, errors.New("bad address"), onDefer, false, false, delivery.BecauseOurs},
	} {
		e := &delivery.Error{Op: "smtp", Phase: c.phase, Host: "mx.test:25", Reply: c.reply, Err: c.err}
		again, fallback, reason := direct.Judge(delivery.RecipientResult{Outcome: c.outcome, Reply: c.reply, Err: e}, c.rules)
		if again != c.again || fallback != c.fallback || reason != c.reason {
			t.Errorf("%v, %v: next host %v, fallback %v, because %q", c.outcome, e, again, fallback, reason)
		}
	}
	if again, fallback, reason := direct.Judge(delivery.RecipientResult{Outcome: delivery.Accepted}, onDefer); again || fallback || reason != delivery.BecauseAccepted {
		t.Error(again, fallback, reason)
	}
}
