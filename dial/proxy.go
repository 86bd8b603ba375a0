package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/qdmail/qdmail/internal/ctxerr"
	"github.com/qdmail/qdmail/internal/show"
)

// connect connects to a proxy and lets talk ask it for the target; talk returns
// what is to be used from then on. Both are bounded by ctx.
func connect(ctx context.Context, dial dialFunc, proxy, target string, talk talkFunc) (net.Conn, error) {
	fail := func(err error) error {
		if e, ok := err.(*ProxyError); ok {
			e.Proxy, e.Target = proxy, target
			return e
		}
		return &ProxyError{Proxy: proxy, Target: target, Err: err}
	}
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", proxy)
	if err == nil && conn == nil {
		err = errors.New("there is no connection")
	}
	if err != nil {
		return nil, fail(proxyFailed(ctxerr.Explain(ctx, err)))
	}
	tunnel, err := negotiate(ctx, conn, talk)
	if err != nil {
		conn.Close()
		return nil, fail(err)
	}
	return tunnel, nil
}

type (
	// dialFunc makes a connection, as the method of a net.Dialer does.
	dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)
	// talkFunc is what is said to a proxy; an error about what it answered is a
	// *ProxyError.
	talkFunc = func(net.Conn) (net.Conn, error)
)

// negotiate lets talk use a connection until ctx ends, which interrupts the read
// or write that is blocked, at once. Afterwards there is no deadline on it.
func negotiate(ctx context.Context, conn net.Conn, talk talkFunc) (net.Conn, error) {
	err := conn.SetDeadline(time.Time{}) // the dialler may have left one
	if ctx.Err() != nil || err != nil {
		return nil, proxyFailed(ctxerr.Explain(ctx, err))
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	tunnel, err := talk(conn)
	stop()
	if err == nil && ctx.Err() == nil { // so no deadline was set, and none will be
		return tunnel, nil
	}
	if _, ok := err.(*ProxyError); ok {
		return nil, err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("connection closed by the other end: %w", io.ErrUnexpectedEOF)
	}
	return nil, proxyFailed(ctxerr.Explain(ctx, err))
}

// splitTarget checks what a proxy is to connect to. ip is invalid for a name,
// which the proxy looks up.
func splitTarget(network, addr string) (host, port string, ip netip.Addr, err error) {
	if host, port, err = splitAddr(addr, ""); err != nil {
		return "", "", ip, err
	}
	ip, _ = netip.ParseAddr(host)
	ip = ip.Unmap()
	switch {
	case ip.Zone() != "":
		return "", "", ip, errors.New("an address with a zone means nothing to a proxy")
	case network == "tcp", network == "tcp4" && ip.Is4(), network == "tcp6" && ip.Is6():
		return host, port, ip, nil
	}
	return "", "", ip, fmt.Errorf("a proxy can't be told to use %q here", show.Cut(network, 20))
}
