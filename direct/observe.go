package direct

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct/mtasts"
)

// Observer is told what a Transport does, and why. Each function may be nil. They
// are called while the caller of Send waits, from several goroutines at once, and
// must not call back into the Transport.
type Observer struct {
	// Attempt fires when one way to hand a message over has come to its end. Each
	// recipient gets at least one.
	Attempt func(ctx context.Context, a Attempt)
	// TLS fires when it is known whether a host holds a policy for TLS: once for
	// each policy and each connection, and once where the policy itself can't be
	// had or used. It is what TLS reporting wants to know (RFC 8460).
	TLS func(ctx context.Context, r TLSReport)
	// Port25 fires when connections to port 25 don't seem to get out of this
	// network any more, and when they do again.
	Port25 func(ctx context.Context, blocked bool)
}

// Attempt is one way to hand a message over, what came of it, and whom it was for. It
// stands in the results of these recipients too, in RecipientResult.Attempts.
type Attempt struct {
	delivery.Attempt
	// Recipients are indexes into Envelope.Recipients.
	Recipients []int
	// Domain is that of the recipients, in A-labels; empty for the fallback.
	Domain string
	// Err is the reason unless the outcome is Accepted or Queued; a *delivery.Error.
	Err error
}

// came notes what came of an attempt, and what follows.
func (a *Attempt) came(r *delivery.RecipientResult, why delivery.Reason, next delivery.Next) {
	a.Outcome, a.Reply, a.Err, a.Reason, a.Next = r.Outcome, r.Reply, r.Err, why, next
	a.Phase, a.Cause = "", ""
	e, _ := errors.AsType[*delivery.Error](r.Err)
	switch {
	case e == nil && r.Err != nil:
		a.Cause = r.Err.Error()
	case e != nil:
		a.Phase = e.Phase
		if a.Host == "" {
			a.Host = e.Host
		}
		if e.Err != nil {
			a.Cause = e.Err.Error()
		}
		if a.Reply == nil {
			a.Reply = e.Reply
		}
	}
}

// newAttempt is one that begins now.
func newAttempt() *Attempt { return &Attempt{Attempt: delivery.Attempt{Began: time.Now()}} }

// reasons are those of each kind.
var reasons = [...]delivery.Reason{
	mismatch: delivery.BecauseMismatch, path: delivery.BecausePath, policy: delivery.BecausePolicy, ours: delivery.BecauseOurs,
	distrust: delivery.BecauseAddress,
	busy:     delivery.BecauseBusy, verdict: delivery.BecauseVerdict, unknown: delivery.BecauseUnknown, accepted: delivery.BecauseAccepted,
}

// TLSReport says whether a host holds a policy, in the terms of RFC 8460.
type TLSReport struct {
	// PolicyType is mtasts.PolicyTypeSTS, PolicyTypeTLSA or PolicyTypeNone.
	PolicyType string
	// Domain is whose policy it is.
	Domain string
	// Host and IP are the server; empty where it came to none.
	Host string
	IP   netip.Addr
	// Result is what failed; empty if nothing did.
	Result mtasts.Result
	// Err is the reason of a Result.
	Err error
	// Enforced says that mail doesn't go there because of that.
	Enforced bool
}

func (t *Transport) observe(ctx context.Context, a Attempt) {
	if f := t.Observer.Attempt; f != nil {
		f(ctx, a)
	}
}

func (t *Transport) report(ctx context.Context, r TLSReport) {
	if f := t.Observer.TLS; f != nil {
		f(ctx, r)
	}
}
