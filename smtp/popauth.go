package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/ctxerr"
)

// POPAuth is POP before SMTP: some providers take mail without authentication
// from an address from which somebody has logged in to the mailbox over POP3
// (RFC 1939) a short while ago. Login does that. A server that offers AUTH is
// better served by it, see Relay.Username.
//
// Addr, Username and Password are required; the zero value of every other field
// is safe. Login may be called from many goroutines at once; a POPAuth must not
// be copied and its fields must not change after the first call.
type POPAuth struct {
	// Addr is the POP3 server: "host", "host:port" or an IP address. Default
	// port: 110, and 995 with TLSImplicit.
	Addr string
	// Username and Password are the credentials of the mailbox. They can't have
	// CR, LF or NUL, and a command with one of them is at most 255 octets long
	// (RFC 2449 section 4).
	Username string
	Password string `json:"-"`
	// TLS says what TLS the connection must have; its STARTTLS is STLS here (RFC
	// 2595). Default: TLSDefault, which is STLS with a valid certificate, except
	// on the loopback interface, and TLSImplicit on port 995.
	TLS TLSMode
	// TLSConfig is cloned for each connection. Its ServerName defaults to the
	// host of Addr, its MinVersion is at least TLS 1.2. Default: a new
	// tls.Config.
	TLSConfig *tls.Config
	// APOP says when the password is proved by APOP instead of being sent.
	// Default: APOPAuto.
	APOP APOPMode
	// Validity is how long a login counts. Providers that say so document 10 to
	// 30 minutes; choose less, since a mail has to get through in that time too.
	// Default: 5 minutes.
	Validity time.Duration
	// File keeps the time of the last login, so that the processes of one
	// machine and one user share it; the names of mailbox and server are in it
	// as a hash, the password isn't. It is made if need be, and so is a lock
	// beside it, with ".lock" after its name. Its folder must be there, and
	// nobody else should be able to write to it. One file can serve several
	// mailboxes, which then log in one after the other. Where there is no flock
	// (Windows), processes that start at the same moment may each log in.
	// Default: none; each process logs in by itself.
	File string
	// Timeouts bounds each step of a login. Default: see POPTimeouts.
	Timeouts POPTimeouts
	// Dial makes the connection. It has to come from the same address as that to
	// the SMTP server, so it is usually that of the Relay. A connection that it
	// made counts as loopback only if the host of Addr says so as well. Default:
	// that of a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// InsecureAuth lets the password itself go over a connection without TLS
	// that isn't loopback, if TLS lets such a connection be. Default: false;
	// APOP is possible there.
	InsecureAuth bool

	mu        sync.Mutex
	since     time.Time  // the last login; zero if there is none that counts
	forgotten time.Time  // logins before this don't count any more
	flight    *popFlight // the login that is under way
}

// APOPMode says when APOP (RFC 1939 section 7) is used. It proves the password by
// an MD5 of it, with which an eavesdropper can try passwords at leisure, and a
// false server learn some of it (RFC 6151 section 2): better than the password in
// clear, and worse than TLS.
type APOPMode uint8

const (
	// APOPAuto uses APOP where there is neither TLS nor loopback, if the server
	// offers it; with InsecureAuth, the password is sent there if it doesn't. A
	// refusal is final, the password isn't sent after it.
	APOPAuto APOPMode = iota
	// APOPRequire uses nothing else.
	APOPRequire
	// APOPNever never uses it.
	APOPNever
)

// POPTimeouts bounds each step of a POP3 login. A bound covers a whole command
// with its reply, not single reads: a server that sends one octet a second runs
// into it. The deadline of the context counts as well, whichever is earlier.
type POPTimeouts struct {
	Dial  time.Duration // looking up the host and connecting; default: 30 s
	TLS   time.Duration // the handshake; default: 30 s
	Reply time.Duration // the greeting, and each command until its reply; default: 60 s
	Quit  time.Duration // QUIT, which changes nothing any more; default: 5 s
}

func (t POPTimeouts) orDefault() POPTimeouts {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{{&t.Dial, 30 * time.Second}, {&t.TLS, 30 * time.Second}, {&t.Reply, time.Minute}, {&t.Quit, 5 * time.Second}} {
		if *f.field <= 0 {
			*f.field = f.value
		}
	}
	return t
}

// total is what a login can take at most.
func (t POPTimeouts) total() time.Duration { return t.Dial + t.TLS + 4*t.Reply + t.Quit }

// String names the server and nothing else, least of all the password.
func (p *POPAuth) String() string { return "POP before SMTP at " + p.Addr }

// GoString is String.
func (p *POPAuth) GoString() string { return p.String() }

// LogValue is String, for log/slog.
func (p *POPAuth) LogValue() slog.Value { return slog.StringValue(p.String()) }

// Check reports what is wrong with the fields: an address or a mode that there
// isn't, credentials that can't be sent. Login makes the same check.
func (p *POPAuth) Check() error {
	_, err := p.config()
	return err
}

// popFlight is a login that is under way.
type popFlight struct {
	ended     chan struct{} // closed once the fields below are set
	err       error
	abandoned bool // it failed because its caller gave up
}

// Login makes sure that there is a login that isn't older than Validity: it does
// nothing if this process has one, or another process by File; otherwise it logs
// in to the mailbox and out again, without looking at any mail. Calls that come
// while one logs in wait for it and share its outcome. ctx bounds all that; if
// the call that logs in is given up, one of those that wait takes over.
//
// The error is a *delivery.Error with Op "pop3". ErrAuthFailed in it means that
// the server refused the credentials; it also has a *POPError then. Refusals that
// the server marks as passing are Temporary (RFC 2449 section 8.1, RFC 3206). A
// File that can't be read or locked, and a folder that can't be written, are
// errors of PhasePrepare, before anything is sent; what goes wrong with the file
// after a login that succeeded costs other processes a login of their own, and
// this one nothing. The Hooks of ctx concern the mail and aren't called.
func (p *POPAuth) Login(ctx context.Context) error {
	cfg, err := p.config()
	if err != nil {
		return err
	}
	for {
		p.mu.Lock()
		if p.counts(p.since) {
			p.mu.Unlock()
			return nil
		}
		f := p.flight
		if f == nil {
			f = &popFlight{ended: make(chan struct{}), abandoned: true} // until it ends, if it doesn't panic
			p.flight = f
			p.mu.Unlock()
			return p.lead(ctx, cfg, f)
		}
		p.mu.Unlock()
		select {
		case <-f.ended:
			if !f.abandoned {
				return f.err
			}
		case <-ctx.Done():
			return cfg.fail(delivery.PhaseAUTH, ctxerr.Of(ctx))
		}
	}
}

// lead logs in for all who wait for f.
func (p *POPAuth) lead(ctx context.Context, cfg *popConfig, f *popFlight) error {
	var at time.Time
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.since, p.flight = at, nil
		close(f.ended)
	}()
	at, f.err = p.login(ctx, cfg) // at is zero beside an error
	f.abandoned = errors.Is(f.err, context.Canceled) || errors.Is(f.err, context.DeadlineExceeded)
	return f.err
}

// login looks whether another process has logged in, logs in if not, and
// returns the time of the login.
func (p *POPAuth) login(ctx context.Context, cfg *popConfig) (time.Time, error) {
	if p.File == "" {
		return cfg.converse(ctx)
	}
	state := popState{file: p.File, key: cfg.key()}
	at, err := state.read()
	if err != nil {
		return time.Time{}, cfg.failState(err)
	}
	if p.current(at) {
		return at, nil
	}
	unlock, err := state.lock(ctx, cfg.timeouts.total())
	if err != nil {
		return time.Time{}, cfg.failState(err)
	}
	defer unlock()
	if at, err = state.read(); err == nil && p.current(at) {
		return at, nil // somebody was faster
	}
	if err == nil {
		err = state.writable()
	}
	if err != nil {
		return time.Time{}, cfg.failState(err)
	}
	if at, err = cfg.converse(ctx); err == nil {
		state.write(at)
	}
	return at, err
}

// Invalidate forgets the login, also in File: the next Login logs in anew. It is
// for mail that the server refused as not authenticated.
func (p *POPAuth) Invalidate() {
	p.mu.Lock()
	p.since, p.forgotten = time.Time{}, popNow()
	p.mu.Unlock()
	if cfg, err := p.config(); err == nil && p.File != "" {
		popState{file: p.File, key: cfg.key()}.forget()
	}
}

// popNow is the time by the clock on the wall, which processes share and which
// goes on while the machine sleeps.
func popNow() time.Time { return time.Now().Round(0) }

// current is counts for a caller who doesn't hold mu.
func (p *POPAuth) current(at time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts(at)
}

// counts reports whether a login of that time still counts. One in the future
// is no login. The caller holds mu.
func (p *POPAuth) counts(at time.Time) bool {
	validity := p.Validity
	if validity <= 0 {
		validity = 5 * time.Minute
	}
	age := popNow().Sub(at)
	return !at.IsZero() && !at.Before(p.forgotten) && age >= 0 && age < validity
}
