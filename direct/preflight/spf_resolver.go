package preflight

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"blitiri.com.ar/go/spf"

	"github.com/qdmail/qdmail/direct/dns"
)

// spfResolver shows a dns.Resolver the way package spf wants it, which is that of a
// net.Resolver: no record is an error that IsNotFound, no answer one that
// IsTemporary.
type spfResolver struct{ dns.Resolver }

var _ spf.DNSResolver = spfResolver{}

// LookupTXT implements spf.DNSResolver.
func (s spfResolver) LookupTXT(ctx context.Context, name string) ([]string, error) {
	a := s.TXT(ctx, name)
	return a.Records, lookupError(a, name)
}

// LookupMX implements spf.DNSResolver.
func (s spfResolver) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	a := s.MX(ctx, name)
	var list []*net.MX
	for _, mx := range a.Records {
		list = append(list, &net.MX{Host: mx.Host, Pref: mx.Preference})
	}
	return list, lookupError(a, name)
}

// LookupIPAddr implements spf.DNSResolver.
func (s spfResolver) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	a := s.Addrs(ctx, host)
	if a.Status == dns.OK && a.Err != nil { // one family is missing, which may be the one that matters
		a.Status = dns.Temporary
	}
	var list []net.IPAddr
	for _, addr := range a.Records {
		list = append(list, net.IPAddr{IP: addr.AsSlice()})
	}
	return list, lookupError(a, host)
}

// LookupAddr implements spf.DNSResolver.
func (s spfResolver) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return nil, &net.DNSError{Err: "not an address", Name: addr, IsNotFound: true}
	}
	a := s.PTR(ctx, ip)
	return a.Records, lookupError(a, addr)
}

// lookupError is nil if there is an answer. Package spf looks at its type without
// unwrapping.
func lookupError[T any](a dns.Answer[T], name string) error {
	switch {
	case a.Status == dns.OK:
		return nil
	case a.Status == dns.NoData, a.Status == dns.NXDomain, errors.Is(a.Err, dns.ErrUnusable):
		return &net.DNSError{Err: a.Status.String(), Name: name, IsNotFound: true}
	}
	return &net.DNSError{Err: cause(a.Err), Name: name, IsTemporary: true}
}
