// Package dns asks the questions that delivering mail needs answered: where the
// mail of a domain goes, which addresses a host has, which certificate it must
// show.
//
// A [Resolver] gives an [Answer] with a [Status] that tells apart what the
// standard library doesn't: a name without such a record, a name that doesn't
// exist, a question that can't be answered now, and an answer that DNSSEC proves
// to be forged. There are three of them:
//
//   - [Client] asks recursive servers by itself: DNSSEC as a validating server
//     near by reports it, a cache, several servers. Direct delivery wants this
//     one.
//   - [NetResolver] asks a [net.Resolver], with what gets lost that way in its
//     comment.
//   - [Map] answers from Go values, faults included, for tests.
//
// Read answer.go first, then name.go, error.go and record.go, which all three
// share. A question to Client goes through client.go, flight.go (the same
// question asked once), cache.go, follow.go (CNAME), ask.go (servers and second
// tries), exchange.go (the sockets) and message.go (the octets, the one file
// that knows github.com/miekg/dns); resolvconf.go finds the servers.
package dns
