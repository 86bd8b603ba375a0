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
// the fields must not change after the first call. They share connections, see
// [Pool]; Close ends those that are idle.
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
	// TokenSource gives access tokens of OAuth 2.0 in place of the Password; an
	// OAuth mechanism that Mechanisms names takes the Password as its token
	// otherwise. Default: no access tokens.
	TokenSource TokenSource `json:"-"`
	// TLS says what TLS the connection must have. Default: TLSDefault, which is
	// STARTTLS with a valid certificate, except on the loopback interface, and
	// TLSImplicit on port 465.
	TLS TLSMode
	// TLSConfig is cloned for each connection. Its ServerName defaults to the
	// host of Addr, its MinVersion is at least TLS 1.2. Certificates of the
	// client and roots of one's own go here. Default: a new tls.Config, and a
	// cache of sessions.
	TLSConfig *tls.Config
	// Pins are public keys, as [PinOf] writes them, of which the server has to
	// show one: its own, or one in the chain of its certificate. That comes on
	// top of verifying the certificate, and TLS is required then, on loopback
	// too. Without a spare one, a new key of the server locks everybody out.
	// Default: none, any valid certificate does.
	Pins []string
	// InsecurePinsOnly trusts a server whose own key is among Pins whatever else
	// its certificate says: who signed it, for which name, until when. It is for
	// relays with a self-signed certificate. Default: false.
	InsecurePinsOnly bool
	// Mechanisms are the SASL mechanisms that may be used, the preferred first.
	// SCRAM-SHA-256-PLUS alone insists on channel binding. PLAIN alone is for a
	// server that offers SCRAM and can't do it for the account: it refuses the
	// right password, after which nothing else is tried. EXTERNAL takes a
	// certificate of the client in TLSConfig, and as Username, if any, whom to
	// act for. Default: what the server offers of SCRAM-SHA-256-PLUS,
	// SCRAM-SHA-256, SCRAM-SHA-1-PLUS, SCRAM-SHA-1, PLAIN, LOGIN and CRAM-MD5, in
	// this order, whether or not there is TLS; with a TokenSource, of OAUTHBEARER
	// and XOAUTH2.
	Mechanisms []string
	// LocalName is the argument of EHLO, a domain name or an address literal.
	// Default: the name of this machine if it is fully qualified, otherwise the
	// local address of the connection, "[192.0.2.1]".
	LocalName string
	// Timeouts bounds each step of the conversation, beside the context.
	// Default: QueueTimeouts, which waits ten minutes for the final reply; use
	// InteractiveTimeouts where a user waits.
	Timeouts Timeouts
	// Dial makes the connection, such as through a proxy; see package dial. A
	// connection that it made counts as loopback only if the host of Addr says so
	// as well. Default: that of a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// POPBeforeSMTP is the login over POP3 that old servers want before they take
	// mail. Send makes sure of it, and sends nothing if it fails. Default: none.
	POPBeforeSMTP *POPAuth
	// Pool bounds the connections that are kept and shared. Default: see Pool.
	Pool Pool
	// NoChunking keeps messages from going by BDAT (RFC 3030) where the server
	// offers CHUNKING: for servers whose BDAT doesn't work. Default: false; of the
	// first message of a connection, one octet goes ahead of the rest, so that a
	// server that doesn't know BDAT after all is noticed before it takes anything
	// for a command, and gets DATA.
	NoChunking bool
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
	if r.POPBeforeSMTP != nil {
		return r.POPBeforeSMTP.Check()
	}
	return nil
}

// config checks the fields and makes the configuration of a conversation.
func (r *Relay) config() (Config, error) {
	cfg := Config{
		LocalName:        r.LocalName,
		TLS:              r.TLS,
		TLSConfig:        r.TLSConfig,
		Pins:             r.Pins,
		InsecurePinsOnly: r.InsecurePinsOnly,
		Username:         r.Username,
		Password:         r.Password,
		TokenSource:      r.TokenSource,
		Mechanisms:       r.Mechanisms,
		InsecureAuth:     r.InsecureAuth,
		RequireDSN:       r.RequireDSN,
		NoChunking:       r.NoChunking,
		Timeouts:         r.Timeouts,
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
