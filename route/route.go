package route

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/qdmail/qdmail/delivery"
)

// Route says where mail for some recipients goes.
type Route struct {
	// Pattern says which recipients these are: "example.jp", ".example.jp",
	// "mx:mx.example.jp", "mx:.example.jp" or "*", or several of them with commas
	// between, which share the route and so its Rate. Domains may be written in
	// Unicode. Required.
	Pattern string
	// From are the envelope senders for which the route is: "example.jp",
	// ".example.jp", or "<>" for the null reverse-path. Default: all.
	From []string
	// Target names the transport. Required, unless there is a Transport.
	Target Target
	// Transport is used instead of what Target would name. Of the Options, Rate,
	// Concurrency and Recipients count then, as those of a Paced. Default: none.
	Transport delivery.Transport `json:"-"`
	// Reply is the answer of the target "refuse", whose code is 4xx or 5xx and
	// whose text is one line. Default: 550 5.7.1.
	Reply *delivery.Reply
	// Options are for the transport.
	Options Options
}

// Target names a transport: a kind, and after a colon what it is about, such as
// "direct", "relay:tokyo" or "hosts:mx1.example.jp:25,192.0.2.1". Except for
// Refuse and Hold, what it means is for Config.Open to say. It is a name and no
// place for a password, since routes are written into files.
type Target string

// The targets that a Table needs nobody for.
const (
	// Refuse answers with Route.Reply: the recipient is Rejected, or Deferred if the
	// code is 4xx. RecipientResult.Host is empty, since no server said so.
	Refuse Target = "refuse"
	// Hold defers the mail with ErrHeld, so that a queue keeps it until the route
	// is another.
	Hold Target = "hold"
)

// Kind is what stands before the first colon.
func (t Target) Kind() string {
	kind, _, _ := strings.Cut(string(t), ":")
	return kind
}

// Arg is what stands after the first colon.
func (t Target) Arg() string {
	_, arg, _ := strings.Cut(string(t), ":")
	return arg
}

// List is Arg taken apart at its commas, for targets that are several hosts.
func (t Target) List() []string {
	if t.Arg() == "" {
		return nil
	}
	return strings.Split(t.Arg(), ",")
}

// own reports whether the table answers itself.
func (t Target) own() bool { return t == Refuse || t == Hold }

// Options are wishes for a transport. Their zero values leave it to the
// transport. The Table itself acts on Rate; of the others, Config.Open makes what it
// can.
type Options struct {
	// Source are our addresses, at most one for each family. Default: the
	// system's choice.
	Source []netip.Addr
	// EHLO is the name by which we introduce ourselves, a domain name in ASCII or
	// an address literal. Default: the transport's.
	EHLO string
	// TLS is how connections are secured. Default: the transport's.
	TLS TLS
	// Rate is how many messages may go this way, each counted once for each of its
	// recipients; see Paced. Default: as many as come.
	Rate Rate
	// Concurrency is the number of connections at a time. Default: the
	// transport's.
	Concurrency int
	// Recipients is the number of recipients of one transaction. Default: the
	// transport's.
	Recipients int
}

// TLS says how connections are secured.
type TLS string

// The values of TLS, beside "verify:" with a name after it, for which the
// certificate has to be.
const (
	TLSDefault       TLS = ""              // as the transport has it
	TLSOpportunistic TLS = "opportunistic" // encrypted if that is possible
	TLSRequired      TLS = "required"      // encrypted; the certificate may be anybody's
	TLSVerify        TLS = "verify"        // with a certificate that is valid for the host
	InsecureTLSNone  TLS = "insecure-none" // in clear
)

// VerifyName is the name after "verify:", and empty if there is none.
func (t TLS) VerifyName() string {
	name, ok := strings.CutPrefix(string(t), "verify:")
	if !ok {
		return ""
	}
	return name
}

// Rate is a number of messages in a time, evenly spread: 60 in a minute are one in a
// second. The zero value is no rate.
type Rate struct {
	Count int
	Per   time.Duration
}

// Reasons why the table itself doesn't deliver, reachable by errors.Is.
var (
	// ErrNoRoute: no route is for the recipient.
	ErrNoRoute = errors.New("there is no route for the recipient")
	// ErrSender: there are routes for the recipient, but none for this sender.
	ErrSender = errors.New("no route for the recipient takes mail of this sender")
	// ErrHeld: the route's target is Hold.
	ErrHeld = errors.New("held by the route table")
	// ErrRefused: the route's target is Refuse.
	ErrRefused = errors.New("refused by the route table")
	// ErrContract: a transport gave a result that isn't one, so that nothing is
	// known of the message.
	ErrContract = errors.New("the transport broke its contract")
	// ErrPace: the context ended before it was the mail's turn; see Paced.
	ErrPace = errors.New("it was not the mail's turn before the context ended")
)

// check reports what is wrong with a route, as Parse does for a line.
func (r *Route) check() error {
	if _, err := parsePatterns(r.Pattern); err != nil {
		return err
	}
	for _, from := range r.From {
		if _, err := parseSender(from); err != nil {
			return err
		}
	}
	switch {
	case r.Transport != nil && r.Target != "":
		return errors.New("there is a target and a transport")
	case r.Transport == nil && !isWord(string(r.Target)):
		return fmt.Errorf("the target isn't a word: %.60q", r.Target)
	case r.Reply != nil && r.Target != Refuse:
		return errors.New("only refuse has a reply")
	case r.Target.own() && r.Options.String() != "":
		return fmt.Errorf("%s has no options but from and reply", r.Target)
	}
	if r.Reply != nil {
		if err := checkReply(r.Reply); err != nil {
			return err
		}
	}
	return r.Options.check()
}
