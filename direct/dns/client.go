package dns

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Client is a Resolver that asks recursive servers, as the stub resolver of a
// libc does. It tries one server after the other, asks again over TCP what
// doesn't fit into a datagram, follows CNAMEs where the server didn't, and keeps
// answers for as long as their TTL allows: between 5 seconds and an hour, the
// absence of something for at most 5 minutes, failures not at all. Questions that
// are asked twice at the same time are sent once. The zero value works; the
// fields must not change after the first question.
//
// A server that reports a DNSSEC failure is believed: no other is asked, since
// one that doesn't validate would give out the forgery. A server that only says
// SERVFAIL is asked once more with checking disabled (RFC 4035 section 3.2.2); if
// it can answer then, validation was what failed.
type Client struct {
	// Servers are the addresses of recursive servers, "127.0.0.1" or
	// "[2001:db8::1]:5353", asked in this order. A server that doesn't validate
	// behind one that does undoes what DNSSEC is for, once the first is silent.
	// Default: those of /etc/resolv.conf, which is looked at again once a minute,
	// and without any 127.0.0.1 and ::1.
	Servers []string
	// TrustAD believes each of the servers that it validated an answer (the AD
	// bit). It is right only if nobody can meddle with the path to them.
	// Default: servers on the loopback interface are believed; those of
	// /etc/resolv.conf are too if the file has "options trust-ad".
	TrustAD bool
	// Timeout is how long to wait for one server, each time. Default: 5 seconds.
	// A question with all that belongs to it takes at most 30 seconds.
	Timeout time.Duration
	// Tries is how many times to go through the servers as long as one of them
	// doesn't answer. Default: 2.
	Tries int
	// CacheSize is the number of answers that are kept. Negative: none.
	// Default: 4096.
	CacheSize int
	// Dial makes the connections, on the networks "udp" and "tcp". Default: that
	// of a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is the clock of the cache. Default: time.Now.
	Now func() time.Time

	mu      sync.Mutex
	cache   map[question]cached
	flights map[question]*flight

	confMu   sync.Mutex
	conf     []server
	confTime time.Time
}

var _ Resolver = (*Client)(nil)

// question is what is asked; the name is canonical.
type question struct {
	name string
	typ  Type
}

// MX implements Resolver.
func (c *Client) MX(ctx context.Context, domain string) Answer[MX] {
	return mxAnswer(c.lookup(ctx, domain, TypeMX))
}

// Addrs implements Resolver.
func (c *Client) Addrs(ctx context.Context, host string) Answer[netip.Addr] {
	var v6 found
	var wg sync.WaitGroup
	wg.Go(func() { v6 = c.lookup(ctx, host, TypeAAAA) })
	v4 := c.lookup(ctx, host, TypeA)
	wg.Wait()
	return addrAnswer(v4, v6)
}

// TLSA implements Resolver.
func (c *Client) TLSA(ctx context.Context, name string) Answer[TLSA] {
	a := answer[TLSA](c.lookup(ctx, name, TypeTLSA))
	for i, r := range a.Records {
		a.Records[i].Data = append([]byte(nil), r.Data...)
	}
	return a
}

// TXT implements Resolver.
func (c *Client) TXT(ctx context.Context, name string) Answer[string] {
	return answer[string](c.lookup(ctx, name, TypeTXT))
}

// PTR implements Resolver.
func (c *Client) PTR(ctx context.Context, addr netip.Addr) Answer[string] {
	return nameAnswer(c.lookup(ctx, reverse(addr), TypePTR), TypePTR)
}

// CNAME implements Resolver.
func (c *Client) CNAME(ctx context.Context, name string) Answer[string] {
	return nameAnswer(c.lookup(ctx, name, TypeCNAME), TypeCNAME)
}

// lookup answers from the cache, or asks.
func (c *Client) lookup(ctx context.Context, name string, typ Type) found {
	name, err := canonical(name)
	if err != nil { // no server need be asked whether it exists
		f := failed(name, typ, err)
		f.status = NXDomain
		return f
	}
	return c.share(ctx, question{name, typ}, func(ctx context.Context) found {
		return c.follow(ctx, question{name, typ})
	})
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}
