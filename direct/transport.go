package direct

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/mtasts"
	"github.com/qdmail/qdmail/smtp"
)

// Transport is a delivery.Transport that hands each recipient's mail to a mail
// exchanger of the recipient's domain. The zero value works. Send may be called
// from many goroutines at once; the fields must not change after the first call.
// Close ends the connections that are idle.
//
// One Send is one attempt: nothing is tried again later, so Deferred means that
// somebody has to. That is what a queue is for.
//
// Domains of one message are served at the same time. The [delivery.Hooks] of ctx
// are called for one after the other nevertheless, with indexes into the envelope
// that Send was given. Without RecipientsPerTransaction, BeforeEnd is called for
// each recipient by itself.
type Transport struct {
	// Resolver answers where the mail of a domain goes. Default: a dns.Client that
	// asks the servers of /etc/resolv.conf.
	Resolver dns.Resolver
	// Fallback gets what couldn't be delivered because no path led there; see
	// [FallbackRules]. It is usually an *smtp.Relay. Close closes it only if it was
	// opened from a URL together with the Transport. Default: none.
	Fallback delivery.Transport
	// FallbackRules widen what goes to the Fallback. Default: only what no host has
	// judged, and no policy forbids.
	FallbackRules FallbackRules
	// LocalName is the argument of EHLO. It has to be the name that the DNS has for
	// the source address, and its address in turn. Default: as for smtp.Relay, the
	// name of this machine if it is fully qualified.
	LocalName string
	// Source is where connections come from. Default: the system chooses.
	Source Source
	// Hosts are tried, in this order, in place of the recipient's mail exchangers:
	// "mx.example.jp" or "mx.example.jp:2525". MTA-STS doesn't apply then, nor does
	// AllowAddr, since nobody else has chosen them. Default: none.
	Hosts []string
	// OwnHosts and OwnAddrs are this host, beside LocalName, if it receives mail
	// too: mail exchangers that are no better than it are left out then (RFC 5321
	// section 5.1). Default: none.
	OwnHosts []string
	OwnAddrs []netip.Addr
	// TLS says what TLS hosts must have, beside what DANE and MTA-STS demand.
	// Default: TLSOpportunistic.
	TLS TLSPolicy
	// TLSConfig is cloned for each handshake. A ServerName in it is asked for and
	// verified in place of the host's name. Default: a new tls.Config.
	TLSConfig *tls.Config
	// PlaintextFallback says whether a host whose TLS is broken gets the mail without, where
	// TLS isn't required. Default: PlaintextImmediate.
	PlaintextFallback PlaintextFallback
	// NoDANE leaves TLSA records alone (RFC 7672). They count only if the Resolver
	// says that DNSSEC vouches for them. Default: false.
	NoDANE bool
	// NoMTASTS leaves MTA-STS policies alone (RFC 8461). Default: false.
	NoMTASTS bool
	// MTASTS finds policies. Default: one that asks Resolver, keeps policies in
	// PolicyStore, uses no HTTP proxy and connects to what AllowAddr allows.
	MTASTS *mtasts.Client
	// PolicyStore keeps MTA-STS policies, unless MTASTS is set, which has a store of
	// its own. One that survives a restart protects better, such as an mtasts.Dir.
	// Default: one in memory.
	PolicyStore mtasts.PolicyStore
	// NoChunking: as for smtp.Relay. Default: false.
	NoChunking bool
	// RecipientsPerTransaction is how many recipients of a domain share a
	// transaction, at most 100. With more than one, a message that is refused as a
	// whole is sent again to each by itself, because nobody can tell who was meant.
	// Default: 1.
	RecipientsPerTransaction int
	// Limits bound an attempt and the connections. Default: see Limits.
	Limits Limits
	// DomainLimits bound what some domains get further. Default: Carriers(); an empty
	// slice that isn't nil: none.
	DomainLimits []DomainLimits
	// Timeouts bounds each step of a conversation, beside the context. Default:
	// smtp.QueueTimeouts; use smtp.InteractiveTimeouts where a user waits.
	Timeouts smtp.Timeouts
	// AddressLiterals lets mail for user@[192.0.2.1] be sent. Default: false.
	AddressLiterals bool
	// AllowAddr says what may be connected to. Whoever lets others choose
	// recipients lets them choose addresses, by means of the DNS, so it shouldn't
	// allow one's own network. Default: PublicAddr.
	AllowAddr func(netip.Addr) bool
	// Rand returns a number from 0 to n-1, to choose among hosts of the same
	// preference. It is called by one goroutine at a time. Default: rand.IntN.
	Rand func(n int) int
	// Dial makes connections to "192.0.2.1:25" on the networks tcp4 and tcp6, in
	// place of Source. Default: that of a dial.Source.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Observer is told what happens. Default: nothing is told.
	Observer Observer

	state state
	owned io.Closer // what Close closes beside; may be nil
}

var _ delivery.Transport = (*Transport)(nil)

// Source are the addresses of this machine that connections come from, one for
// each family. A family without one isn't used if the other has one; 0.0.0.0 and
// :: let the system choose in their family. IPv6 needs a name in the DNS as much
// as IPv4 does, so who has none for it sets IPv4 alone.
type Source struct {
	// IPv4 is the source of connections over IPv4. Default: no IPv4 if IPv6 is set.
	IPv4 netip.Addr
	// IPv6 is the source of connections over IPv6. Default: no IPv6 if IPv4 is set.
	IPv6 netip.Addr
}

// has reports whether addresses of a family may be dialled.
func (s Source) has(addr netip.Addr) bool {
	switch {
	case !s.IPv4.IsValid() && !s.IPv6.IsValid():
		return true
	case addr.Is4():
		return s.IPv4.IsValid()
	}
	return s.IPv6.IsValid()
}

// state is what a Transport keeps from Send to Send.
type state struct {
	once     sync.Once
	err      error
	limits   Limits
	resolver dns.Resolver
	sts      *mtasts.Client
	byDomain map[string]*DomainLimits
	randMu   sync.Mutex

	pool   pool
	slots  slots
	memory memory
	port25 port25
}

// begin fills in the defaults, once, and reports what is wrong with the fields.
func (t *Transport) begin() error {
	s := &t.state
	s.once.Do(func() {
		s.limits = t.Limits.withDefaults()
		s.resolver = t.Resolver
		if s.resolver == nil {
			s.resolver = &dns.Client{}
		}
		if !t.NoMTASTS {
			s.sts = t.MTASTS
			if s.sts == nil {
				s.sts = &mtasts.Client{Resolver: s.resolver, Store: t.PolicyStore, HTTP: &http.Client{Transport: t.httpTransport()}}
			}
		}
		s.pool.limits = s.limits
		s.memory.longest = s.limits.MaxPenalty
		s.err = t.check()
	})
	return s.err
}

// Check reports what is wrong with the fields. Send makes the same check.
func (t *Transport) Check() error {
	if err := t.begin(); err != nil {
		return prepareError("", err)
	}
	return nil
}

func (t *Transport) check() error {
	if err := t.checkHello(); err != nil {
		return err
	}
	if int(t.TLS) >= len(tlsPolicyNames) {
		return errors.New("there is no " + t.TLS.String())
	}
	if int(t.PlaintextFallback) >= len(plaintextNames) {
		return errors.New("there is no " + t.PlaintextFallback.String())
	}
	if _, err := t.fixedHosts(); err != nil {
		return err
	}
	list := t.DomainLimits
	if list == nil {
		list = Carriers()
	}
	byDomain, err := index(list)
	t.state.byDomain = byDomain
	return err
}

// checkHello checks what goes into EHLO, as package smtp does.
func (t *Transport) checkHello() error {
	probe := smtp.Relay{Addr: "localhost", LocalName: t.LocalName, TLSConfig: t.TLSConfig}
	if err := probe.Check(); err != nil {
		if e, ok := errors.AsType[*delivery.Error](err); ok {
			err = e.Err
		}
		return err
	}
	return nil
}

// Close ends the connections that nobody uses, and returns when they are closed.
// Connections in use end when their message is done. Send fails from then on.
func (t *Transport) Close() error {
	t.begin()
	t.state.pool.close()
	if t.owned != nil {
		return t.owned.Close()
	}
	return nil
}

// Send makes one attempt to deliver the message to the recipients' mail
// exchangers; see delivery.Transport for the contract.
func (t *Transport) Send(ctx context.Context, env *delivery.Envelope, body delivery.Body) (*delivery.Result, error) {
	if env == nil {
		env = new(delivery.Envelope)
	}
	j := &job{t: t, ctx: ctx, env: env, body: body, res: delivery.NewResult(env), telling: make(chan struct{}, 1)}
	err := t.begin()
	switch {
	case err != nil:
	case body == nil:
		err = errors.New("there is no body")
	case t.state.pool.isClosed():
		err = net.ErrClosed
	}
	if err != nil {
		for i := range j.res.Recipients {
			j.res.Recipients[i].Err = prepareError("", err)
		}
		return j.res, j.res.Err()
	}
	j.run()
	j.fallBack()
	return j.res, j.res.Err()
}

// intN is Rand, for all goroutines.
func (t *Transport) intN(n int) int {
	if t.Rand == nil {
		return rand.IntN(n)
	}
	t.state.randMu.Lock()
	defer t.state.randMu.Unlock()
	return t.Rand(n)
}

// String names the transport.
func (t *Transport) String() string { return "direct to MX" }

// GoString is String: the Fallback may have a password.
func (t *Transport) GoString() string { return t.String() }

// LogValue is String, for log/slog.
func (t *Transport) LogValue() slog.Value { return slog.StringValue(t.String()) }
