package dial

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"time"

	"github.com/qdmail/qdmail/internal/show"
)

// ErrNoSource: Source has no address of the family that is to be dialled.
var ErrNoSource = errors.New("no source address of that family")

// Source makes connections that come from given addresses of this machine,
// such as the one whose name in the DNS is that of EHLO. A family without an
// address isn't dialled at all; the unspecified address, 0.0.0.0 or ::, lets the
// system choose in that family. The zero value dials like a net.Dialer.
type Source struct {
	// IPv4 is the source of connections over IPv4. Default: no IPv4 if IPv6 is
	// set.
	IPv4 netip.Addr
	// IPv6 is the source of connections over IPv6; a link-local one needs its
	// zone. Default: no IPv6 if IPv4 is set.
	IPv6 netip.Addr
	// Dialer is copied for each connection; its LocalAddr is replaced. Where
	// both families have a source, IPv6 gets a head start of its FallbackDelay
	// (RFC 8305 section 5). Default: a new net.Dialer.
	Dialer *net.Dialer
}

// DialContext connects to addr, "host:port". An error matches ErrNoSource if the
// target can't be reached by a family that has a source address.
func (s Source) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	networks, err := s.networks(network, addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("%w: %s", err, show.Cut(addr, 300))}
	}
	if len(networks) == 1 {
		return s.dial(ctx, networks[0], addr)
	}
	return s.race(ctx, addr)
}

// networks says which families are to be dialled, the preferred first.
func (s Source) networks(network, addr string) ([]string, error) {
	switch {
	case s.IPv4.IsValid() && !s.IPv4.Is4():
		return nil, fmt.Errorf("the source %v isn't IPv4", s.IPv4)
	case s.IPv6.IsValid() && (!s.IPv6.Is6() || s.IPv6.Is4In6()):
		return nil, fmt.Errorf("the source %v isn't IPv6", s.IPv6)
	case !s.IPv4.IsValid() && !s.IPv6.IsValid():
		return []string{network}, nil
	case network != "tcp" && network != "tcp4" && network != "tcp6":
		return nil, net.UnknownNetworkError(network)
	}
	four, six := s.IPv4.IsValid() && network != "tcp6", s.IPv6.IsValid() && network != "tcp4"
	if host, _, err := net.SplitHostPort(addr); err == nil {
		if ip, err := netip.ParseAddr(host); err == nil {
			is4 := ip.Unmap().Is4()
			four, six = four && is4, six && !is4
		}
	}
	switch {
	case four && six:
		return []string{"tcp6", "tcp4"}, nil
	case four:
		return []string{"tcp4"}, nil
	case six:
		return []string{"tcp6"}, nil
	}
	return nil, ErrNoSource
}

// dial makes a connection of one family.
func (s Source) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	if s.Dialer != nil {
		d = *s.Dialer
	}
	switch d.LocalAddr = nil; {
	case network == "tcp4" && s.IPv4.IsValid():
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(s.IPv4, 0))
	case network == "tcp6" && s.IPv6.IsValid():
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(s.IPv6, 0))
	}
	return d.DialContext(ctx, network, addr)
}

// dialled is what became of one family.
type dialled struct {
	conn net.Conn
	err  error
}

// race dials over IPv6, and over IPv4 as well once that has failed or taken too
// long. The first connection wins. No attempt outlives the call.
func (s Source) race(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan dialled)
	start := func(network string) {
		conn, err := s.dial(ctx, network, addr)
		results <- dialled{conn, err}
	}
	go start("tcp6")
	delay := time.NewTimer(s.headStart())
	defer delay.Stop()
	var first dialled
	select {
	case first = <-results:
		if first.err == nil {
			return first.conn, nil
		}
		go start("tcp4")
	case <-delay.C:
		go start("tcp4")
		first = <-results
	}
	if first.err == nil {
		cancel()
		if second := <-results; second.err == nil {
			second.conn.Close()
		}
		return first.conn, nil
	}
	second := <-results
	if second.err == nil {
		return second.conn, nil
	}
	return nil, farther(first.err, second.err)
}

// headStart is how long IPv4 waits for IPv6.
func (s Source) headStart() time.Duration {
	switch {
	case s.Dialer == nil || s.Dialer.FallbackDelay == 0:
		return 300 * time.Millisecond // as net.Dialer has it
	case s.Dialer.FallbackDelay < 0:
		return math.MaxInt64 // one after the other
	}
	return s.Dialer.FallbackDelay
}

// farther joins the errors of both families. A name without an address of one
// family says nothing if it has one of the other.
func farther(a, b error) error {
	_, noA := errors.AsType[*net.DNSError](a)
	_, noB := errors.AsType[*net.DNSError](b)
	switch {
	case noA && !noB:
		return b
	case noB:
		return a
	}
	return fmt.Errorf("%w; %w", a, b)
}
