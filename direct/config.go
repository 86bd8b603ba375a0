package direct

import (
	"fmt"
	"time"

	"github.com/qdmail/qdmail/delivery"
)

// TLSPolicy says what TLS a host must have before it gets mail. What DANE or
// MTA-STS demand of a host comes on top of it.
type TLSPolicy uint8

const (
	// TLSOpportunistic uses STARTTLS if it is offered, whatever the certificate,
	// and goes on in clear otherwise (RFC 7435). It is what nearly all mail travels
	// by.
	TLSOpportunistic TLSPolicy = iota
	// TLSRequired demands STARTTLS, whatever the certificate.
	TLSRequired
	// TLSVerified demands STARTTLS and a certificate that is valid for the host.
	TLSVerified
	// InsecureTLSNone never uses TLS, whatever DANE and MTA-STS demand.
	InsecureTLSNone
)

var tlsPolicyNames = [...]string{
	TLSOpportunistic: "opportunistic",
	TLSRequired:      "required",
	TLSVerified:      "verified",
	InsecureTLSNone:  "none",
}

// String returns the policy in one word, such as "opportunistic".
func (p TLSPolicy) String() string {
	if int(p) < len(tlsPolicyNames) {
		return tlsPolicyNames[p]
	}
	return fmt.Sprintf("TLSPolicy(%d)", uint8(p))
}

// PlaintextFallback says what follows when TLS isn't required and the handshake fails.
// Either way it is tried once more with a smaller first message, which helps
// where something on the way can't take the usual one.
type PlaintextFallback uint8

const (
	// PlaintextImmediate connects again without TLS.
	PlaintextImmediate PlaintextFallback = iota
	// PlaintextNever goes on to the next address.
	PlaintextNever
)

var plaintextNames = [...]string{PlaintextImmediate: "immediate", PlaintextNever: "never"}

// String returns the value in one word, such as "immediate".
func (p PlaintextFallback) String() string {
	if int(p) < len(plaintextNames) {
		return plaintextNames[p]
	}
	return fmt.Sprintf("PlaintextFallback(%d)", uint8(p))
}

// FallbackRules say what goes to the Fallback beside mail that no host has
// judged because all paths failed. What is rejected, or may have been delivered,
// never goes there.
type FallbackRules struct {
	// EnforcesPolicy says that the Fallback holds the hosts that it delivers to
	// against DANE and MTA-STS itself, so that mail which a policy keeps from going
	// out may go there. Default: false.
	EnforcesPolicy bool
	// OnDefer hands over what hosts refused for now for reasons of their own: by
	// 421, or with an enhanced code x.3.x or x.4.x. Default: false, a later attempt
	// is for that.
	OnDefer bool
	// OnRefusal says whether a refusal for good is about our address rather than
	// the message or the recipient; then it goes to the Fallback. Default: never.
	OnRefusal func(*delivery.Reply) bool
}

// Limits bound one attempt, and the connections of all. Each field's zero value
// means its default.
type Limits struct {
	// MaxHosts is how many hosts of a domain are looked at. Default: 5.
	MaxHosts int
	// MaxAddrs is how many of their addresses are connected to. Default: 5.
	MaxAddrs int
	// MaxSessions is how many conversations may come as far as the message.
	// Default: 2.
	MaxSessions int
	// MaxTime is after what time no other address is tried. What is under way then
	// goes on; the context bounds that. Default: 15 minutes.
	MaxTime time.Duration
	// MaxDomains is how many domains of one message are served at the same time.
	// Default: 5.
	MaxDomains int
	// MaxConns is how many conversations there are with one domain at the same
	// time; more wait. Default: 5.
	MaxConns int
	// IdleTimeout is how long a connection is kept for the next message. Negative:
	// each message has a connection of its own. Default: 5 seconds.
	IdleTimeout time.Duration
	// MaxAge is how old a connection may become and still get another message.
	// Default: 5 minutes.
	MaxAge time.Duration
	// MaxMessages is how many messages a connection carries; a server may ask for
	// less (MAILMAX, RFC 9422). Default: 50.
	MaxMessages int
	// MaxIdle is how many connections are kept altogether. Default: 100.
	MaxIdle int
	// MaxPenalty is for how long at most an address that can't be reached is left
	// alone: 15 seconds at first, then longer with the square of the failures.
	// Negative: addresses are always tried. Default: 1 hour.
	MaxPenalty time.Duration
}

func (l Limits) withDefaults() Limits {
	set := func(field *int, value int) {
		if *field <= 0 {
			*field = value
		}
	}
	set(&l.MaxHosts, 5)
	set(&l.MaxAddrs, 5)
	set(&l.MaxSessions, 2)
	set(&l.MaxDomains, 5)
	set(&l.MaxConns, 5)
	set(&l.MaxMessages, 50)
	set(&l.MaxIdle, 100)
	if l.MaxTime <= 0 {
		l.MaxTime = 15 * time.Minute
	}
	if l.IdleTimeout == 0 {
		l.IdleTimeout = 5 * time.Second
	}
	if l.MaxAge <= 0 {
		l.MaxAge = 5 * time.Minute
	}
	if l.MaxPenalty == 0 {
		l.MaxPenalty = time.Hour
	}
	return l
}
