package qdmail

import "github.com/qdmail/qdmail/delivery"

// The nouns of package delivery, for programs that import nothing but this one.
type (
	// Transport hands a message to the next hop.
	Transport = delivery.Transport
	// Envelope is the reverse-path and the recipients.
	Envelope = delivery.Envelope
	// Body is a finished message.
	Body = delivery.Body
	// Result is the outcome of a delivery, recipient by recipient.
	Result = delivery.Result
	// Attempt is one step of the path on which that came about.
	Attempt = delivery.Attempt
	// Outcome is what became of the message for one recipient.
	Outcome = delivery.Outcome
	// SendError says that not every recipient's mail was accepted.
	SendError = delivery.SendError
)

// The outcomes; see package delivery.
const (
	NotSent  = delivery.NotSent
	Queued   = delivery.Queued
	Accepted = delivery.Accepted
	Deferred = delivery.Deferred
	Rejected = delivery.Rejected
	Unknown  = delivery.Unknown
)
