package delivery

import (
	"fmt"
	"strings"
)

// Result is the outcome of one Send, recipient by recipient.
type Result struct {
	// MessageID is the Message-ID of the message, without angle brackets, where
	// the sender knows it.
	MessageID string
	// Recipients has one entry per recipient of the envelope, in its order.
	Recipients []RecipientResult
}

// RecipientResult is the outcome for one recipient.
type RecipientResult struct {
	// Address is the recipient as the envelope had it.
	Address string
	// Outcome says what became of the message.
	Outcome Outcome
	// Reply is the server's reply that decided: to the end of data when the
	// recipient was accepted (servers put their queue id there), otherwise the
	// refusal. Nil if no reply decided.
	Reply *Reply
	// Host is the server that decided, as it was dialled ("mx.example.jp:25").
	// Empty if none was reached.
	Host string
	// Dropped names the extensions that the envelope asked for and that this
	// hop lacks, when the transport was allowed to go on without, such as
	// "DSN". Nil if everything was passed on.
	Dropped []string
	// Attempts are the ways that were tried, in their order, and why each of them
	// was followed by what it was. A transport that knows but one way leaves it
	// nil, and one that is made of others passes on what they say.
	Attempts []Attempt `json:",omitempty"`
	// Err is the reason when Outcome isn't Accepted or Queued; an *Error
	// wherever a hop was involved. Nil otherwise.
	Err error
}

// NewResult returns a Result with one NotSent entry per recipient of env.
func NewResult(env *Envelope) *Result {
	res := &Result{Recipients: make([]RecipientResult, len(env.Recipients))}
	for i := range env.Recipients {
		res.Recipients[i].Address = env.Recipients[i].Address
	}
	return res
}

// Err returns nil if every recipient is Accepted or Queued, and otherwise a
// *SendError that holds r. It is what a Transport returns beside r.
func (r *Result) Err() error {
	for i := range r.Recipients {
		if !r.Recipients[i].Outcome.OK() {
			return &SendError{Result: r}
		}
	}
	if len(r.Recipients) == 0 {
		return &SendError{Result: r}
	}
	return nil
}

// Count returns the number of recipients with the given outcome.
func (r *Result) Count(o Outcome) int {
	n := 0
	for i := range r.Recipients {
		if r.Recipients[i].Outcome == o {
			n++
		}
	}
	return n
}

// SendError says that at least one recipient's mail was neither accepted nor
// queued. The Result tells which, and which ones are fine.
type SendError struct {
	Result *Result
}

// Error counts the outcomes and quotes the first three reasons.
func (e *SendError) Error() string {
	if len(e.Result.Recipients) == 0 {
		return "mail not sent: the envelope has no recipient"
	}
	var b strings.Builder
	b.WriteString("mail not delivered to all:")
	for o := range Outcome(len(outcomeNames)) {
		if n := e.Result.Count(o); n > 0 {
			fmt.Fprintf(&b, " %d %s,", n, o)
		}
	}
	s := strings.TrimSuffix(b.String(), ",")
	shown := 0
	for i := range e.Result.Recipients {
		r := &e.Result.Recipients[i]
		if r.Outcome.OK() {
			continue
		}
		if shown == 3 {
			return s + "; ..."
		}
		shown++
		s += "; " + printable(r.Address)
		if r.Err != nil {
			s += ": " + r.Err.Error()
		}
	}
	return s
}

// Unwrap returns the reasons of the recipients that failed, in their order.
func (e *SendError) Unwrap() []error {
	var errs []error
	for i := range e.Result.Recipients {
		if err := e.Result.Recipients[i].Err; err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
