package delivery

import "fmt"

// Outcome says what became of the message for one recipient. The zero value is
// NotSent, so that a result nobody filled in never looks like a success.
type Outcome uint8

const (
	// NotSent: nothing was handed over, for a reason on our side: an invalid
	// address, a context that ended, an unreadable attachment, a policy of ours.
	// It is no evidence about the recipient or the server.
	NotSent Outcome = iota
	// Queued: our own durable queue has the message and will try to deliver it.
	Queued
	// Accepted: the next hop took responsibility for the message.
	Accepted
	// Deferred: the next hop answered 4xx, or the path to it failed provably
	// before the end of data. Trying again later is safe and may succeed.
	Deferred
	// Rejected: the next hop answered 5xx to the message or the recipient (a
	// refusal of the connection is Deferred), or lacks an extension without which
	// the message can't be sent. Trying again unchanged is pointless.
	Rejected
	// Unknown: the connection was lost after the end of data. The next hop may
	// or may not have the message; trying again may deliver it twice.
	Unknown
)

var outcomeNames = [...]string{
	NotSent:  "not sent",
	Queued:   "queued",
	Accepted: "accepted",
	Deferred: "deferred",
	Rejected: "rejected",
	Unknown:  "unknown",
}

// String returns the outcome in lower case words, such as "not sent".
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return fmt.Sprintf("Outcome(%d)", uint8(o))
}

// OK reports whether somebody has taken responsibility for the message: the
// next hop (Accepted) or our own queue (Queued).
func (o Outcome) OK() bool { return o == Accepted || o == Queued }

// MarshalText writes the outcome as String does.
func (o Outcome) MarshalText() ([]byte, error) {
	if int(o) >= len(outcomeNames) {
		return nil, fmt.Errorf("delivery: no such outcome: %d", uint8(o))
	}
	return []byte(outcomeNames[o]), nil
}

// UnmarshalText reads what MarshalText wrote.
func (o *Outcome) UnmarshalText(text []byte) error {
	for i, name := range outcomeNames {
		if name == string(text) {
			*o = Outcome(i)
			return nil
		}
	}
	return fmt.Errorf("delivery: no such outcome: %q", text)
}
