package smtp

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/qdmail/qdmail/internal/show"
)

// Config says how one conversation is held. [Relay] makes one of its own; those
// who dial themselves fill it in for [NewClient].
type Config struct {
	// Addr is the server as it was dialled, "mx.example.jp:25". Its host is
	// verified in the certificate, and reports name it. Required.
	Addr string
	// LocalName is the argument of EHLO: a domain name, or an address literal.
	// Default: as for Relay.
	LocalName string
	// TLS is what TLS the conversation must have. Default: TLSDefault.
	TLS TLSMode
	// TLSConfig is cloned for each handshake. Default: as for Relay.
	TLSConfig *tls.Config
	// Pins and InsecurePinsOnly: as for Relay. Default: no pins.
	Pins             []string
	InsecurePinsOnly bool
	// Username and Password are the credentials. Default: no authentication.
	Username string
	Password string `json:"-"`
	// TokenSource: as for Relay. Default: no access tokens.
	TokenSource TokenSource `json:"-"`
	// Mechanisms: as for Relay. Default: chosen from what the server offers.
	Mechanisms []string
	// InsecureAuth lets the credentials go over a connection without TLS that
	// isn't loopback. Default: false.
	InsecureAuth bool
	// RequireDSN: as for Relay. Default: false.
	RequireDSN bool
	// NoChunking: as for Relay. Default: false.
	NoChunking bool
	// NoHELO makes a refused EHLO a failure, as for a message that needs an
	// extension, instead of trying HELO. TLS and credentials that are required
	// imply it. Default: false.
	NoHELO bool
	// Timeouts bounds each step. Default: QueueTimeouts.
	Timeouts Timeouts

	host         string                 // the host of Addr
	pins         [][sha256.Size]byte    // what Pins says
	sessionCache tls.ClientSessionCache // for a TLSConfig without one; may be nil
	noChunking   *atomic.Bool           // BDAT isn't used whatever the server offers
}

// String names the server and nothing else, least of all the password.
func (cfg Config) String() string { return "smtp conversation with " + cfg.Addr }

// GoString is String.
func (cfg Config) GoString() string { return cfg.String() }

// LogValue is String, for log/slog.
func (cfg Config) LogValue() slog.Value { return slog.StringValue(cfg.String()) }

// prepare checks the configuration and returns it with its defaults filled in.
func (cfg Config) prepare() (Config, error) {
	host, _, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return cfg, fmt.Errorf("the address isn't host:port: %q", cfg.Addr)
	}
	if cfg.host, err = checkHost(host); err != nil {
		return cfg, err
	}
	if int(cfg.TLS) >= len(tlsModeNames) {
		return cfg, fmt.Errorf("there is no %v", cfg.TLS)
	}
	if err := cfg.preparePins(); err != nil {
		return cfg, err
	}
	if err := cfg.checkCredentials(); err != nil {
		return cfg, err
	}
	if cfg.LocalName != "" {
		if cfg.LocalName, err = asciiDomain(cfg.LocalName); err != nil {
			return cfg, fmt.Errorf("LocalName is a %w", err)
		}
	}
	cfg.Timeouts = cfg.Timeouts.withDefaults()
	cfg.noChunking = new(atomic.Bool)
	cfg.noChunking.Store(cfg.NoChunking)
	return cfg, nil
}

// noHELO reports whether HELO instead of EHLO would lead nowhere.
func (cfg *Config) noHELO(mode TLSMode) bool {
	return cfg.NoHELO || cfg.authenticates() || mode == TLSStartTLS
}

// localName returns the argument of EHLO: what is configured, otherwise the name
// of this machine if it is a full one, otherwise the address of this end of the
// connection (RFC 5321 section 4.1.4).
func (cfg *Config) localName(conn net.Conn) string {
	if cfg.LocalName != "" {
		return cfg.LocalName
	}
	if name, err := os.Hostname(); err == nil && strings.Contains(name, ".") {
		if name, err = asciiDomain(name); err == nil && !isNumeric(name[strings.LastIndexByte(name, '.')+1:]) {
			return name
		}
	}
	ip := netip.AddrFrom4([4]byte{127, 0, 0, 1}) // a connection in memory has no address
	if tcp, ok := conn.LocalAddr().(*net.TCPAddr); ok && tcp.AddrPort().Addr().IsValid() {
		ip = tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	if ip.Is4() {
		return "[" + ip.String() + "]"
	}
	return "[IPv6:" + ip.String() + "]"
}

// splitAddr takes "host", "host:port" or a bare IPv6 address.
func splitAddr(addr, defaultPort string) (host, port string, err error) {
	if addr == "" {
		return "", "", errors.New("there is no server address")
	}
	if strings.Contains(addr, "@") { // not quoted: it looks like half a URL
		return "", "", errors.New("credentials don't belong into an address")
	}
	host, port = addr, defaultPort
	if _, err := netip.ParseAddr(addr); err != nil && strings.Contains(addr, ":") {
		if host, port, err = net.SplitHostPort(addr); err != nil {
			return "", "", fmt.Errorf("the server address isn't host:port: %q", show.Cut(addr, 120))
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("there is no port %q", show.Cut(port, 20))
	}
	host, err = checkHost(host)
	return host, port, err
}

// checkHost returns the name or IP address of a server in ASCII.
func checkHost(host string) (string, error) {
	if _, err := netip.ParseAddr(host); err == nil {
		return host, nil
	}
	if strings.HasPrefix(host, "[") {
		return "", fmt.Errorf("the server isn't named by an address literal: %q", show.Cut(host, 120))
	}
	name, dot := strings.CutSuffix(host, ".")
	name, err := asciiDomain(name)
	if err != nil {
		return "", fmt.Errorf("the server is a %w: %q", err, show.Cut(host, 120))
	}
	if dot {
		name += "."
	}
	return name, nil
}

func isNumeric(s string) bool {
	for _, c := range []byte(s) {
		if !isDigit(c) {
			return false
		}
	}
	return true
}
