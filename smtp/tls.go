package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/qdmail/qdmail/delivery"
)

// TLSMode says what TLS a conversation must have before it goes on.
type TLSMode uint8

const (
	// TLSDefault is TLSStartTLS, except on the loopback interface: there
	// STARTTLS is used if it is offered, the certificate isn't verified, and
	// clear text is allowed. For a [Relay], port 465 means TLSImplicit.
	TLSDefault TLSMode = iota
	// TLSStartTLS demands STARTTLS and a valid certificate, on loopback too.
	TLSStartTLS
	// TLSImplicit is TLS from the first octet (RFC 8314, port 465), with a valid
	// certificate.
	TLSImplicit
	// InsecureTLSOpportunistic uses STARTTLS if it is offered, doesn't verify
	// the certificate, and goes on in clear otherwise.
	InsecureTLSOpportunistic
	// InsecureTLSNone never uses TLS.
	InsecureTLSNone
)

var tlsModeNames = [...]string{
	TLSDefault:               "default",
	TLSStartTLS:              "starttls",
	TLSImplicit:              "implicit",
	InsecureTLSOpportunistic: "opportunistic",
	InsecureTLSNone:          "none",
}

// String returns the mode in one word, such as "starttls".
func (m TLSMode) String() string {
	if int(m) < len(tlsModeNames) {
		return tlsModeNames[m]
	}
	return fmt.Sprintf("TLSMode(%d)", uint8(m))
}

// on returns m with TLSDefault replaced by what it means on this connection.
func (m TLSMode) on(loopback bool) TLSMode {
	switch {
	case m != TLSDefault:
		return m
	case loopback:
		return InsecureTLSOpportunistic
	}
	return TLSStartTLS
}

// required reports whether a conversation may not go on in clear; m is not
// TLSDefault.
func (m TLSMode) required() bool { return m == TLSStartTLS || m == TLSImplicit }

// isLoopbackHost reports whether the name of a host means the loopback
// interface by definition (RFC 6761 section 6.3).
func isLoopbackHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// isLoopback reports whether a connection stays on this machine. If it was
// dialled directly, its remote address tells; if not, it may lead to a proxy or
// a tunnel, so the name of the host has to say so as well.
func isLoopback(host string, conn net.Conn, direct bool) bool {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if ok && !tcp.IP.IsLoopback() {
		return false
	}
	return ok && direct || isLoopbackHost(host)
}

// tlsConfig returns the configuration of one handshake.
func (c *Client) tlsConfig() *tls.Config {
	cfg := c.cfg.TLSConfig.Clone()
	if cfg == nil {
		cfg = new(tls.Config)
	}
	if cfg.ServerName == "" {
		cfg.ServerName = strings.TrimSuffix(c.cfg.host, ".")
	}
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12) // RFC 8996
	if !c.mode.required() || c.cfg.InsecurePinsOnly {
		cfg.InsecureSkipVerify = true
	}
	if cfg.ClientSessionCache == nil {
		cfg.ClientSessionCache = c.cfg.sessionCache
	}
	if len(c.cfg.pins) > 0 {
		own := cfg.VerifyConnection
		// Unlike VerifyPeerCertificate, this is called for a resumed session too.
		cfg.VerifyConnection = func(state tls.ConnectionState) error {
			if own != nil {
				if err := own(state); err != nil {
					return err
				}
			}
			return c.cfg.checkPins(state)
		}
	}
	return cfg
}

// startTLS upgrades the connection if the server offers it (RFC 3207). Without
// TLS, the conversation goes on only if none is required.
func (c *Client) startTLS() *failure {
	if c.mode == InsecureTLSNone || c.mode == TLSImplicit {
		return nil
	}
	if _, ok := c.ext["STARTTLS"]; !ok {
		if c.mode.required() {
			return c.fail(delivery.PhaseSTARTTLS, policy, nil, delivery.ErrTLSRequired)
		}
		return nil
	}
	r, err := c.ask("STARTTLS", c.cfg.Timeouts.TLS)
	switch ev := eventOf(r, err, 220); ev {
	case agreed:
	case temporary, permanent:
		if c.mode.required() {
			return c.fail(delivery.PhaseSTARTTLS, policy, r, delivery.ErrTLSRequired)
		}
		return nil // RFC 3207 section 4: the client decides whether to go on in clear
	case garbled:
		return c.handshakeFailed(ev, unexpected(r, err))
	default:
		return c.fail(delivery.PhaseSTARTTLS, ev, r, err)
	}
	if c.wire.early() {
		// Whoever put them there wants them to be taken for something that came
		// through TLS, so nothing more is said on this connection.
		return c.handshakeFailed(garbled, protocolError("octets between the reply to STARTTLS and the handshake"))
	}
	c.ext = nil // what was said in clear doesn't count any more
	return c.handshake()
}

// handshake does the TLS handshake on the connection as it is.
func (c *Client) handshake() *failure {
	w := c.wire
	if err := w.arm(c.cfg.Timeouts.TLS); err != nil {
		return c.fail(delivery.PhaseTLS, eventOf(nil, err, noReply), nil, err)
	}
	conn := tls.Client(w.raw, c.tlsConfig())
	// The deadline is what interrupts it, so the context need not.
	if err := conn.HandshakeContext(context.WithoutCancel(w.bound.ctx)); err != nil {
		err = w.explain(err, c.cfg.Timeouts.TLS)
		return c.handshakeFailed(eventOf(nil, err, noReply), err)
	}
	w.conn = conn
	w.br.Reset(conn)
	state := conn.ConnectionState()
	c.tls = &state
	if f := w.bound.hooks.TLS; f != nil {
		f(w.bound.ctx, tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
	}
	return nil
}

// handshakeFailed judges a TLS session that didn't come about. If TLS is
// required, it fails by our policy; otherwise it is the path that failed.
func (c *Client) handshakeFailed(ev event, cause error) *failure {
	if c.mode.required() && ev != cancelled {
		return c.fail(delivery.PhaseTLS, policy, nil, fmt.Errorf("%w: %w", delivery.ErrTLSFailed, cause))
	}
	return c.fail(delivery.PhaseTLS, ev, nil, cause)
}

// isAlert reports that the server has refused the TLS session. TLS 1.3 lets it
// do so after the client took the handshake for finished.
func isAlert(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "remote error"
}
