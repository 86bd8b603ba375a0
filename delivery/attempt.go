package delivery

import (
	"net/netip"
	"time"
)

// Attempt is one way on which a transport tried to hand the message over for a
// recipient, what came of it, and what followed. It is plain data and goes
// through JSON unchanged; Cause is for people, the other fields are for programs
// too.
type Attempt struct {
	// Host is the server with its port, "mx.example.jp:25", or who a fallback says
	// has decided. Empty if none was found.
	Host string `json:",omitzero"`
	// IP is its address. The zero Addr if none was connected to, such as because
	// the address is known to be down.
	IP netip.Addr `json:",omitzero"`
	// Fallback says that this was the fallback, or one of its own attempts.
	Fallback bool `json:",omitzero"`
	// Reused says that the connection had carried another message before.
	Reused bool `json:",omitzero"`
	// Security is how the connection was protected; empty if none came as far as a
	// message.
	Security Security `json:",omitzero"`
	// Outcome is what came of it for this recipient.
	Outcome Outcome
	// Phase is where it ended; empty if it was Accepted or Queued.
	Phase Phase `json:",omitzero"`
	// Reply is the server's reply that decided. Nil if none did.
	Reply *Reply `json:",omitzero"`
	// Cause is what went wrong where the reply doesn't tell, as a text. The error
	// itself is in RecipientResult.Err, if it is that of the result. Empty if
	// there was none.
	Cause string `json:",omitzero"`
	// Reason classifies what came of it.
	Reason Reason `json:",omitzero"`
	// Next is what followed from it.
	Next Next `json:",omitzero"`
	// Began and Took are when it was and how long it took.
	Began time.Time     `json:",omitzero"`
	Took  time.Duration `json:",omitzero"`
}

// Security is how a connection was protected.
type Security string

// The values of Security.
const (
	SecurityClear         Security = "clear"         // not at all
	SecurityEncrypted     Security = "encrypted"     // by TLS with whoever it was
	SecurityAuthenticated Security = "authenticated" // by TLS with who it should be
)

// Reason is why something did or didn't follow an Attempt.
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

// Next is what follows an Attempt.
type Next string

// What can follow.
const (
	NextNone     Next = "nothing"                              // that is the result
	NextLimit    Next = "nothing, by the limits of an attempt" // that is the result, though there are more addresses
	NextHost     Next = "next host"                            // another host, or what follows when there is none
	NextAddress  Next = "next address"                         // another address of the same host
	NextFresh    Next = "fresh connection"                     // the connection was dead; the same address again
	NextSmall    Next = "smaller hello"                        // the same address, with a smaller TLS handshake
	NextClear    Next = "without TLS"                          // the same address
	NextOneByOne Next = "one by one"                           // the same message to each recipient by itself
	NextFallback Next = "fallback"
)

// String returns the attempt on one line, such as
//
//	mx.example.jp:25 at 192.0.2.1: deferred at dial: connection refused (the path failed; then next host)
//	mx.example.jp:25 at 192.0.2.2, encrypted: accepted: 250 2.0.0 queued
func (a Attempt) String() string {
	s := printable(a.Host)
	switch {
	case a.Fallback && s != "":
		s = "fallback, " + s
	case a.Fallback:
		s = "fallback"
	case s == "":
		s = "no host"
	}
	if a.IP.IsValid() {
		s += " at " + a.IP.String()
	}
	if a.Security != "" {
		s += ", " + string(a.Security)
	}
	s += ": " + a.Outcome.String()
	if a.Phase != "" {
		s += " at " + string(a.Phase)
	}
	if a.Cause != "" {
		s += ": " + printable(a.Cause)
	}
	if a.Reply != nil {
		s += ": " + a.Reply.String()
	}
	if !a.Outcome.OK() && a.Reason != "" && a.Next != "" {
		s += " (" + string(a.Reason) + "; then " + string(a.Next) + ")"
	}
	return s
}
