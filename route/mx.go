package route

import (
	"context"
	"errors"
	"net"
)

// LookupMX makes a Config.MX of a resolver of package net; nil is the system's. It
// returns all MX hosts of a domain. Nothing is kept: each message for a domain that
// no pattern but "*" is for costs a question.
func LookupMX(r *net.Resolver) func(ctx context.Context, domain string) ([]string, error) {
	return func(ctx context.Context, domain string) ([]string, error) {
		list, err := r.LookupMX(ctx, domain+".") // no search domains
		e, ok := errors.AsType[*net.DNSError](err)
		switch {
		case ok && e.IsNotFound || len(list) > 0:
			err = nil
		case ok && ctx.Err() == nil:
			other := *e
			other.UnwrapErr = nil // the timeout is the resolver's and not that of ctx
			err = &other
		}
		var hosts []string
		for _, mx := range list {
			hosts = append(hosts, mx.Host)
		}
		return hosts, err
	}
}
