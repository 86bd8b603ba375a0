package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// NetResolver is a Resolver that asks a net.Resolver, for programs that already
// have one. It has that one's limits:
//
//   - Secure is never true, so there is no DANE; TLSA answers that it can't.
//   - "Not found" may be NoData or NXDomain. MX settles it by looking for
//     addresses: with one, it is NoData. Elsewhere NoData stands for both.
//   - A circle of CNAMEs is "not found" too, and so is what a server says that
//     refers to others instead of answering.
//   - Name is the name that was asked for; only CNAME knows where it leads, and
//     that to the end instead of one step.
//   - If one address family was found and the other failed, nothing tells.
//   - TTL isn't known, and nothing is cached.
//   - Addrs may answer from /etc/hosts, or whatever else the system asks.
type NetResolver struct {
	// Resolver is asked. Default: net.DefaultResolver.
	Resolver *net.Resolver
}

var _ Resolver = NetResolver{}

func (n NetResolver) resolver() *net.Resolver {
	if n.Resolver != nil {
		return n.Resolver
	}
	return net.DefaultResolver
}

// MX implements Resolver.
func (n NetResolver) MX(ctx context.Context, domain string) Answer[MX] {
	f := ask(ctx, domain, TypeMX, func(name string) ([]any, error) {
		list, err := n.resolver().LookupMX(ctx, name)
		var data []any
		for _, mx := range list {
			data = append(data, MX{Host: nameOf(mx.Host), Preference: mx.Pref})
		}
		return data, err
	})
	if f.status == NoData {
		addrs := n.Addrs(ctx, domain)
		switch addrs.Status {
		case NoData:
			f.status = NXDomain
		case Temporary:
			return Answer[MX]{Name: f.name, Err: addrs.Err}
		}
	}
	return mxAnswer(f)
}

// Addrs implements Resolver.
func (n NetResolver) Addrs(ctx context.Context, host string) Answer[netip.Addr] {
	f := ask(ctx, host, TypeA, func(name string) ([]any, error) {
		list, err := n.resolver().LookupNetIP(ctx, "ip", name)
		return anys(list), err
	})
	v4, v6 := f, f
	v4.records, v6.records = nil, nil
	for _, r := range f.records {
		if r.data.(netip.Addr).Unmap().Is4() {
			v4.records = append(v4.records, r)
		} else {
			v6.records = append(v6.records, r)
		}
	}
	return addrAnswer(v4, v6)
}

// TLSA implements Resolver. The Status is Temporary, and the error
// errors.ErrUnsupported.
func (n NetResolver) TLSA(_ context.Context, name string) Answer[TLSA] {
	return answer[TLSA](failed(name, TypeTLSA, errors.ErrUnsupported))
}

// TXT implements Resolver.
func (n NetResolver) TXT(ctx context.Context, name string) Answer[string] {
	return answer[string](ask(ctx, name, TypeTXT, func(name string) ([]any, error) {
		list, err := n.resolver().LookupTXT(ctx, name)
		return anys(list), err
	}))
}

// PTR implements Resolver.
func (n NetResolver) PTR(ctx context.Context, addr netip.Addr) Answer[string] {
	return nameAnswer(ask(ctx, reverse(addr), TypePTR, func(string) ([]any, error) {
		list, err := n.resolver().LookupAddr(ctx, addr.Unmap().WithZone("").String())
		return anys(list), err
	}), TypePTR)
}

// CNAME implements Resolver.
func (n NetResolver) CNAME(ctx context.Context, name string) Answer[string] {
	return nameAnswer(ask(ctx, name, TypeCNAME, func(full string) ([]any, error) {
		target, err := n.resolver().LookupCNAME(ctx, full)
		if err != nil || nameOf(target) == nameOf(full) {
			return nil, err
		}
		return []any{target}, nil
	}), TypeCNAME)
}

// ask calls look with the name in full, so that no search list applies, and reads
// the error. Records beside an error are an answer of which part couldn't be
// read.
func ask(ctx context.Context, name string, typ Type, look func(name string) ([]any, error)) found {
	name, err := canonical(name)
	if err != nil {
		f := failed(name, typ, err)
		f.status = NXDomain
		return f
	}
	data, err := look(name + ".")
	f := found{name: name, status: OK}
	for _, d := range data {
		f.records = append(f.records, record{data: d})
	}
	dnsErr, _ := errors.AsType[*net.DNSError](err)
	switch {
	case len(data) > 0 && err == nil:
	case len(data) > 0:
		f.err = &Error{Name: name, Type: typ, Err: fmt.Errorf("%w: %w", ErrUnusable, err)}
	case err == nil, dnsErr != nil && dnsErr.IsNotFound:
		f.status = NoData
	case ended(ctx) != nil:
		return failed(name, typ, ended(ctx))
	default: // refusals say of themselves that they aren't temporary
		return failed(name, typ, timeout(err))
	}
	return f
}

// ended is ctx.Err, without the moment in which the deadline has passed, as a
// connection has noticed already, and the context has not.
func ended(ctx context.Context) error {
	if d, ok := ctx.Deadline(); ok && !time.Now().Before(d) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

func anys[T any](list []T) []any {
	var data []any
	for _, v := range list {
		data = append(data, v)
	}
	return data
}
