package smtp

import (
	"bufio"
	"context"
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/ctxerr"
)

// popSession is one conversation with a POP3 server, from the greeting to QUIT.
type popSession struct {
	*popConfig
	wire      *popWire
	mode      TLSMode // never TLSDefault
	onThis    bool    // the connection stays on this machine
	secure    bool    // TLS is on
	timestamp string  // of the greeting; empty if APOP isn't offered
}

// converse logs in and out, and returns the time of the login: not later than
// the server takes it to be.
func (cfg *popConfig) converse(ctx context.Context) (time.Time, error) {
	conn, err := cfg.connect(ctx)
	if err != nil {
		phase := delivery.PhaseDial
		if _, ok := errors.AsType[*net.DNSError](err); ok {
			phase = delivery.PhaseResolve
		}
		return time.Time{}, cfg.fail(phase, err)
	}
	wire := &popWire{
		conn: conn, raw: conn, br: bufio.NewReaderSize(conn, maxPOPReply),
		leash: newLeash(ctx, conn), hide: []string{cfg.password},
	}
	defer func() {
		wire.leash.stop()
		conn.Close()
	}()
	s := &popSession{popConfig: cfg, wire: wire, mode: cfg.mode, onThis: cfg.loopback(conn)}
	err = s.open()
	at := popNow()
	if err == nil {
		err = s.authenticate()
	}
	if _, refused := errors.AsType[*POPError](err); err == nil || refused {
		wire.ask("QUIT", "", cfg.timeouts.Quit) // nothing that happens here changes the result
	}
	if err != nil {
		return time.Time{}, err
	}
	return at, nil
}

func (cfg *popConfig) connect(ctx context.Context) (net.Conn, error) {
	bounded, cancel := context.WithTimeout(ctx, cfg.timeouts.Dial)
	defer cancel()
	conn, err := cfg.dial(bounded, "tcp", cfg.addr)
	if err != nil {
		return nil, ctxerr.Explain(ctx, err)
	}
	if conn == nil {
		return nil, errors.New("there is no connection")
	}
	return conn, nil
}

// open leads the conversation up to the login.
func (s *popSession) open() error {
	if s.mode == TLSDefault {
		if s.mode = TLSStartTLS; s.onThis {
			s.mode = InsecureTLSOpportunistic
		}
	}
	if s.mode == TLSImplicit {
		if err := s.handshake(); err != nil {
			return err
		}
	}
	greeting, err := s.wire.listen(s.timeouts.Reply)
	if err != nil {
		return s.fail(delivery.PhaseGreeting, err)
	}
	s.timestamp = popTimestamp(greeting)
	if s.mode == TLSStartTLS || s.mode == InsecureTLSOpportunistic {
		return s.startTLS()
	}
	return nil
}

func (s *popSession) tlsRequired() bool { return s.mode == TLSStartTLS || s.mode == TLSImplicit }

// startTLS upgrades the connection (RFC 2595 section 4). A server that doesn't
// know how to says so; that is the end unless TLS is an opportunity only.
func (s *popSession) startTLS() error {
	_, err := s.wire.ask("STLS", "", s.timeouts.Reply)
	if _, refused := errors.AsType[*POPError](err); refused {
		if s.tlsRequired() {
			return s.fail(delivery.PhaseSTARTTLS, fmt.Errorf("%w: %w", delivery.ErrTLSRequired, err))
		}
		return nil
	}
	if err != nil {
		return s.fail(delivery.PhaseSTARTTLS, err)
	}
	if s.wire.br.Buffered() > 0 {
		// Whoever put them there wants them to be taken for something that came
		// through TLS.
		err := popBroke("octets between the reply to STLS and the handshake")
		return s.fail(delivery.PhaseTLS, fmt.Errorf("%w: %w", delivery.ErrTLSFailed, err))
	}
	return s.handshake()
}

// handshake does the TLS handshake on the connection as it is.
func (s *popSession) handshake() error {
	w := s.wire
	if err := w.leash.within(s.timeouts.TLS); err != nil {
		return s.fail(delivery.PhaseTLS, err)
	}
	conn := tls.Client(w.raw, s.tlsConfig())
	// The deadline is what interrupts it, so the context need not.
	if err := conn.HandshakeContext(context.WithoutCancel(w.leash.ctx)); err != nil {
		if err = w.leash.explain(err); errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return s.fail(delivery.PhaseTLS, err)
		}
		return s.fail(delivery.PhaseTLS, fmt.Errorf("%w: %w", delivery.ErrTLSFailed, err))
	}
	w.conn = conn
	w.br.Reset(conn)
	s.secure = true
	return nil
}

func (s *popSession) tlsConfig() *tls.Config {
	cfg := s.tls.Clone()
	if cfg == nil {
		cfg = new(tls.Config)
	}
	if cfg.ServerName == "" {
		cfg.ServerName = s.host
	}
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12) // RFC 8996
	if !s.tlsRequired() {
		cfg.InsecureSkipVerify = true
	}
	return cfg
}

// authenticate logs in, by one method only: after a refusal, another one would
// count against the account.
func (s *popSession) authenticate() error {
	private := s.secure || s.onThis
	offered := s.timestamp != ""
	switch {
	case s.apop == APOPRequire && !offered:
		return s.fail(delivery.PhaseAUTH, fmt.Errorf("%w: the server doesn't offer APOP", delivery.ErrAuthUnavailable))
	case s.apop == APOPRequire, s.apop == APOPAuto && !private && offered:
		digest := s.digest(s.timestamp)
		s.wire.hide = append(s.wire.hide, digest)
		return s.login("APOP", s.username+" "+digest)
	case !private && !s.insecureAuth:
		return s.fail(delivery.PhaseAUTH, fmt.Errorf("%w: the connection isn't encrypted", delivery.ErrAuthUnavailable))
	}
	if err := s.login("USER", s.username); err != nil {
		return err
	}
	return s.login("PASS", s.password)
}

// login sends one command of the login.
func (s *popSession) login(verb, argument string) error {
	_, err := s.wire.ask(verb, argument, s.timeouts.Reply)
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*POPError](err); ok && !refusal.Temporary() {
		err = fmt.Errorf("%w: %w", delivery.ErrAuthFailed, refusal)
	}
	return s.fail(delivery.PhaseAUTH, err)
}

// digest proves the password (RFC 1939 section 7).
func (cfg *popConfig) digest(timestamp string) string {
	sum := md5.Sum([]byte(timestamp + cfg.password))
	return hex.EncodeToString(sum[:])
}

// popTimestamp finds the timestamp of a greeting, with its brackets; empty if
// there is none. It must be a msg-id through and through: with other octets in
// it, a false server can work out the password (RFC 6151 section 2).
func popTimestamp(greeting string) string {
	for {
		_, rest, ok := strings.Cut(greeting, "<")
		if !ok {
			return ""
		}
		if id, _, ok := strings.Cut(rest, ">"); ok && isPOPTimestamp(id) {
			return "<" + id + ">"
		}
		greeting = rest
	}
}

func isPOPTimestamp(id string) bool {
	left, right, ok := strings.Cut(id, "@")
	return ok && left != "" && right != "" && !strings.ContainsAny(right, "@") &&
		!strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' })
}
