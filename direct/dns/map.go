package dns

import (
	"context"
	"net/netip"
	"strings"
	"time"
)

// Map is a Resolver for tests: names, in lower case and without the final dot,
// with what there is. Names that it doesn't have don't exist, unless it has one
// below. It must not be changed while it is asked.
//
//	dns.Map{
//		"example.jp":    {MX: []dns.MX{{Host: "mx.example.jp", Preference: 10}}},
//		"mx.example.jp": {Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Secure: true},
//		"down.test":     {Fail: map[dns.Type]dns.Status{dns.TypeANY: dns.Temporary}},
//	}
type Map map[string]Host

// Host is what a Map has of a name. Its zero value is a name without records.
type Host struct {
	MX    []MX
	Addrs []netip.Addr
	TLSA  []TLSA
	TXT   []string
	// PTR belongs to names such as "1.2.0.192.in-addr.arpa".
	PTR []string
	// CNAME makes the name an alias; there is nothing else then.
	CNAME string
	// Secure says that DNSSEC vouches for the name, its absent records included.
	// Default: false.
	Secure bool
	// TTL is that of all records. Default: 5 minutes.
	TTL time.Duration
	// Fail are the types that are answered with another Status than OK, with
	// nothing else; TypeANY stands for those that aren't named. Default: none.
	Fail map[Type]Status
	// Delay is how long each answer takes, if ctx allows. Default: none.
	Delay time.Duration
}

var _ Resolver = Map(nil)

// MX implements Resolver.
func (m Map) MX(ctx context.Context, domain string) Answer[MX] {
	return mxAnswer(m.lookup(ctx, domain, TypeMX))
}

// Addrs implements Resolver.
func (m Map) Addrs(ctx context.Context, host string) Answer[netip.Addr] {
	return addrAnswer(m.lookup(ctx, host, TypeA), m.lookup(ctx, host, TypeAAAA))
}

// TLSA implements Resolver.
func (m Map) TLSA(ctx context.Context, name string) Answer[TLSA] {
	return answer[TLSA](m.lookup(ctx, name, TypeTLSA))
}

// TXT implements Resolver.
func (m Map) TXT(ctx context.Context, name string) Answer[string] {
	return answer[string](m.lookup(ctx, name, TypeTXT))
}

// PTR implements Resolver.
func (m Map) PTR(ctx context.Context, addr netip.Addr) Answer[string] {
	return nameAnswer(m.lookup(ctx, reverse(addr), TypePTR), TypePTR)
}

// CNAME implements Resolver.
func (m Map) CNAME(ctx context.Context, name string) Answer[string] {
	return nameAnswer(m.lookup(ctx, name, TypeCNAME), TypeCNAME)
}

// lookup follows aliases as Client does.
func (m Map) lookup(ctx context.Context, name string, typ Type) found {
	name, err := canonical(name)
	if err != nil {
		f := failed(name, typ, err)
		f.status = NXDomain
		return f
	}
	w := &chain{q: question{name, typ}, seen: map[string]bool{name: true}, secure: true, ttl: maxTTL}
	for {
		h, exists := m[w.q.name]
		if err := wait(ctx, h.Delay); err != nil {
			return failed(name, typ, err)
		}
		fail, broken := h.Fail[typ]
		if !broken {
			fail, broken = h.Fail[TypeANY]
		}
		w.secure = w.secure && h.Secure
		switch {
		case broken && fail == Temporary:
			return failed(w.q.name, typ, ErrServer)
		case broken && fail == Bogus:
			f := failed(w.q.name, typ, ErrBogus)
			f.status = Bogus
			return f
		case broken && fail != OK:
			return w.found(fail, nil, h.ttl())
		case !exists && !m.below(w.q.name):
			return w.found(NXDomain, nil, h.ttl())
		}
		at := w.q.name
		records, ok := w.walk(h.records(at, typ))
		switch {
		case !ok:
			return failed(name, typ, ErrLoop)
		case len(records) > 0:
			return w.found(OK, records, w.ttl)
		case w.q.name == at:
			return w.found(NoData, nil, h.ttl())
		}
	}
}

// below reports whether there are names below this one, which then exists.
func (m Map) below(name string) bool {
	for other := range m {
		if strings.HasSuffix(other, "."+name) {
			return true
		}
	}
	return false
}

func (h Host) ttl() time.Duration {
	if h.TTL == 0 {
		return 5 * time.Minute
	}
	return h.TTL
}

// records returns what h has that matters to a question of this type.
func (h Host) records(name string, typ Type) []record {
	var list []record
	add := func(t Type, data any) { list = append(list, record{name, t, h.ttl(), data}) }
	if h.CNAME != "" {
		add(TypeCNAME, h.CNAME)
		return list
	}
	for _, mx := range h.MX {
		add(TypeMX, mx)
	}
	for _, addr := range h.Addrs {
		if addr.Is4() {
			add(TypeA, addr)
		} else {
			add(TypeAAAA, addr)
		}
	}
	for _, r := range h.TLSA {
		add(TypeTLSA, r)
	}
	for _, s := range h.TXT {
		add(TypeTXT, s)
	}
	for _, s := range h.PTR {
		add(TypePTR, s)
	}
	return list
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
