// Package delivery holds the nouns that the composing half and the sending
// half of the library share, and the one interface between them.
//
// A message becomes an [Envelope] (who gets it) and a [Body] (the octets they
// get). A [Transport] takes both and answers with a [Result]: one
// [RecipientResult] per recipient, in envelope order, each with one of the six
// values of [Outcome] and, where there was a choice, the path that led to it,
// [Attempt] by [Attempt]. What went wrong is an [Error], which keeps the phase,
// the host and the server's [Reply]; several of them travel as a [SendError].
//
// Read transport.go for the contract, then outcome.go, envelope.go, body.go,
// result.go, attempt.go, error.go, reply.go and hooks.go.
//
// The package imports nothing but the standard library.
package delivery
