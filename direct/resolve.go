package direct

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/dial"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/mtasts"
	"github.com/qdmail/qdmail/internal/ctxerr"
)

// failure is why there is no way to a domain at all.
type failure struct {
	kind    kind
	outcome delivery.Outcome
	err     *delivery.Error
}

func refused(code delivery.EnhancedCode, err error) *failure {
	return &failure{verdict, delivery.Rejected, refuse(code, err)}
}

// unresolved is the failure of a question to the DNS.
func unresolved(ctx context.Context, host string, err error) *failure {
	if ctx.Err() != nil {
		return &failure{ours, delivery.NotSent, &delivery.Error{
			Op: "direct", Phase: delivery.PhaseResolve, Host: host, Err: ctxerr.Of(ctx)}}
	}
	if err == nil {
		err = errors.New("no answer")
	}
	f := &failure{path, delivery.Deferred, resolveError(host, err)}
	if errors.Is(err, delivery.ErrTLSRequired) {
		f.kind = policy
	}
	return f
}

// notFound is unresolved for an answer. A forgery must not lead anywhere else
// either.
func notFound[T any](ctx context.Context, host string, a dns.Answer[T]) *failure {
	if a.Status == dns.Bogus {
		return unresolved(ctx, host, &PolicyError{"dnssec", a.Err})
	}
	return unresolved(ctx, host, a.Err)
}

// plan finds out where the mail of a destination goes.
func (t *Transport) plan(ctx context.Context, dest destination) (*plan, *failure) {
	p, f := t.exchangers(ctx, dest)
	if f != nil {
		return nil, f
	}
	p.hosts = truncate(p.hosts, t.isOwnName)
	if len(p.hosts) == 0 {
		return nil, refused(delivery.EnhancedCode{5, 4, 6}, ErrSelf)
	}
	if len(t.OwnAddrs) == 0 { // otherwise each may be this one
		p.hosts = p.hosts[:min(len(p.hosts), t.state.limits.MaxHosts)]
	}
	t.lookUp(ctx, p)
	if p.hosts = truncate(p.hosts, t.hasOwnAddr); len(p.hosts) == 0 {
		return nil, refused(delivery.EnhancedCode{5, 4, 6}, ErrSelf)
	}
	p.hosts = p.hosts[:min(len(p.hosts), t.state.limits.MaxHosts)]
	for i, h := range p.hosts {
		t.keepUsable(h, i%2 == 0)
	}
	prefer(p.hosts, t.state.memory.judge(p.domain))
	p.targets = trim(p.hosts, t.state.limits.MaxAddrs)
	if len(p.targets) == 0 {
		return nil, noTarget(ctx, p)
	}
	return p, nil
}

// exchangers returns the hosts of a destination in order, without addresses.
func (t *Transport) exchangers(ctx context.Context, dest destination) (*plan, *failure) {
	p := &plan{domain: dest.domain, expanded: dest.domain}
	hosts, err := t.fixedHosts()
	switch {
	case err != nil:
		return nil, &failure{ours, delivery.NotSent, prepareError("", err)}
	case len(hosts) > 0:
		p.hosts, p.secure = hosts, true // named by whoever configured them
		return p, nil
	case dest.literal.IsValid() && !t.AddressLiterals:
		return nil, refused(delivery.EnhancedCode{5, 1, 2}, ErrLiteral)
	case dest.literal.IsValid():
		p.hosts = []*host{{name: dest.literal.String(), port: smtpPort, addrs: []netip.Addr{dest.literal}}}
		return p, nil
	}
	mx := t.state.resolver.MX(ctx, dest.domain)
	p.expanded, p.secure = mx.Name, mx.Secure
	switch mx.Status {
	case dns.OK:
		if mx.Records[0].Null() {
			return nil, refused(delivery.EnhancedCode{5, 1, 10}, ErrNullMX)
		}
		for _, r := range mx.Records {
			p.hosts = append(p.hosts, &host{name: r.Host, port: smtpPort, preference: r.Preference})
		}
	case dns.NoData: // RFC 5321 section 5.1, and in no other case
		p.hosts = []*host{{name: dest.domain, port: smtpPort}}
	case dns.NXDomain:
		return nil, refused(delivery.EnhancedCode{5, 1, 2}, ErrNoDomain)
	default:
		return nil, notFound(ctx, "", mx)
	}
	if f := t.findPolicy(ctx, p); f != nil {
		return nil, f
	}
	rank(p.hosts, t.intN)
	return p, nil
}

// fixedHosts are those of Transport.Hosts, in their order.
func (t *Transport) fixedHosts() ([]*host, error) {
	var hosts []*host
	for i, s := range t.Hosts {
		name, port, err := splitHost(s)
		if err != nil {
			return nil, fmt.Errorf("the host %.80q: %w", s, err)
		}
		h := &host{name: name, port: port, fixed: true, preference: uint16(min(i, 1<<16-1))}
		if ip, err := netip.ParseAddr(name); err == nil {
			h.addrs = []netip.Addr{ip.Unmap()}
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// findPolicy looks for the MTA-STS policy of the domain, and marks the hosts that
// it refuses.
func (t *Transport) findPolicy(ctx context.Context, p *plan) *failure {
	if t.state.sts == nil || t.TLS == InsecureTLSNone {
		return nil
	}
	found, err := t.state.sts.Lookup(ctx, p.domain)
	if errors.Is(err, mtasts.ErrDomain) { // no host can be called mta-sts. and that
		return nil
	}
	if err != nil {
		return unresolved(ctx, "", &PolicyError{"mta-sts", err})
	}
	r := TLSReport{PolicyType: mtasts.PolicyTypeSTS, Domain: p.domain, Result: found.Result, Err: found.Err}
	if r.Result != "" {
		t.report(ctx, r)
	}
	if found.Policy != nil && found.Policy.Mode != mtasts.ModeNone {
		p.policy = found.Policy
	}
	for _, h := range p.hosts {
		decision := p.policy.Judge(h.name)
		if decision == mtasts.Allowed {
			continue
		}
		r.Host, r.Result, r.Enforced = h.name, mtasts.ResultValidationFailure, decision == mtasts.Refused
		r.Err = &PolicyError{"mta-sts", errors.New("the policy doesn't name the host")}
		t.report(ctx, r)
		if r.Enforced {
			h.err = resolveError(h.addr(), r.Err)
		}
	}
	return nil
}

// lookUp finds the addresses of the hosts.
func (t *Transport) lookUp(ctx context.Context, p *plan) {
	var wg sync.WaitGroup
	for _, h := range p.hosts {
		switch {
		case h.err != nil || len(h.addrs) > 0:
		case !h.fixed && !isHostName(h.name):
			h.err = resolveError(h.addr(), ErrForbidden)
		default:
			wg.Go(func() { t.lookUpHost(ctx, h) })
		}
	}
	wg.Wait()
}

func (t *Transport) lookUpHost(ctx context.Context, h *host) {
	a := t.state.resolver.Addrs(ctx, h.name)
	h.canonical, h.secure = a.Name, a.Secure
	switch a.Status {
	case dns.OK:
		h.addrs = a.Records
	case dns.NoData, dns.NXDomain:
		h.err = resolveError(h.addr(), ErrNoAddress)
	default:
		h.err = notFound(ctx, h.addr(), a).err
	}
}

// keepUsable drops the addresses that mustn't or can't be connected to, and puts
// the others in order.
func (t *Transport) keepUsable(h *host, sixFirst bool) {
	if h.err != nil {
		h.addrs = nil
		return
	}
	allowed := slices.DeleteFunc(h.addrs, func(ip netip.Addr) bool { return !h.fixed && !t.allows(ip) })
	if len(allowed) == 0 {
		h.err = resolveError(h.addr(), ErrForbidden)
	}
	h.addrs = interleave(slices.DeleteFunc(allowed, func(ip netip.Addr) bool { return !t.Source.has(ip) }), sixFirst)
	if len(h.addrs) == 0 && h.err == nil {
		h.err = resolveError(h.addr(), dial.ErrNoSource)
	}
}

// noTarget says why a domain has hosts and nothing to connect to. Only what can't
// get better by itself is a verdict.
func noTarget(ctx context.Context, p *plan) *failure {
	var forbidden, failed, broken *delivery.Error
	for _, h := range p.hosts {
		switch {
		case errors.Is(h.err, ErrForbidden):
			forbidden = h.err
		case errors.Is(h.err, ErrNoAddress):
		case errors.Is(h.err, delivery.ErrTLSRequired):
			broken = h.err
		default:
			failed = h.err
		}
	}
	implicit := len(p.hosts) == 1 && p.hosts[0].name == p.domain
	switch {
	case ctx.Err() != nil:
		return unresolved(ctx, "", nil)
	case broken != nil:
		return &failure{policy, delivery.Deferred, broken}
	case failed != nil:
		return &failure{path, delivery.Deferred, failed}
	case forbidden != nil:
		return refused(delivery.EnhancedCode{5, 4, 4}, fmt.Errorf("%s: %w", forbidden.Host, ErrForbidden))
	case implicit:
		return refused(delivery.EnhancedCode{5, 1, 2}, ErrNoDomain)
	}
	return refused(delivery.EnhancedCode{5, 4, 4}, ErrNoAddress)
}

// isOwnName reports whether a host has one of our names.
func (t *Transport) isOwnName(h *host) bool {
	is := func(own string) bool {
		name, err := asciiDomain(strings.TrimSuffix(own, "."))
		return err == nil && h.name == name
	}
	return is(t.LocalName) || slices.ContainsFunc(t.OwnHosts, is)
}

// hasOwnAddr reports whether a host has one of our addresses.
func (t *Transport) hasOwnAddr(h *host) bool {
	return slices.ContainsFunc(h.addrs, func(ip netip.Addr) bool {
		return slices.ContainsFunc(t.OwnAddrs, func(own netip.Addr) bool { return own.Unmap() == ip })
	})
}
