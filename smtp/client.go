package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/qdmail/qdmail/delivery"
)

// Client is one conversation with one server: greeting, EHLO, STARTTLS and AUTH
// are behind it, and it can carry message after message. It isn't safe for
// concurrent use. Most programs want a [Relay] instead.
type Client struct {
	wire     *wire
	cfg      Config
	mode     TLSMode // never TLSDefault
	loopback bool
	ext      map[string]string // what the last EHLO said: keyword in upper case, parameters
	limits   limits            // likewise
	tls      *tls.ConnectionState
	stale    bool // RSET is due before the next message
	// knowsBDAT: a chunk was accepted on this connection. A server that offers
	// CHUNKING and doesn't know BDAT, such as because of a middlebox, takes the
	// lines of a message for commands. So of the first message, one octet goes
	// ahead of the rest: without a line end, nobody takes it for a command.
	knowsBDAT bool
	ended     bool
}

// failure is a step that didn't lead on: what is to be reported, and what
// follows from it.
type failure struct {
	verdict
	event    event
	err      *delivery.Error
	tryClear bool // only TLS failed, and nothing forbids to go without
}

// NewClient begins a conversation on conn, which it takes over, and leads it up
// to the point where a message can be sent. ctx bounds that alone. The error is
// a *delivery.Error; the connection is closed then.
//
// A connection counts as loopback, see [TLSDefault], if the host of cfg says so
// by its name or address, and conn doesn't contradict.
func NewClient(ctx context.Context, conn net.Conn, cfg Config) (*Client, error) {
	cfg, err := cfg.prepare()
	if err != nil {
		conn.Close()
		return nil, prepareError("", err)
	}
	c, f := newClient(ctx, conn, cfg, isLoopback(cfg.host, conn, false))
	if f != nil {
		return nil, f.err
	}
	return c, nil
}

// newClient is NewClient with a configuration that is prepared already.
func newClient(ctx context.Context, conn net.Conn, cfg Config, loopback bool) (*Client, *failure) {
	c := &Client{wire: newWire(conn), cfg: cfg, loopback: loopback, mode: cfg.TLS.on(loopback)}
	unbind := c.wire.bind(ctx)
	defer unbind()
	if f := c.open(); f != nil {
		c.meet(f.fate)
		f.tryClear = c.mayGoClear(f)
		return nil, f
	}
	return c, nil
}

// mayGoClear reports whether a conversation that ended in f may be tried again
// without TLS: TLS broke down, the mode doesn't require it, and no credentials
// are at stake.
func (c *Client) mayGoClear(f *failure) bool {
	broke := f.err.Phase == delivery.PhaseSTARTTLS || f.err.Phase == delivery.PhaseTLS
	return broke && f.err.Reply == nil && f.outcome == delivery.Deferred &&
		!c.mode.required() && !c.cfg.authenticates()
}

// open leads the conversation up to the first message.
func (c *Client) open() *failure {
	if c.mode == TLSImplicit {
		if f := c.handshake(); f != nil {
			return f
		}
	}
	if f := c.greet(); f != nil {
		return f
	}
	if f := c.hello(); f != nil {
		return f
	}
	if f := c.startTLS(); f != nil {
		return f
	}
	if c.ext == nil { // forgotten when TLS began
		if f := c.hello(); f != nil {
			return f
		}
	}
	return c.authenticate()
}

// greet waits for the server's greeting.
func (c *Client) greet() *failure {
	r, err := c.wire.read(c.cfg.Timeouts.Greeting)
	if ev := eventOf(r, err, 220); ev != agreed {
		return c.fail(delivery.PhaseGreeting, ev, r, err)
	}
	return nil
}

// hello says EHLO and learns the extensions, or says HELO to a server that knows
// no EHLO (RFC 5321 section 4.1.1.1).
func (c *Client) hello() *failure {
	name, d := c.cfg.localName(c.wire.raw), c.cfg.Timeouts.EHLO
	c.ext = map[string]string{}
	r, err := c.ask("EHLO "+name, d)
	ev := eventOf(r, err, 2)
	if ev == permanent && slices.Contains([]int{500, 501, 502, 503, 504, 550}, r.Code) && !c.cfg.noHELO(c.mode) {
		r, err = c.ask("HELO "+name, d)
		if ev = eventOf(r, err, 2); ev == agreed {
			return nil
		}
	}
	if ev != agreed {
		return c.fail(delivery.PhaseEHLO, ev, r, err)
	}
	for _, line := range r.lines[1:] {
		keyword, params, _ := strings.Cut(line, " ")
		keyword = strings.ToUpper(keyword)
		if mechanisms, ok := strings.CutPrefix(keyword, "AUTH="); ok {
			// QUIRK: servers that also write "AUTH=LOGIN", for clients older than RFC 4954
			keyword, params = "AUTH", c.ext["AUTH"]+" "+mechanisms+" "+params
		} else if old, ok := c.ext[keyword]; ok && keyword == "AUTH" {
			params = old + " " + params
		}
		c.ext[keyword] = strings.TrimSpace(params)
	}
	c.limits = parseLimits(c.ext["LIMITS"])
	return nil
}

// Extension reports whether the server's last reply to EHLO named an extension,
// such as "SIZE", and with which parameters.
func (c *Client) Extension(name string) (params string, ok bool) {
	params, ok = c.ext[strings.ToUpper(name)]
	return params, ok
}

// TLS returns the state of the TLS session; ok is false in clear text.
func (c *Client) TLS() (state tls.ConnectionState, ok bool) {
	if c.tls == nil {
		return tls.ConnectionState{}, false
	}
	return *c.tls, true
}

// Usable reports whether another message can be tried: the conversation hasn't
// ended, as far as is known.
func (c *Client) Usable() bool { return !c.ended }

// ask sends one command and reads its reply.
func (c *Client) ask(line string, d time.Duration) (*reply, error) {
	if err := c.wire.send(line); err != nil {
		return nil, err
	}
	return c.await(d)
}

// askSecret is ask for a line that ends in a credential.
func (c *Client) askSecret(visible, secret string) (*reply, error) {
	if err := c.wire.sendSecret(visible, secret); err != nil {
		return nil, err
	}
	return c.await(c.cfg.Timeouts.Auth)
}

// await writes the command that is queued and reads its reply. A reply that is
// there before the command was written can't be its reply, unless it is the
// farewell of a server that gave up.
func (c *Client) await(d time.Duration) (*reply, error) {
	if c.wire.early() {
		r, err := c.wire.read(d)
		if err == nil && r.Code != 421 {
			return nil, protocolError("a reply that nobody asked for: %v", &r.Reply)
		}
		return r, err
	}
	if err := c.wire.flush(d); err != nil {
		return c.farewell(err)
	}
	return c.wire.read(d)
}

// farewell looks whether a server that let a command fail by err has said why:
// by 421, or by a TLS alert.
func (c *Client) farewell(err error) (*reply, error) {
	if eventOf(nil, err, noReply) == lost {
		r, last := c.wire.read(earlyReply)
		if last == nil && r.Code == 421 {
			return r, nil
		}
		if isAlert(last) {
			return nil, last
		}
	}
	return nil, err
}

// fail makes a failure of an event. r is the reply that says so, cause what
// explains it if no reply does.
func (c *Client) fail(phase delivery.Phase, ev event, r *reply, cause error) *failure {
	if (phase == delivery.PhaseGreeting || phase == delivery.PhaseEHLO) && c.tls != nil && isAlert(cause) {
		return c.handshakeFailed(ev, cause)
	}
	e := &delivery.Error{Op: "smtp", Phase: phase, Host: c.cfg.Addr, Err: cause}
	switch ev {
	case garbled:
		e.Err = unexpected(r, cause)
		fallthrough
	case temporary, closing, permanent, policy:
		if r != nil {
			told := r.Reply
			e.Reply = &told
		}
	}
	return &failure{verdict: decide(phase, ev), event: ev, err: e}
}

// unexpected is the cause of the event garbled.
func unexpected(r *reply, err error) error {
	if err == nil {
		err = protocolError("a reply %03d that has no place here", r.Code)
	}
	return err
}

// meet lets the connection have its fate.
func (c *Client) meet(f fate) {
	switch f {
	case reset:
		c.stale = true
	case quit:
		c.hangUp()
	case abort:
		c.ended = true
		c.wire.close()
	}
}

// hangUp says QUIT and closes the connection, without waiting for an answer
// that changes nothing.
func (c *Client) hangUp() {
	if c.ended {
		return
	}
	c.ended = true
	w := c.wire
	if w.send("QUIT") != nil || w.flush(min(c.cfg.Timeouts.Quit, QueueTimeouts().Quit)) != nil {
		w.close()
		return
	}
	w.conn.Close()
}

// Quit ends the conversation politely: it says QUIT, waits a moment for the
// reply and closes the connection. Its error says nothing about any message.
func (c *Client) Quit(ctx context.Context) error {
	if c.ended {
		return net.ErrClosed
	}
	c.ended = true
	defer c.wire.bind(ctx)()
	defer c.wire.conn.Close()
	r, err := c.ask("QUIT", c.cfg.Timeouts.Quit)
	if err == nil && !r.Positive() {
		err = errors.New(r.String())
	}
	return err
}

// Close ends the conversation without another word. It may be called at any
// time, also while Send is under way, and more than once.
func (c *Client) Close() error {
	return c.wire.close()
}
