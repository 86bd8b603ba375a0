package smtp

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"

	"github.com/qdmail/qdmail/delivery"
)

// Relay is a delivery.Transport that hands messages to one server, usually the
// submission server of a provider (RFC 6409). The zero value of each field is
// safe; Addr alone is required. Send may be called from many goroutines at once;
// the fields must not change after the first call. Each Send makes a connection
// of its own.
//
// Hooks.BeforeEnd is called, with the recipients that the server has accepted.
// If the server limits the recipients of a transaction, it is called for each of
// the transactions that a message takes then.
type Relay struct {
	// Addr is the server: "host", "host:port" or an IP address. Default port:
	// 587, and 465 with TLSImplicit.
	Addr string
	// Username and Password are the credentials. With a user name, a server
	// that offers no usable authentication gets no mail. Default: no
	// authentication.
	Username string
	Password string `json:"-"`
	// TLS says what TLS the connection must have. Default: TLSDefault, which is
	// STARTTLS with a valid certificate, except on the loopback interface, and
	// TLSImplicit on port 465.
	TLS TLSMode
	// TLSConfig is cloned for each connection. Its ServerName defaults to the
	// host of Addr, its MinVersion is at least TLS 1.2. Default: a new
	// tls.Config.
	TLSConfig *tls.Config
	// Mechanisms are the SASL mechanisms that may be used, the preferred first.
	// Default: PLAIN, LOGIN.
	Mechanisms []string
	// LocalName is the argument of EHLO, a domain name or an address literal.
	// Default: the name of this machine if it is fully qualified, otherwise the
	// local address of the connection, "[192.0.2.1]".
	LocalName string
	// Timeouts bounds each step of the conversation, beside the context.
	// Default: QueueTimeouts, which waits ten minutes for the final reply; use
	// InteractiveTimeouts where a user waits.
	Timeouts Timeouts
	// Dial makes the connection, such as through a proxy. A connection that it
	// made counts as loopback only if the host of Addr says so as well.
	// Default: that of a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Pool bounds the connections that are kept and shared. Default: see Pool.
	Pool Pool
	// RequireDSN rejects recipients for whom the envelope asks for delivery
	// status notifications if the server doesn't offer DSN. Otherwise their mail
	// is sent without, and RecipientResult.Dropped says "DSN". Default: false.
	RequireDSN bool
	// InsecureAuth lets the credentials go over a connection without TLS that
	// isn't loopback, if TLS lets such a connection be. Default: false.
	InsecureAuth bool

	state relayState
}

var _ delivery.Transport = (*Relay)(nil)

// String names the server and nothing else, least of all the password, so that a
// Relay can be printed and logged.
func (r *Relay) String() string { return "smtp relay " + r.Addr }

// GoString is String.
func (r *Relay) GoString() string { return r.String() }

// LogValue is String, for log/slog.
func (r *Relay) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Check reports what is wrong with the fields: an address, a mode or a mechanism
// that there isn't, credentials that can't be sent. Send makes the same check.
func (r *Relay) Check() error {
	if _, err := r.config(); err != nil {
		return prepareError("", err)
	}
	return nil
}

// config checks the fields and makes the configuration of a conversation.
func (r *Relay) config() (Config, error) {
	cfg := Config{
		LocalName:    r.LocalName,
		TLS:          r.TLS,
		TLSConfig:    r.TLSConfig,
		Username:     r.Username,
		Password:     r.Password,
		Mechanisms:   r.Mechanisms,
		InsecureAuth: r.InsecureAuth,
		RequireDSN:   r.RequireDSN,
		Timeouts:     r.Timeouts,
	}
	port := "587"
	if r.TLS == TLSImplicit {
		port = "465"
	}
	host, port, err := splitAddr(r.Addr, port)
	if err != nil {
		return cfg, err
	}
	if r.TLS == TLSDefault && port == "465" { // RFC 8314 section 7.3: nothing else speaks there
		cfg.TLS = TLSImplicit
	}
	cfg.Addr = net.JoinHostPort(host, port)
	return cfg.prepare()
}
