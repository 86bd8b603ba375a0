package direct

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"

	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/mtasts"
)

// httpTransport is for fetching MTA-STS policies: it connects to nothing that mail
// wouldn't be allowed to go to.
func (t *Transport) httpTransport() *http.Transport {
	return &http.Transport{
		DialContext:            t.dialWeb,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: mtasts.MaxSize,
	}
}

func (t *Transport) dialWeb(ctx context.Context, _, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	addrs, err := t.dialable(ctx, host)
	var errs []error
	for _, ip := range addrs {
		conn, err := t.dialer()(ctx, network(ip), net.JoinHostPort(ip.String(), port))
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, cmp.Or(err, errors.Join(errs...))
}

// dialable are the addresses of a host that may be connected to.
func (t *Transport) dialable(ctx context.Context, name string) ([]netip.Addr, error) {
	a := t.state.resolver.Addrs(ctx, name)
	if a.Status != dns.OK {
		return nil, fmt.Errorf("%s: %v: %w", name, a.Status, cmp.Or(a.Err, ErrNoAddress))
	}
	allowed := slices.DeleteFunc(a.Records, func(ip netip.Addr) bool { return !t.allows(ip) || !t.Source.has(ip) })
	if len(allowed) == 0 {
		return nil, fmt.Errorf("%s: %w", name, ErrForbidden)
	}
	return allowed, nil
}
