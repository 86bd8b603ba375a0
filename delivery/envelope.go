package delivery

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Envelope is what a server is told before it gets the message: the
// reverse-path and the recipients (RFC 5321 section 2.3.1). It is plain data and
// goes through JSON unchanged. It is independent of the header of the message.
type Envelope struct {
	// From is the reverse-path, an addr-spec without angle brackets: bounces go
	// there. Empty is the null reverse-path "<>".
	From string
	// Recipients are the forward-paths. Results come back in this order.
	Recipients []Recipient
	// DSN holds the message's delivery status notification wishes (RFC 3461);
	// its zero value asks for nothing.
	DSN DSN
	// SMTPUTF8 says that an address of the envelope or of the header has a local
	// part that isn't ASCII, so the message can only go to a server that offers
	// SMTPUTF8 (RFC 6531). Default: false.
	SMTPUTF8 bool
	// EightBit says that the body has octets above 127, so the message needs
	// 8BITMIME (RFC 6152). Messages composed by this library never do.
	// Default: false.
	EightBit bool
	// RequireTLS says that the message may only travel over verified TLS, on the
	// whole way (REQUIRETLS, RFC 8689); a server without it doesn't get the
	// message. Default: false.
	RequireTLS bool `json:",omitzero"`
	// DeliverBy bounds the time of delivery (RFC 2852). Default: not sent.
	DeliverBy DeliverBy `json:",omitzero"`
	// MTPriority is the priority among the messages of a queue, from -9 to 9
	// (MT-PRIORITY, RFC 6710). A server without it gets the message without.
	// Default: 0, not sent.
	MTPriority int `json:",omitzero"`
	// Hold asks the server to keep the message back for a while (FUTURERELEASE,
	// RFC 4865); a server that can't doesn't get it. Default: not sent.
	Hold Hold `json:",omitzero"`
}

// DeliverBy is the BY parameter of MAIL (RFC 2852 section 4).
type DeliverBy struct {
	// Within is the time that delivery may take, in whole seconds. Default: 0,
	// the parameter isn't sent.
	Within time.Duration `json:",omitzero"`
	// Return has the message returned if it is late, and so needs a server that
	// knows DELIVERBY. Default: false, the sender is told, and the message goes
	// on.
	Return bool `json:",omitzero"`
	// Trace asks for a report from each server that passes the message on.
	// Default: false.
	Trace bool `json:",omitzero"`
}

// Mode returns the letters after the time: "R" or "N", and "T" for Trace.
func (d DeliverBy) Mode() string {
	mode := "N"
	if d.Return {
		mode = "R"
	}
	if d.Trace {
		mode += "T"
	}
	return mode
}

// Hold is the HOLDFOR or HOLDUNTIL parameter of MAIL (RFC 4865 section 5); one
// of the two fields is set.
type Hold struct {
	// For is how long, in whole seconds. Default: 0.
	For time.Duration `json:",omitzero"`
	// Until is until when. Default: the zero time.
	Until time.Time `json:",omitzero"`
}

// Recipient is one forward-path with its own notification wishes.
type Recipient struct {
	// Address is one addr-spec, without angle brackets; its domain is ASCII
	// (A-labels).
	Address string
	// Notify says when a delivery status notification is wanted for this
	// recipient (RFC 3461 section 4.1). Zero: the parameter isn't sent, and the
	// servers on the way use their default, which is failure and maybe delay.
	Notify Notify
	// ORCPT is the original recipient in the form "rfc822;user@example.com",
	// not yet xtext-encoded (RFC 3461 section 4.2). Empty: not sent.
	ORCPT string
}

// DSN holds what RFC 3461 lets a sender ask about a message. The zero value
// asks for nothing, and nothing is sent.
type DSN struct {
	// RET chooses how much of the message a failure report brings back.
	// Default: not sent; the reporting server chooses.
	RET RET
	// ENVID is an identifier of the sender's choice that comes back in the
	// report, in printable ASCII, at most 100 octets once xtext-encoded.
	// Empty: not sent.
	ENVID string
	// Notify is the wish that a composer copies to every recipient; transports
	// look at Recipient.Notify alone. Default: nothing asked.
	Notify Notify
}

// RET is the RET parameter of MAIL (RFC 3461 section 4.3).
type RET string

// The values of RET; the empty string means that the parameter isn't sent.
const (
	RETFull    RET = "FULL" // the whole message
	RETHeaders RET = "HDRS" // its header only
)

// Notify is the NOTIFY parameter of RCPT (RFC 3461 section 4.1), a set of
// conditions. The zero value means that the parameter isn't sent. Never stands
// alone.
type Notify uint8

// The conditions that Notify can name; all but NotifyNever can be combined with
// the | operator.
const (
	NotifySuccess Notify = 1 << iota // delivered to the mailbox
	NotifyFailure                    // could not be delivered
	NotifyDelay                      // not delivered yet
	NotifyNever                      // no report whatever happens
)

var notifyNames = [...]struct {
	bit  Notify
	name string
}{
	{NotifySuccess, "SUCCESS"},
	{NotifyFailure, "FAILURE"},
	{NotifyDelay, "DELAY"},
	{NotifyNever, "NEVER"},
}

// Valid reports whether n is zero, a set of conditions, or NotifyNever alone.
func (n Notify) Valid() bool { return n == NotifyNever || n < NotifyNever }

// String returns the value in the form that goes on the wire, such as
// "SUCCESS,FAILURE"; empty for zero.
func (n Notify) String() string {
	var b strings.Builder
	for _, c := range notifyNames {
		if n&c.bit != 0 {
			if b.Len() > 0 {
				b.WriteByte(',')
			}
			b.WriteString(c.name)
		}
	}
	return b.String()
}

// ParseNotify reads a comma-separated list of conditions in any case, such as
// "success,failure"; the empty string is zero.
func ParseNotify(s string) (Notify, error) {
	var n Notify
	if s == "" {
		return 0, nil
	}
next:
	for word := range strings.SplitSeq(s, ",") {
		for _, c := range notifyNames {
			if strings.EqualFold(strings.TrimSpace(word), c.name) {
				n |= c.bit
				continue next
			}
		}
		return 0, fmt.Errorf("delivery: NOTIFY knows SUCCESS, FAILURE, DELAY and NEVER, not %q", word)
	}
	if !n.Valid() {
		return 0, errors.New("delivery: NOTIFY=NEVER can't be combined with another condition")
	}
	return n, nil
}

// MarshalText writes the value as String does.
func (n Notify) MarshalText() ([]byte, error) {
	if !n.Valid() {
		return nil, fmt.Errorf("delivery: no such NOTIFY value: %#x", uint8(n))
	}
	return []byte(n.String()), nil
}

// UnmarshalText reads what ParseNotify takes.
func (n *Notify) UnmarshalText(text []byte) error {
	v, err := ParseNotify(string(text))
	if err == nil {
		*n = v
	}
	return err
}
