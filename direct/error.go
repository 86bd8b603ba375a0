package direct

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/ctxerr"
)

// Sentinel errors, reachable by errors.Is through the *delivery.Error of a
// recipient.
var (
	// ErrNoDomain: the domain doesn't exist, or has neither mail exchangers nor an
	// address.
	ErrNoDomain = errors.New("the domain doesn't exist or has no mail exchanger")
	// ErrNullMX: the domain says that it takes no mail (RFC 7505), or all of its
	// hosts do (RFC 7504).
	ErrNullMX = errors.New("the domain takes no mail")
	// ErrNoAddress: no mail exchanger of the domain has an address.
	ErrNoAddress = errors.New("no mail exchanger of the domain has an address")
	// ErrForbidden: no mail exchanger of the domain has an address that AllowAddr
	// allows.
	ErrForbidden = errors.New("not an address that may be connected to")
	// ErrSelf: mail for the domain would come back to this host.
	ErrSelf = errors.New("this host is the best mail exchanger of the domain")
	// ErrLiteral: Transport.AddressLiterals isn't set.
	ErrLiteral = errors.New("mail for address literals isn't sent")
	// ErrDown: the address couldn't be reached a moment ago and isn't tried yet.
	ErrDown = errors.New("not tried again yet")
	// ErrPort25: connections to port 25 don't get out of this network.
	ErrPort25 = errors.New("port 25 seems to be blocked")
)

// errContract: the fallback's result isn't one.
var errContract = errors.New("the fallback doesn't account for each recipient")

// Refusal is a verdict that no server has spoken: the DNS says that there is
// nothing to deliver to, or what it says can't be followed. The recipient is
// Rejected. It is no evidence about a single address, but about its domain, and
// counts as delivery.ErrUndeliverable, unless it lies with us: ErrSelf, ErrLiteral
// and delivery.ErrREQUIRETLSRequired.
type Refusal struct {
	// Code is the enhanced status code of RFC 3463 that says the same, such as
	// 5.1.2.
	Code delivery.EnhancedCode
	// Err is one of the errors above or wraps it.
	Err error
}

// Error returns code and reason.
func (r *Refusal) Error() string { return r.Code.String() + " " + r.Err.Error() }

// Unwrap returns the reason.
func (r *Refusal) Unwrap() error { return r.Err }

// Is makes it count as delivery.ErrUndeliverable.
func (r *Refusal) Is(target error) bool {
	return target == delivery.ErrUndeliverable && !errors.Is(r.Err, ErrSelf) && !errors.Is(r.Err, ErrLiteral) &&
		!errors.Is(r.Err, delivery.ErrREQUIRETLSRequired)
}

// Status returns Code. Who can't import this package finds it as an
//
//	interface{ Status() delivery.EnhancedCode }
func (r *Refusal) Status() delivery.EnhancedCode { return r.Code }

// PolicyError says that the mail can't go to a host without breaking a policy for
// its domain. It counts as delivery.ErrTLSRequired, so it is temporary and no
// failure of the path, and no other way may be taken that ignores the policy.
type PolicyError struct {
	// Policy is what demands it: "dane", "mta-sts", "dnssec" or "tls".
	Policy string
	// Err is what is wrong with the host.
	Err error
}

// Error returns policy and reason.
func (e *PolicyError) Error() string { return e.Policy + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *PolicyError) Unwrap() error { return e.Err }

// Is makes it count as delivery.ErrTLSRequired.
func (e *PolicyError) Is(target error) bool { return target == delivery.ErrTLSRequired }

// prepareError is about something that no host need be asked for.
func prepareError(rcpt string, err error) *delivery.Error {
	return &delivery.Error{Op: "direct", Phase: delivery.PhasePrepare, Recipient: rcpt, Err: err}
}

// refuse is a Refusal as an error. Its phase is that of what can't be helped by
// another path.
func refuse(code delivery.EnhancedCode, err error) *delivery.Error {
	return prepareError("", &Refusal{code, err})
}

func resolveError(host string, err error) *delivery.Error {
	return &delivery.Error{Op: "direct", Phase: delivery.PhaseResolve, Host: host, Err: ctxerr.Detach(err)}
}

// dialError judges an error of dialling. ctx is that of the caller, d the time
// that dialling had.
func dialError(ctx context.Context, host string, d time.Duration, err error) *delivery.Error {
	if !ctxerr.Over(ctx) && errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no connection within %v: %w", d, os.ErrDeadlineExceeded)
	} else {
		err = ctxerr.Explain(ctx, err)
	}
	return &delivery.Error{Op: "direct", Phase: delivery.PhaseDial, Host: host, Err: err}
}

// isOurs reports whether dialling failed for want of something on this machine.
func isOurs(err error) bool {
	for _, errno := range []syscall.Errno{
		syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// isTimeout reports whether nothing came back.
func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT)
}
