// Package direct delivers mail to the mail exchangers of its recipients, without
// a relay in between; a relay can be the fallback for when no way leads there.
//
// [Transport] is the delivery.Transport. A Send goes like this; behind each step,
// the function that does it.
//
//  1. The recipients are sorted by domain, each mailbox once. (job.groups)
//  2. The DNS says where the mail of a domain goes: hosts, in their order, and
//     addresses that may be connected to. (Transport.plan; rank, truncate,
//     interleave, trim)
//  3. For each transaction, by default one recipient, the addresses are tried one
//     after the other. (walk.run)
//  4. What TLS a host must have is what DANE, MTA-STS and the configuration demand
//     together. (Transport.ask)
//  5. A connection is taken from those that are idle, or made, with less TLS where
//     that doesn't come about and isn't demanded. (pool.get, Transport.connect)
//  6. Package smtp carries the message. (walk.send)
//  7. What came of it says whether another host may be tried. (judge, kind.again)
//  8. Who was reached by no path goes to the fallback, all in one message.
//     (trail.toFallback, job.fallBack)
//  9. What was tried, and why, stands in the result. (job.tell)
//
// One rule is behind all that: another way is taken only while it is certain that
// nobody has taken responsibility for the recipient, and only if the other way
// could lead to another answer. So a verdict is final, a message that may have
// been delivered is never sent again, and what a policy forbids isn't done in
// another way either.
//
// The package is read in this order: judge.go, the judgement; plan.go and
// resolve.go, where to; guard.go and address.go, what may be; demand.go and tls.go,
// with what TLS; walk.go, connect.go and pool.go, how; job.go, hooks.go and
// fallback.go, the message around it; memory.go, port25.go and slots.go, what one
// Send leaves to the next; config.go, carriers.go, transport.go, observe.go, error.go,
// and scheme.go with scheme_keys.go, what a caller sees.
package direct
