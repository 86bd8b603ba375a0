package direct

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/dial"
	"github.com/qdmail/qdmail/smtp"
)

// stage is how TLS is begun with an address. When one fails, the next is tried at
// once, on a connection of its own.
type stage uint8

const (
	fullHello  stage = iota // as usual
	smallHello              // without the key shares that need a second packet, which some middleboxes can't take
	noTLS
)

// nextStage says how to try again after a failure of TLS, if that may be done. A
// server that was found to be the wrong one stays so.
func (d *demand) nextStage(s stage, e *delivery.Error, plaintext PlaintextFallback) (stage, bool) {
	wrong, _ := errors.AsType[*PolicyError](e)
	broke := e.Phase == delivery.PhaseSTARTTLS || e.Phase == delivery.PhaseTLS
	if !broke || e.Reply != nil || wrong != nil || errors.Is(e, context.Canceled) || errors.Is(e, context.DeadlineExceeded) {
		return s, false
	}
	hello := e.Phase == delivery.PhaseTLS && !errors.Is(e, delivery.ErrProtocol) // otherwise it never came to that
	switch {
	case s == fullHello && hello:
		return smallHello, true
	case s < noTLS && d.mode == smtp.InsecureTLSOpportunistic && plaintext == PlaintextImmediate:
		return noTLS, true
	}
	return s, false
}

// demanded makes a failure of the policy of one that kept TLS from coming about
// where it is demanded: a server that hangs up at that point mustn't be a reason
// to take another way without it.
func (d *demand) demanded(e *delivery.Error) *delivery.Error {
	inTLS := e.Phase == delivery.PhaseSTARTTLS || e.Phase == delivery.PhaseTLS
	known, _ := errors.AsType[*PolicyError](e)
	if d.mode != smtp.TLSStartTLS || !inTLS || known != nil || kindOf(e) == ours {
		return e
	}
	named := *e
	if named.Err == nil {
		named.Err = delivery.ErrTLSRequired
	}
	named.Err = &PolicyError{d.policy(), named.Err}
	return &named
}

// policy names the first policy that demands something.
func (d *demand) policy() string {
	for _, c := range d.checks {
		if c.binding {
			return c.policy
		}
	}
	return "tls"
}

// session is a conversation that can take a message.
type session struct {
	*smtp.Client
	key      sessionKey
	security delivery.Security
	born     time.Time
	sent     int // messages
	idle     *time.Timer
}

// connect leads a conversation with an address up to the first message, with as
// much TLS as it takes. What was in vain before the last try is told by retry.
func (t *Transport) connect(ctx context.Context, c *call, retry func(e *delivery.Error, next delivery.Next)) (*session, *delivery.Error) {
	addr := c.addrPort()
	first := t.state.memory.stage(addr)
	if c.mode != smtp.InsecureTLSOpportunistic || t.PlaintextFallback == PlaintextNever {
		first = min(first, smallHello)
	}
	var forbidden *delivery.Error // at an earlier stage
	for s := first; ; {
		client, security, e := t.converse(ctx, c, s)
		if e == nil {
			if s != first {
				t.state.memory.setStage(addr, s)
			}
			return &session{Client: client, key: c.key(), security: security, born: time.Now()}, nil
		}
		named := c.demand.demanded(e)
		next, ok := c.nextStage(s, e, t.PlaintextFallback)
		switch {
		case !ok && forbidden != nil && kindOf(named) == path:
			return nil, forbidden // whoever spoils a handshake can spoil the next connection too
		case !ok:
			return nil, named
		case kindOf(named) == policy:
			forbidden = named
		}
		s = next
		retry(e, map[stage]delivery.Next{smallHello: delivery.NextSmall, noTLS: delivery.NextClear}[s])
	}
}

// converse makes one connection and begins the conversation.
func (t *Transport) converse(ctx context.Context, c *call, s stage) (*smtp.Client, delivery.Security, *delivery.Error) {
	conn, e := t.dial(ctx, c)
	if e != nil {
		return nil, delivery.SecurityClear, e
	}
	var ev evidence
	cfg := smtp.Config{
		Addr: c.host.addr(), LocalName: t.LocalName, TLS: c.mode, TLSConfig: t.tlsConfig(c.demand, s, &ev),
		NoHELO: c.noHELO, NoChunking: t.NoChunking, Timeouts: t.Timeouts,
	}
	if s == noTLS {
		cfg.TLS = smtp.InsecureTLSNone
	}
	g := new(greeting)
	client, err := smtp.NewClient(delivery.WithHooks(ctx, &delivery.Hooks{Reply: g.hear}), conn, cfg)
	e, _ = errors.AsType[*delivery.Error](err)
	if err != nil && e == nil {
		e = prepareError("", err)
	}
	var encrypted bool
	if client != nil {
		_, encrypted = client.TLS()
	}
	if s != noTLS {
		t.reportTLS(ctx, c.target, c.demand, &ev, encrypted, e)
	}
	if e != nil {
		return nil, delivery.SecurityClear, e
	}
	if t.LocalName != "" && strings.EqualFold(g.name, t.LocalName) {
		client.Close()
		return nil, delivery.SecurityClear, &delivery.Error{Op: "direct", Phase: delivery.PhaseGreeting, Host: cfg.Addr, Err: &PolicyError{"loop", ErrSelf}}
	}
	switch {
	case !encrypted:
		return client, delivery.SecurityClear, nil
	case c.authentic:
		return client, delivery.SecurityAuthenticated, nil
	}
	return client, delivery.SecurityEncrypted, nil
}

// greeting is a hook that keeps the name in the first reply of a server.
type greeting struct {
	heard bool
	name  string
}

func (g *greeting) hear(_ context.Context, r *delivery.Reply) {
	if !g.heard {
		g.heard = true
		g.name, _, _ = strings.Cut(r.Text, " ")
	}
}

// dial connects to an address, and learns from how that goes.
func (t *Transport) dial(ctx context.Context, c *call) (net.Conn, *delivery.Error) {
	if !c.fixed && !t.allows(c.ip) {
		return nil, &delivery.Error{Op: "direct", Phase: delivery.PhaseDial, Host: c.host.addr(), Err: ErrForbidden}
	}
	d := t.Timeouts.Dial
	if d <= 0 {
		d = smtp.QueueTimeouts().Dial
	}
	short, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	conn, err := t.dialer()(short, network(c.ip), c.dialled())
	if err == nil && conn == nil {
		err = errors.New("there is no connection")
	}
	if err == nil {
		t.port25(ctx, c, false)
		return conn, nil
	}
	e := dialError(ctx, c.host.addr(), d, err)
	switch {
	case ctx.Err() != nil || isOurs(err):
	case isTimeout(e):
		t.port25(ctx, c, true)
	case errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET):
		t.port25(ctx, c, false)
	}
	return nil, e
}

// dialer returns what makes connections.
func (t *Transport) dialer() func(ctx context.Context, network, addr string) (net.Conn, error) {
	if t.Dial != nil {
		return t.Dial
	}
	return dial.Source{IPv4: t.Source.IPv4, IPv6: t.Source.IPv6}.DialContext
}

func network(ip netip.Addr) string {
	if ip.Is4() {
		return "tcp4"
	}
	return "tcp6"
}

// port25 notes whether a connection to port 25 timed out.
func (t *Transport) port25(ctx context.Context, c *call, silent bool) {
	if c.port != smtpPort {
		return
	}
	var news bool
	if silent {
		news = t.state.port25.timedOut(c.domain)
	} else {
		news = t.state.port25.answered()
	}
	if f := t.Observer.Port25; news && f != nil {
		f(ctx, silent)
	}
}
