package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// What came in the way of a connection through a proxy, reachable by errors.Is
// through a *ProxyError.
var (
	// ErrProxyFailed: the proxy can't be reached, doesn't speak its protocol, or
	// failed by itself. It says nothing about the target.
	ErrProxyFailed = errors.New("the proxy doesn't work")
	// ErrProxyAuth: the proxy refused the credentials, or wants some where there
	// are none.
	ErrProxyAuth = errors.New("the proxy wants other credentials")
	// ErrProxyDenied: the proxy's rules forbid the connection.
	ErrProxyDenied = errors.New("the proxy doesn't allow the connection")
	// ErrTargetUnreachable: the proxy works and couldn't connect to the target.
	ErrTargetUnreachable = errors.New("the proxy can't reach the target")
)

// ProxyError is a connection that didn't come about through a proxy.
type ProxyError struct {
	// Proxy is the proxy as it was dialled, "host:port"; empty if nothing was.
	Proxy string
	// Target is what it was to connect to, "host:port".
	Target string
	// Code is what the proxy replied: 1 to 255 for SOCKS5 (RFC 1928 section 6),
	// the status code for HTTP. Zero: there was no such reply.
	Code int
	// Text says the same in words: those of RFC 1928, or the reason phrase of
	// HTTP without control characters.
	Text string
	// Err is one of the four errors above, if need be with its cause; the error of
	// the context if that ended; anything else if the request could not be made and
	// nothing was sent.
	Err error
}

// Error names the proxy, the target and the reason, and no credential.
func (e *ProxyError) Error() string {
	s := strings.TrimSuffix("proxy "+e.Proxy, " ") + " to " + e.Target + ": " + e.Err.Error()
	if e.Code != 0 {
		s += ": " + strings.TrimSpace(strconv.Itoa(e.Code)+" "+e.Text)
	}
	return s
}

// Unwrap returns Err.
func (e *ProxyError) Unwrap() error { return e.Err }

// proxyFailed blames the proxy for err, unless the context ended. That a proxy's
// name isn't found, or that another proxy can't reach this one, must not be taken
// for the same fault of the target.
func proxyFailed(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	_, name := errors.AsType[*net.DNSError](err)
	_, chain := errors.AsType[*ProxyError](err)
	if name || chain {
		return fmt.Errorf("%w: %v", ErrProxyFailed, err)
	}
	return fmt.Errorf("%w: %w", ErrProxyFailed, err)
}

// proxyBroke is what a proxy said that its protocol doesn't know.
func proxyBroke(format string, args ...any) error {
	return &ProxyError{Err: fmt.Errorf("%w: %s", ErrProxyFailed, fmt.Sprintf(format, args...))}
}
