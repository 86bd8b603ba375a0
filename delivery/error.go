package delivery

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode"
)

// Phase is the step of a delivery in which something happened.
type Phase string

// The phases, in the order in which a conversation goes through them.
const (
	PhasePrepare  Phase = "prepare"  // before any connection: addresses, body, policy
	PhaseResolve  Phase = "resolve"  // looking up the host
	PhaseDial     Phase = "dial"     // connecting
	PhaseGreeting Phase = "greeting" // the server's first reply
	PhaseEHLO     Phase = "EHLO"     // EHLO or HELO
	PhaseSTARTTLS Phase = "STARTTLS" // the reply to STARTTLS
	PhaseTLS      Phase = "TLS"      // the handshake
	PhaseAUTH     Phase = "AUTH"
	PhaseMAIL     Phase = "MAIL"
	PhaseRCPT     Phase = "RCPT"
	PhaseDATA     Phase = "DATA" // the reply to DATA
	PhaseBody     Phase = "body" // sending the message, up to the end of data
	PhaseEnd      Phase = "end"  // from the end of data to its reply
	PhaseRSET     Phase = "RSET"
	PhaseQUIT     Phase = "QUIT"
)

// Sentinel errors, reachable by errors.Is through a *SendError and an *Error.
var (
	// ErrTLSRequired: the server doesn't offer the TLS that the configuration
	// demands, or refused to start it.
	ErrTLSRequired = errors.New("TLS is required and the server does not provide it")
	// ErrTLSFailed: the handshake failed, or the certificate didn't verify.
	ErrTLSFailed = errors.New("TLS handshake failed")
	// ErrAuthFailed: the server refused the credentials.
	ErrAuthFailed = errors.New("authentication failed")
	// ErrAuthUnavailable: the server offers no authentication, none that we can
	// do, or none that may be used on an unencrypted connection.
	ErrAuthUnavailable = errors.New("no usable authentication mechanism")
	// ErrSMTPUTF8Required: the message needs SMTPUTF8 and the server lacks it.
	ErrSMTPUTF8Required = errors.New("the server lacks SMTPUTF8, which an address needs")
	// Err8BITMIMERequired: the message needs 8BITMIME and the server lacks it.
	Err8BITMIMERequired = errors.New("the server lacks 8BITMIME, which the message needs")
	// ErrTooLarge: the message exceeds the size that the server takes.
	ErrTooLarge = errors.New("the message is larger than the server accepts")
	// ErrDSNRequired: the envelope asks for delivery status notifications, the
	// transport was told not to do without, and the server lacks DSN.
	ErrDSNRequired = errors.New("the server lacks DSN, which the envelope asks for")
	// ErrREQUIRETLSRequired: the envelope says RequireTLS, and the server lacks
	// REQUIRETLS or the connection has no verified TLS.
	ErrREQUIRETLSRequired = errors.New("the server can't promise TLS on the whole way (REQUIRETLS)")
	// ErrDELIVERBYRequired: a late message is to be returned, and the server
	// lacks DELIVERBY.
	ErrDELIVERBYRequired = errors.New("the server lacks DELIVERBY, which the envelope needs")
	// ErrFUTURERELEASERequired: the message is to be held back, and the server
	// lacks FUTURERELEASE or doesn't hold so long.
	ErrFUTURERELEASERequired = errors.New("the server can't hold the message back (FUTURERELEASE)")
	// ErrUndeliverable: nobody takes mail for the domain of the address, whatever
	// the mailbox: it doesn't exist, says that it takes no mail (RFC 7505), or has
	// no server that can be connected to.
	ErrUndeliverable = errors.New("nobody takes mail for the domain")
	// ErrNoRecipients: the envelope is empty, or no recipient was accepted.
	ErrNoRecipients = errors.New("no recipient")
	// ErrProtocol: the server sent what SMTP doesn't allow.
	ErrProtocol = errors.New("the server broke the SMTP protocol")
	// ErrBodyUnreadable: the body couldn't be read to its end.
	ErrBodyUnreadable = errors.New("the message body can't be read")
	// ErrMalformedBody: the body has a bare CR or LF, a NUL, a line over 998
	// octets, or undeclared 8-bit octets.
	ErrMalformedBody = errors.New("malformed message body")
)

// Error is one failure of one hop. Branch on its fields and methods, or with
// errors.Is on the sentinels; the text is for people.
type Error struct {
	// Op names the transport, such as "smtp".
	Op string
	// Phase is where it happened.
	Phase Phase
	// Host is the server as it was dialled; empty before that.
	Host string
	// Recipient is the address concerned; empty if all are.
	Recipient string
	// Reply is the server's reply; nil if there was none.
	Reply *Reply
	// Err is the cause when no reply explains it; may be nil when Reply is set.
	Err error
}

// Error returns the parts in the order transport, host, phase, recipient, reply,
// cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Host != "" {
		b.WriteString(" " + e.Host)
	}
	b.WriteString(": " + string(e.Phase))
	if e.Recipient != "" {
		b.WriteString(" <" + printable(e.Recipient) + ">")
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Reply != nil {
		b.WriteString(": " + e.Reply.String())
	}
	return b.String()
}

// printable quotes an address that would break a line of a log.
func printable(s string) string {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// local are causes that lie with us: no other server and no later time helps.
func (e *Error) local() bool {
	return e.Phase == PhasePrepare ||
		errors.Is(e.Err, context.Canceled) || errors.Is(e.Err, context.DeadlineExceeded) ||
		errors.Is(e.Err, ErrMalformedBody) || errors.Is(e.Err, ErrBodyChanged) || errors.Is(e.Err, ErrBodyUnreadable)
}

// policy are refusals of ours to go on with this server.
func (e *Error) policy() bool {
	return errors.Is(e.Err, ErrTLSRequired) || errors.Is(e.Err, ErrTLSFailed) ||
		errors.Is(e.Err, ErrAuthFailed) || errors.Is(e.Err, ErrAuthUnavailable)
}

// refused is a refusal without a reply: a cause that says itself that trying
// again is pointless.
func (e *Error) refused() bool {
	cause, ok := errors.AsType[interface {
		error
		Permanent() bool
	}](e.Err)
	return ok && cause.Permanent()
}

// capability are demands of the message that this server can't meet.
func (e *Error) capability() bool {
	return errors.Is(e.Err, ErrSMTPUTF8Required) || errors.Is(e.Err, Err8BITMIMERequired) ||
		errors.Is(e.Err, ErrTooLarge) || errors.Is(e.Err, ErrDSNRequired) ||
		errors.Is(e.Err, ErrREQUIRETLSRequired) || errors.Is(e.Err, ErrDELIVERBYRequired) ||
		errors.Is(e.Err, ErrFUTURERELEASERequired)
}

// Temporary reports whether the same message may get through later without
// anybody changing it: a 4xx reply, a connection that failed, a deadline that
// passed, a protocol error, a TLS handshake that failed, a refusal of the path
// (in the greeting or to EHLO). It is false for a 5xx reply to MAIL or later, a
// refused authentication, a cancelled context and faults on our side. A loss after the end of data is
// temporary too, but trying again may deliver twice: look at the Outcome first.
func (e *Error) Temporary() bool {
	if e.refused() {
		return false
	}
	if errors.Is(e.Err, ErrAuthFailed) || errors.Is(e.Err, ErrAuthUnavailable) {
		var cause interface{ Temporary() bool }
		return e.Reply.Temporary() || errors.As(e.Err, &cause) && cause.Temporary()
	}
	if errors.Is(e.Err, ErrTLSRequired) || errors.Is(e.Err, ErrTLSFailed) {
		return true // the server's administrator can mend it
	}
	if e.Phase == PhaseEnd && e.Reply == nil || errors.Is(e.Err, context.DeadlineExceeded) {
		return true
	}
	if e.local() || e.capability() {
		return false
	}
	switch e.Phase {
	case PhaseGreeting, PhaseEHLO:
		return true // a refusal of this path, not a verdict on the message
	}
	return !e.Reply.Permanent()
}

// PathFailure reports whether the message never came to be judged: the host
// could not be found or reached, didn't greet, or the connection was lost,
// timed out or broke the protocol before the end of data. Another path may be
// tried then without any risk of a second copy. It is false for a reply to MAIL,
// RCPT, DATA or the end of data (a verdict), for a loss after the end of data,
// for TLS and authentication demands that weren't met, and for faults on our
// side.
func (e *Error) PathFailure() bool {
	if e.local() || e.policy() || e.capability() || e.refused() {
		return false
	}
	switch e.Phase {
	case PhaseResolve, PhaseDial, PhaseGreeting, PhaseEHLO, PhaseSTARTTLS, PhaseTLS:
		return true
	case PhaseAUTH, PhaseRSET, PhaseMAIL, PhaseRCPT, PhaseDATA, PhaseBody:
		return e.Reply == nil || errors.Is(e.Err, ErrProtocol)
	}
	return false
}
