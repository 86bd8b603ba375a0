package direct

import (
	"context"
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

// Attempt is one way to hand a message over, and what came of it.
type Attempt struct {
	// Recipients are indexes into Envelope.Recipients.
	Recipients []int
	// Domain is that of the recipients, in A-labels; empty for the fallback.
	Domain string
	// Host is the mail exchanger with its port, or who the fallback says has
	// decided. Empty if none was found.
	Host string
	// IP is its address. The zero Addr if none was connected to, such as because
	// the address is known to be down.
	IP netip.Addr
	// Reused says that the connection had carried another message before.
	Reused bool
	// Fallback says that this was the fallback.
	Fallback bool
	// Security is how the connection was protected; empty if none came as far as a
	// message.
	Security Security
	// Began and Took are when it was and how long it took.
	Began time.Time
	Took  time.Duration
	// Outcome is what came of it for these recipients.
	Outcome delivery.Outcome
	// Err is the reason unless that is Accepted; a *delivery.Error.
	Err error
	// Reason classifies Outcome and Err.
	Reason Reason
	// Next is what follows from it.
	Next Next
}

// Security is how a connection was protected.
type Security string

// The values of Security.
const (
	Clear         Security = "clear"         // not at all
	Encrypted     Security = "encrypted"     // by TLS with whoever it was
	Authenticated Security = "authenticated" // by TLS with who it should be
)

// Reason is why something did or didn't follow.
type Reason string

// The reasons.
const (
	BecauseAccepted Reason = "accepted"
	BecausePath     Reason = "the path failed"
	BecausePolicy   Reason = "a policy forbids it"
	BecauseBusy     Reason = "refused for now, for reasons of the host"
	BecauseMismatch Reason = "the host lacks what the message needs"
	BecauseAddress  Reason = "refused, maybe for our address"
	BecauseVerdict  Reason = "a verdict"
	BecauseUnknown  Reason = "it may have been delivered"
	BecauseOurs     Reason = "a fault on our side"
)

// reasons are those of each kind.
var reasons = [...]Reason{
	mismatch: BecauseMismatch, path: BecausePath, policy: BecausePolicy, ours: BecauseOurs,
	busy: BecauseBusy, verdict: BecauseVerdict, unknown: BecauseUnknown, accepted: BecauseAccepted,
}

// Next is what follows an attempt.
type Next string

// What can follow.
const (
	NextNone     Next = "nothing"          // that is the result
	NextHost     Next = "next host"        // another host, or what follows when there is none
	NextAddress  Next = "next address"     // another address of the same host
	NextFresh    Next = "fresh connection" // the connection was dead; the same address again
	NextSmall    Next = "smaller hello"    // the same address, with a smaller TLS handshake
	NextClear    Next = "without TLS"      // the same address
	NextOneByOne Next = "one by one"       // the same message to each recipient by itself
	NextFallback Next = "fallback"
)

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
