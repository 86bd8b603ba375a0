package smtp

import (
	"context"
	"errors"
	"os"

	"github.com/qdmail/qdmail/delivery"
)

// event is what can come of one step of a conversation.
type event uint8

const (
	agreed    event = iota // the reply that the step hopes for
	temporary              // 4xx
	closing                // 421: the server is about to close the connection
	permanent              // 5xx
	lost                   // the connection was closed or reset, or couldn't be made
	timedOut               // nothing, or not all of it, came in time
	garbled                // what SMTP doesn't allow at this point
	cancelled              // the context ended
	local                  // a fault on our side, such as a body that can't be read
	policy                 // we demand TLS or authentication, and this server gives none
	incapable              // the message demands what this server can't do
	numEvents
)

// refusal reports a reply that says no and leaves the connection as it is.
func (ev event) refusal() bool { return ev == temporary || ev == permanent }

// fate is what becomes of the connection, the best first.
type fate uint8

const (
	keep  fate = iota // it can serve the next message
	reset             // it can, after RSET
	quit              // end it politely
	abort             // close it without another word
)

// verdict is what follows from an event.
type verdict struct {
	// decided: the recipients that are still open get outcome. Otherwise the
	// conversation goes on.
	decided bool
	outcome delivery.Outcome
	// one: outcome concerns only the recipient that the step asked about.
	one  bool
	fate fate
}

var (
	next     = verdict{}
	accepted = verdict{decided: true, outcome: delivery.Accepted, fate: keep}
	unknown  = verdict{decided: true, outcome: delivery.Unknown, fate: abort}

	refusedNow   = verdict{decided: true, outcome: delivery.Deferred, fate: reset}
	refusedEver  = verdict{decided: true, outcome: delivery.Rejected, fate: reset}
	thisOneNow   = verdict{decided: true, outcome: delivery.Deferred, one: true}
	thisOneEver  = verdict{decided: true, outcome: delivery.Rejected, one: true}
	cannotTake   = verdict{decided: true, outcome: delivery.Rejected, fate: keep}
	rejectedLost = verdict{decided: true, outcome: delivery.Rejected, fate: abort}

	pathQuit  = verdict{decided: true, outcome: delivery.Deferred, fate: quit}
	pathAbort = verdict{decided: true, outcome: delivery.Deferred, fate: abort}

	oursAbort = verdict{decided: true, outcome: delivery.NotSent, fate: abort}
	oursQuit  = verdict{decided: true, outcome: delivery.NotSent, fate: quit}
	oursReset = verdict{decided: true, outcome: delivery.NotSent, fate: reset}
)

// decisions is the whole judgement of this package. Three rules explain it.
// Before the end of data nothing can have been delivered, so a failure of the
// path is Deferred, and one on our side NotSent. After it, only a complete reply
// tells (RFC 5321 section 4.2.5); without one the outcome is Unknown. And until
// MAIL, a refusal is about this path, not about the message.
//
// A refusal of STARTTLS, or of one AUTH mechanism, is no verdict by itself: the
// conversation goes on, or turns it into the event policy. TLS that we demand and
// don't get is a failure of the path, which the server's administrator can mend;
// credentials that are refused are ours.
var decisions = map[delivery.Phase][numEvents]verdict{
	delivery.PhaseResolve:  row(next, pathAbort, pathAbort, nil),
	delivery.PhaseDial:     row(next, pathAbort, pathAbort, nil),
	delivery.PhaseGreeting: row(next, pathQuit, pathQuit, nil),
	delivery.PhaseEHLO:     row(next, pathQuit, pathQuit, nil),
	delivery.PhaseSTARTTLS: row(next, next, next, map[event]verdict{policy: pathQuit}),
	delivery.PhaseTLS:      row(next, pathAbort, pathAbort, map[event]verdict{policy: pathAbort}),
	delivery.PhaseAUTH:     row(next, pathQuit, next, nil),
	delivery.PhaseMAIL:     row(next, refusedNow, refusedEver, nil),
	delivery.PhaseRCPT:     row(next, thisOneNow, thisOneEver, map[event]verdict{incapable: thisOneEver}),
	delivery.PhaseDATA:     row(next, refusedNow, refusedEver, map[event]verdict{local: oursReset}),
	delivery.PhaseBody:     row(next, pathAbort, rejectedLost, nil),
	delivery.PhaseEnd: row(accepted, refusedNow, refusedEver, map[event]verdict{
		lost: unknown, timedOut: unknown, garbled: unknown, cancelled: unknown, local: unknown,
	}),
	delivery.PhaseRSET: row(next, pathAbort, pathAbort, nil),
	delivery.PhaseQUIT: {}, // nothing that happens here changes a result
}

// row makes one line of the table: its own verdicts on agreement, 4xx and 5xx,
// what all lines have in common, and the exceptions from that.
func row(yes, notNow, never verdict, exceptions map[event]verdict) [numEvents]verdict {
	r := [numEvents]verdict{
		agreed: yes, temporary: notNow, closing: pathAbort, permanent: never,
		lost: pathAbort, timedOut: pathAbort, garbled: pathAbort,
		cancelled: oursAbort, local: oursAbort, policy: oursQuit, incapable: cannotTake,
	}
	for ev, v := range exceptions {
		r[ev] = v
	}
	return r
}

// decide says what follows when ev happens in phase. It does no I/O.
func decide(phase delivery.Phase, ev event) verdict {
	if r, ok := decisions[phase]; ok && ev < numEvents {
		return r[ev]
	}
	return oursAbort
}

// noReply, given to eventOf, says that no reply agrees.
const noReply = 0

// eventOf names what came of a step: a reply, or an error of the wire. want is
// the reply code that agrees, or its first digit where any code of the class
// does.
func eventOf(r *reply, err error, want int) event {
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return cancelled
	case errors.Is(err, errCommandLine):
		return local
	case errors.Is(err, delivery.ErrProtocol):
		return garbled
	case errors.Is(err, os.ErrDeadlineExceeded):
		return timedOut
	default:
		return lost
	}
	switch {
	case r.Code == want || r.Code/100 == want:
		return agreed
	case r.Code == 421:
		return closing
	case r.Code/100 == 4:
		return temporary
	case r.Code/100 == 5:
		return permanent
	}
	return garbled
}

// finalReply is the reply to the end of data, of which err may have cut
// something off. A server that closes the connection in the middle of its reply
// has said enough with the first complete line.
func finalReply(r *reply, err error) (*reply, error) {
	if r != nil && err != nil && eventOf(nil, err, noReply) == lost {
		return r, nil
	}
	return r, err
}

// tooMany reports a refusal of RCPT that says no more than that this transaction
// is full (RFC 5321 section 4.5.3.1.10): the recipient can be in the next one.
func tooMany(r *reply) bool {
	about := r.Enhanced[1] == 5 && r.Enhanced[2] == 3
	return r.Code == 452 && (about || r.Enhanced == delivery.EnhancedCode{}) || r.Code == 552 && about
}
