package delivery

import "context"

// Transport hands one message to the next hop: a relay, the recipient's own
// mail exchanger, a local program, a queue, a test.
//
// Send carries out one delivery attempt for the recipients of env. Everything
// that concerns more than one attempt (retrying later, choosing another
// transport, pacing) belongs to a Transport that wraps this one.
//
// A Transport must keep to these rules, so that callers can swap one for
// another:
//
//   - The Result is never nil and has exactly one entry per recipient, in the
//     order of env.Recipients, whatever happened.
//   - The error is nil if and only if every recipient is Accepted or Queued.
//     Otherwise it is a *SendError that holds the same Result; the reason for
//     each recipient is in its Err, as an *Error wherever a hop was involved.
//     A server's "no" to one recipient never costs another one the mail.
//   - A recipient is Accepted only when the next hop took responsibility with a
//     positive reply to the end of data. What happens afterwards on the
//     connection (a failed RSET or QUIT) changes nothing.
//   - A recipient is Unknown if the connection was lost, timed out or turned to
//     garbage after the end of data may have been on the wire. A Transport
//     never tries such a recipient again on its own.
//   - ctx bounds the whole attempt: dialling, every read and every write. Its end
//     closes the reader of the Body, to wake one that blocks.
//     Cancelled before the end of data, the message is not sent (NotSent);
//     cancelled after it, the outcome is Unknown.
//   - Send doesn't modify env or what Body returns, and doesn't keep either
//     after it returned, queues excepted, which copy.
//   - Body.Open may be called any number of times; each reader is closed. If a
//     reader fails, or gives another number of octets than Body.Size, the
//     message is never completed: no truncated mail leaves.
//   - The functions of the [Hooks] in ctx are called at the moments that their
//     comments name. A Transport that has no such moment says so in its doc.
//   - Send may be called from many goroutines at once.
//   - When Send returns, no goroutine works on the message any more.
//
// A Transport that holds connections or files open also implements io.Closer.
type Transport interface {
	Send(ctx context.Context, env *Envelope, body Body) (*Result, error)
}

// TransportFunc makes a Transport of a function. It serves tests and small
// wrappers; the function has to keep to the contract of [Transport].
type TransportFunc func(ctx context.Context, env *Envelope, body Body) (*Result, error)

// Send calls f.
func (f TransportFunc) Send(ctx context.Context, env *Envelope, body Body) (*Result, error) {
	return f(ctx, env, body)
}
