package direct

import (
	"context"
	"errors"

	"github.com/qdmail/qdmail/delivery"
)

// kind says what it means for a recipient that one host was tried. Of several
// that were, the greatest is what is reported; of equals, the last.
type kind uint8

const (
	nothing  kind = iota // nobody was asked
	mismatch             // refused for what another host may be able to do
	path                 // the message never came to be judged
	policy               // we don't go on with this host, by a policy for the domain
	distrust             // refused, maybe for our address, and another of ours is asked
	ours                 // a fault on our side: it is NotSent
	busy                 // refused for now, by a host that speaks for itself alone
	verdict              // refused, and other hosts would say the same
	unknown              // the message may have been delivered
	accepted
)

// again reports whether another host may be tried.
func (k kind) again() bool {
	return k == mismatch || k == path || k == policy || k == distrust || k == busy
}

// judge says what a result for one recipient means. It is called for what the
// conversation with one host came to.
func judge(r *delivery.RecipientResult) kind {
	e, _ := errors.AsType[*delivery.Error](r.Err)
	switch {
	case r.Outcome.OK():
		return accepted
	case r.Outcome == delivery.Unknown:
		return unknown
	case r.Outcome == delivery.NotSent || e == nil:
		return ours
	case r.Outcome == delivery.Rejected:
		if lacks(e) {
			return mismatch
		}
		return verdict
	case errors.Is(e, delivery.ErrTLSRequired) || errors.Is(e, delivery.ErrTLSFailed):
		return policy
	case e.PathFailure():
		return path
	case e.Phase != delivery.PhaseBody && ofHost(e.Reply):
		return busy
	}
	return verdict
}

// ofHost reports a refusal for now that is about the host: it is shutting down,
// or gives its own state (x.3.x) or that of the network (x.4.x) as the reason.
// Greylisting and limits of rate are about us, and other hosts of the domain
// share them.
func ofHost(r *delivery.Reply) bool {
	return r.Temporary() && (r.Code == 421 || r.Enhanced[1] == 3 || r.Enhanced[1] == 4)
}

// lacks reports a refusal for something that the message needs and this host
// doesn't have. Another one may.
func lacks(e *delivery.Error) bool {
	if e.Reply == nil { // the extension wasn't offered
		return e.Phase != delivery.PhasePrepare
	}
	switch e.Reply.Enhanced {
	case delivery.EnhancedCode{5, 3, 4}, // message too big for the system
		delivery.EnhancedCode{5, 6, 1},  // media not supported
		delivery.EnhancedCode{5, 6, 3},  // conversion required but not supported
		delivery.EnhancedCode{5, 6, 7},  // non-ASCII addresses not permitted
		delivery.EnhancedCode{5, 7, 30}: // REQUIRETLS
		return true
	case delivery.EnhancedCode{}:
		return e.Phase == delivery.PhaseMAIL && e.Reply.Code == 552
	}
	return false
}

// aboutUs reports a refusal for reasons of security or reputation (x.7.x), which
// may be about our address. A host that we can reach from one of the other family
// may think otherwise then.
func aboutUs(e *delivery.Error) bool {
	return e != nil && e.Reply.Permanent() && e.Reply.Enhanced[1] == 7 && !lacks(e)
}

// unattributable counts the recipients that were refused by one reply to the
// message. With more than one, nobody can tell who was meant.
func unattributable(res *delivery.Result) int {
	n := 0
	for i := range res.Recipients {
		if refusedTogether(&res.Recipients[i]) {
			n++
		}
	}
	return n
}

func refusedTogether(r *delivery.RecipientResult) bool {
	e, _ := errors.AsType[*delivery.Error](r.Err)
	if r.Outcome != delivery.Rejected || e == nil || e.Reply == nil || e.Recipient != "" {
		return false
	}
	return e.Phase == delivery.PhaseDATA || e.Phase == delivery.PhaseBody || e.Phase == delivery.PhaseEnd
}

// noMail reports a host that takes no mail whatsoever (RFC 7504).
func noMail(e *delivery.Error) bool {
	return e.Phase == delivery.PhaseGreeting && e.Reply != nil && e.Reply.Code == 521
}

// closedEarly reports whether a connection that was used before was dead: nothing
// of the message was judged then, and another connection to the same host costs
// nobody anything.
func closedEarly(r *delivery.RecipientResult) bool {
	e, _ := errors.AsType[*delivery.Error](r.Err)
	switch {
	case r.Outcome != delivery.Deferred || e == nil || errors.Is(e, delivery.ErrProtocol):
		return false
	case e.Phase == delivery.PhaseRSET:
		return true
	case e.Phase != delivery.PhaseMAIL:
		return false
	case e.Reply != nil:
		return e.Reply.Code == 421
	}
	return !isTimeout(e)
}

// trail is what became of one recipient at all hosts that were tried.
type trail struct {
	count   [accepted + 1]int
	tried   int
	noMail  int  // hosts that take no mail whatsoever
	refusal bool // FallbackRules.OnRefusal says that it is about us
}

// add notes what a host came to.
func (t *trail) add(k kind, e *delivery.Error, rules *FallbackRules) {
	t.count[k]++
	t.tried++
	if e != nil && noMail(e) {
		t.noMail++
	}
	if (k == verdict || k == distrust) && e != nil && e.Reply.Permanent() && rules.OnRefusal != nil && rules.OnRefusal(e.Reply) {
		t.refusal = true
	}
}

// closed reports whether all hosts take no mail whatsoever.
func (t *trail) closed() bool { return t.tried > 0 && t.noMail == t.tried }

// toFallback says whether the recipient goes to the fallback, and why or why not.
func (t *trail) toFallback(rules *FallbackRules) (bool, delivery.Reason) {
	switch {
	case t.count[accepted] > 0:
		return false, delivery.BecauseAccepted
	case t.count[unknown] > 0:
		return false, delivery.BecauseUnknown
	case t.count[ours] > 0:
		return false, delivery.BecauseOurs
	case t.count[verdict]+t.count[distrust] > 0:
		return t.refusal, delivery.BecauseVerdict
	case t.closed():
		return false, delivery.BecauseVerdict
	case t.count[mismatch] > 0:
		return false, delivery.BecauseMismatch
	case t.count[policy] > 0 && !rules.EnforcesPolicy:
		return false, delivery.BecausePolicy
	case t.count[busy] > 0:
		return rules.OnDefer, delivery.BecauseBusy
	case t.count[policy] > 0:
		return true, delivery.BecausePolicy
	}
	return t.tried > 0, delivery.BecausePath
}

// full reports a mailbox that is full, in the words of servers that say so by 552
// and nothing else (RFC 5321 section 4.5.3.1.10). It may not be, later.
func full(e *delivery.Error) bool {
	return e != nil && e.Phase == delivery.PhaseRCPT && e.Reply != nil && e.Reply.Code == 552 &&
		e.Reply.Enhanced == delivery.EnhancedCode{}
}

// outcomes are those of what comes before the message.
var outcomes = [...]delivery.Outcome{
	mismatch: delivery.Rejected, path: delivery.Deferred, policy: delivery.Deferred,
	ours: delivery.NotSent, verdict: delivery.Deferred,
}

// kindOf is judge for a failure before the message.
func kindOf(e *delivery.Error) kind {
	switch {
	case e.Phase == delivery.PhasePrepare || errors.Is(e, context.Canceled) || errors.Is(e, context.DeadlineExceeded) || isOurs(e):
		return ours
	case errors.Is(e, delivery.ErrREQUIRETLSRequired):
		return mismatch
	case errors.Is(e, ErrSelf):
		return verdict
	case errors.Is(e, delivery.ErrTLSRequired) || errors.Is(e, delivery.ErrTLSFailed):
		return policy
	}
	return path
}
