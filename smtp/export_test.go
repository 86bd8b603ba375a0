package smtp

import (
	"bufio"
	"io"
	"strings"

	"github.com/emersion/go-sasl"

	"github.com/qdmail/qdmail/delivery"
)

// What the tests of the pure parts need to see.

const (
	MaxReplyLine  = maxReplyLine
	MaxReplyLines = maxReplyLines
	MaxReplyText  = maxReplyText
)

type (
	Event = event
	Fate  = fate
)

const (
	Agreed, Temporary, Closing, Permanent = agreed, temporary, closing, permanent
	Lost, TimedOut, Garbled               = lost, timedOut, garbled
	Cancelled, Local, Policy, Incapable   = cancelled, local, policy, incapable
	NumEvents                             = numEvents
	Keep, Reset, Quit, Abort              = keep, reset, quit, abort
	AnyPositive, NoReply                  = 2, noReply
)

// Decide returns a verdict field by field.
func Decide(phase delivery.Phase, ev Event) (decided bool, o delivery.Outcome, one bool, f Fate) {
	v := decide(phase, ev)
	return v.decided, v.outcome, v.one, v.fate
}

// EventOf classifies a reply with this code.
func EventOf(code int, err error, want int) Event {
	if err != nil {
		return eventOf(nil, err, want)
	}
	return eventOf(&reply{Reply: delivery.Reply{Code: code}}, nil, want)
}

// FinalEvent classifies the reply to the end of data, in spite of err; no reply
// if code is zero.
func FinalEvent(code int, err error) Event {
	var r *reply
	if code != 0 {
		r = &reply{Reply: delivery.Reply{Code: code}}
	}
	r, err = finalReply(r, err)
	return eventOf(r, err, AnyPositive)
}

func TooMany(code int, enhanced delivery.EnhancedCode) bool {
	return tooMany(&reply{Reply: delivery.Reply{Code: code, Enhanced: enhanced}})
}

// ReadReply reads one reply from r; the lines are what extensions and challenges
// are read from.
func ReadReply(r io.Reader, hide ...string) (rep *delivery.Reply, lines []string, err error) {
	got, err := readReply(bufio.NewReaderSize(r, maxReplyLine), hide, new(reply))
	if got == nil {
		return nil, nil, err
	}
	return &got.Reply, got.lines, err
}

// ParsePath returns the wire form of an address, its key, and whether it needs
// SMTPUTF8.
func ParsePath(s string) (addr, key string, utf8 bool, err error) {
	p, err := parsePath(s)
	return p.addr, p.key, p.utf8, err
}

func CheckLine(s string) error { return checkLine(s, maxCommandLine) }

var (
	DSNOfMail = dsnOfMail
	DSNOfRcpt = dsnOfRcpt
)

// SendBody returns what would go on the wire before the final dot.
func SendBody(r io.Reader, size int64, eightBit bool) (string, error) {
	var b strings.Builder
	err := sendBody(r, size, eightBit, func(p []byte) error { b.Write(p); return nil })
	return b.String(), err
}

// SCRAM is an exchange with a nonce that isn't random.
func SCRAM(mechanism, user, password, nonce string) (client sasl.Client, proven func() bool) {
	cfg := &Config{Username: user, Password: password}
	c := mechanismNamed(mechanism).client(&login{cfg: cfg, secret: password}).(*scramClient)
	c.nonce = nonce
	return c, c.proven
}
