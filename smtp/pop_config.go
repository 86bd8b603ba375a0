package smtp

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/qdmail/qdmail/delivery"
)

// popConfig is a POPAuth that has been checked.
type popConfig struct {
	addr, host         string
	username, password string
	mode               TLSMode // TLSDefault: depends on the connection
	tls                *tls.Config
	apop               APOPMode
	insecureAuth       bool
	timeouts           POPTimeouts
	dial               func(ctx context.Context, network, addr string) (net.Conn, error)
	direct             bool // dial is our own
}

// config checks the fields and fills in the defaults.
func (p *POPAuth) config() (*popConfig, error) {
	cfg := &popConfig{
		username: p.Username, password: p.Password, mode: p.TLS, tls: p.TLSConfig, apop: p.APOP,
		insecureAuth: p.InsecureAuth, timeouts: p.Timeouts.orDefault(), dial: p.Dial, direct: p.Dial == nil,
	}
	if cfg.direct {
		cfg.dial = new(net.Dialer).DialContext
	}
	port := "110"
	if p.TLS == TLSImplicit {
		port = "995"
	}
	host, port, err := splitAddr(p.Addr, port)
	if err == nil {
		err = cfg.check()
	}
	if err != nil {
		return nil, cfg.fail(delivery.PhasePrepare, err)
	}
	if cfg.mode == TLSDefault && port == "995" { // RFC 8314 section 3.1: nothing else speaks there
		cfg.mode = TLSImplicit
	}
	cfg.host, cfg.addr = host, net.JoinHostPort(host, port)
	return cfg, nil
}

// check never quotes what it finds.
func (cfg *popConfig) check() error {
	switch {
	case cfg.username == "" || cfg.password == "":
		return errors.New("a login needs a user name and a password")
	case cfg.mode > InsecureTLSNone:
		return errors.New("there is no such TLS mode")
	case cfg.apop > APOPNever:
		return errors.New("there is no such APOP mode")
	}
	for _, line := range []string{
		"USER " + cfg.username, "PASS " + cfg.password, "APOP " + cfg.username + " " + cfg.digest(""),
	} {
		if err := checkPOPLine(line); err != nil {
			return err
		}
	}
	return nil
}

// key names the mailbox in the state file.
func (cfg *popConfig) key() string {
	sum := sha256.Sum256([]byte("pop3\x00" + strings.ToLower(cfg.addr) + "\x00" + cfg.username))
	return hex.EncodeToString(sum[:])
}

// fail makes an error of what happened in a phase.
func (cfg *popConfig) fail(phase delivery.Phase, err error) error {
	return &delivery.Error{Op: "pop3", Phase: phase, Host: cfg.addr, Err: err}
}

// failState is fail for the state file; a wait for another process that was
// interrupted or took too long is none of its faults.
func (cfg *popConfig) failState(err error) error {
	if errors.Is(err, errPOPBusy) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return cfg.fail(delivery.PhaseAUTH, err)
	}
	return cfg.fail(delivery.PhasePrepare, fmt.Errorf("the state file: %w", err))
}

// loopback reports whether a connection stays on this machine. If it was dialled
// directly, its remote address tells; if not, it may lead to a proxy or a tunnel,
// so the name of the host has to say so as well.
func (cfg *popConfig) loopback(conn net.Conn) bool {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if ok && !tcp.IP.IsLoopback() {
		return false
	}
	if ok && cfg.direct {
		return true
	}
	name := strings.ToLower(strings.TrimSuffix(cfg.host, "."))
	ip, err := netip.ParseAddr(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || err == nil && ip.IsLoopback()
}
