package smtp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/qdmail/qdmail/delivery"
)

// Send carries one message: MAIL, RCPT for each recipient, DATA. The Result and
// the error are those of [delivery.Transport]; the conversation can go on
// afterwards if Usable says so.
func (c *Client) Send(ctx context.Context, env *delivery.Envelope, body delivery.Body) (*delivery.Result, error) {
	if env == nil {
		env = new(delivery.Envelope)
	}
	res := delivery.NewResult(env)
	if p := newPlan(env, body, res); len(p.rcpts) > 0 {
		c.deliver(ctx, p, res)
	}
	return res, res.Err()
}

// deliver carries out the plan, in as many transactions as the server's limit of
// recipients makes necessary.
func (c *Client) deliver(ctx context.Context, p *plan, res *delivery.Result) {
	defer c.wire.bind(ctx)()
	for todo := p.rcpts; len(todo) > 0; {
		t := &transaction{c: c, p: p, res: res, open: todo}
		t.run()
		todo = t.again
	}
}

// transaction is one pass through MAIL, RCPT and DATA. For each command there is
// a function that queues it and one that takes its reply.
type transaction struct {
	c   *Client
	p   *plan
	res *delivery.Result

	open   []*recipient // neither decided nor accepted yet
	taken  []*recipient // accepted by the reply to RCPT
	again  []*recipient // for another transaction: this one is full
	useDSN bool
}

// run carries the transaction out. Afterwards every recipient is decided, and
// again holds those who can be tried once more on this connection.
func (t *transaction) run() {
	if !t.toEnd() {
		t.again = nil
	}
}

// toEnd reports whether the server accepted the message and goes on.
func (t *transaction) toEnd() bool {
	if !t.begin() || !t.mail() || !t.rcpts() {
		return false
	}
	body, ok := t.data()
	if !ok {
		return false
	}
	defer body.Close()
	return t.body(body) && t.end()
}

// begin sees to it that the server can take this message on this connection.
func (t *transaction) begin() bool {
	c := t.c
	if c.ended {
		return t.stop(c.fail(delivery.PhaseMAIL, lost, nil, net.ErrClosed))
	}
	if c.stale {
		r, err := c.ask("RSET", c.cfg.Timeouts.Reset)
		if ev := eventOf(r, err, 2); ev != agreed {
			return t.stop(c.fail(delivery.PhaseRSET, ev, r, err))
		}
		c.stale = false
	}
	return t.capable()
}

// capable compares what the message demands with what the server offers.
func (t *transaction) capable() bool {
	c, env := t.c, t.p.env
	var lacks error
	switch limit := sizeLimit(c.ext["SIZE"]); {
	case env.SMTPUTF8 && !c.offers("SMTPUTF8"):
		lacks = delivery.ErrSMTPUTF8Required
	case env.EightBit && !c.offers("8BITMIME"):
		lacks = delivery.Err8BITMIMERequired
	case limit > 0 && t.p.size > limit:
		lacks = fmt.Errorf("%w: %d octets, limit %d", delivery.ErrTooLarge, t.p.size, limit)
	}
	if lacks != nil {
		return t.stop(c.fail(delivery.PhaseMAIL, incapable, nil, lacks))
	}
	if t.useDSN = c.offers("DSN"); t.useDSN {
		return true
	}
	open := t.open
	t.open = nil
	for _, r := range open {
		switch {
		case r.asksDSN && c.cfg.RequireDSN:
			settle(t.res, c.fail(delivery.PhaseRCPT, incapable, nil, delivery.ErrDSNRequired), r)
			continue
		case r.asksDSN:
			for _, i := range r.indexes {
				t.res.Recipients[i].Dropped = []string{"DSN"}
			}
		}
		t.open = append(t.open, r)
	}
	return len(t.open) > 0
}

// sizeLimit reads the parameter of SIZE (RFC 1870 section 4); zero is no limit.
func sizeLimit(params string) int64 {
	n, err := strconv.ParseInt(params, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func (c *Client) offers(extension string) bool {
	_, ok := c.ext[extension]
	return ok
}

// mail says who the message is from.
func (t *transaction) mail() bool {
	r, err := t.c.ask(t.mailCommand(), t.c.cfg.Timeouts.Mail)
	return t.onReply(delivery.PhaseMAIL, r, err, 2)
}

func (t *transaction) mailCommand() string {
	c, env := t.c, t.p.env
	line := "MAIL FROM:<" + t.p.from + ">"
	if c.offers("SIZE") {
		line += " SIZE=" + strconv.FormatInt(t.p.size, 10)
	}
	if env.EightBit {
		line += " BODY=8BITMIME"
	}
	if env.SMTPUTF8 {
		line += " SMTPUTF8"
	}
	if t.useDSN {
		line += t.p.dsn
	}
	return line
}

// rcpts names the recipients. One that is refused doesn't stop the others; it
// reports whether any was accepted.
func (t *transaction) rcpts() bool {
	for len(t.open) > 0 {
		r := t.open[0]
		reply, err := t.c.ask(t.rcptCommand(r), t.c.cfg.Timeouts.Rcpt)
		if !t.onRcpt(r, reply, err) {
			return false
		}
	}
	if len(t.taken) == 0 {
		t.c.meet(reset)
	}
	return len(t.taken) > 0
}

func (t *transaction) rcptCommand(r *recipient) string {
	line := "RCPT TO:<" + r.path + ">"
	if t.useDSN {
		line += r.dsn
	}
	return line
}

// onRcpt takes the reply to RCPT for the first open recipient.
func (t *transaction) onRcpt(r *recipient, reply *reply, err error) bool {
	ev := eventOf(reply, err, 2)
	if ev == agreed {
		t.open, t.taken = t.open[1:], append(t.taken, r)
		return true
	}
	f := t.c.fail(delivery.PhaseRCPT, ev, reply, err)
	if !f.one {
		return t.stop(f)
	}
	if tooMany(reply) && len(t.taken) > 0 {
		t.again = append(t.again, r)
	}
	t.open = t.open[1:]
	settle(t.res, f, r)
	return true
}

// onReply takes the reply to a command that concerns all open recipients.
func (t *transaction) onReply(phase delivery.Phase, r *reply, err error, want int) bool {
	if ev := eventOf(r, err, want); ev != agreed {
		return t.stop(t.c.fail(phase, ev, r, err))
	}
	return true
}

// data opens the message and asks the server whether it may come.
func (t *transaction) data() (io.ReadCloser, bool) {
	body, err := t.p.body.Open()
	if err == nil && body == nil {
		err = errors.New("there is no reader")
	}
	if err != nil {
		return nil, t.stop(t.c.fail(delivery.PhaseDATA, local, nil, unreadable(err)))
	}
	r, err := t.c.ask("DATA", t.c.cfg.Timeouts.DataInit)
	if !t.onReply(delivery.PhaseDATA, r, err, 354) {
		body.Close()
		return nil, false
	}
	return body, true
}

// body writes the message up to, and without, the end of data. Then it asks
// those who want to be asked at the last moment at which nothing is committed.
func (t *transaction) body(body io.Reader) bool {
	c := t.c
	write := func(p []byte) error { return c.wire.write(p, c.cfg.Timeouts.DataBlock) }
	ctx := c.wire.bound.ctx
	if closer, ok := body.(io.Closer); ok { // a reader that blocks is woken by the end of the context
		defer context.AfterFunc(ctx, func() { closer.Close() })()
	}
	err := sendBody(body, t.p.size, t.p.env.EightBit || t.p.env.SMTPUTF8, write)
	if broken, ok := errors.AsType[*writeError](err); ok {
		return t.stop(t.earlyVerdict(broken.err))
	}
	if err != nil && ctx.Err() != nil {
		return t.stop(c.fail(delivery.PhaseBody, cancelled, nil, contextError(ctx)))
	}
	if err != nil {
		return t.stop(c.fail(delivery.PhaseBody, local, nil, err))
	}
	if hook := c.wire.bound.hooks.BeforeEnd; hook != nil {
		if err := hook(c.wire.bound.ctx, t.indexes()); err != nil {
			f := c.fail(delivery.PhaseBody, local, nil, err)
			f.err.Phase = delivery.PhasePrepare // a veto of ours, no failure of the path
			return t.stop(f)
		}
	}
	if early, err := c.wire.look(); err != nil {
		return t.stop(c.fail(delivery.PhaseBody, eventOf(nil, err, noReply), nil, err))
	} else if early {
		return t.stop(t.earlyVerdict(nil))
	}
	return true
}

// earlyVerdict judges a message whose end of data won't be sent, because writing
// failed with cause, or because the server has spoken already. A refusal that it
// may have sent is worth more than the bare fact; anything else isn't a verdict,
// a positive reply least of all.
func (t *transaction) earlyVerdict(cause error) *failure {
	c := t.c
	var ev event
	if cause != nil {
		if ev = eventOf(nil, cause, noReply); ev == cancelled {
			return c.fail(delivery.PhaseBody, ev, nil, cause)
		}
	}
	r, err := c.wire.read(earlyReply)
	switch early := eventOf(r, err, noReply); {
	case early == temporary || early == closing || early == permanent || early == cancelled:
		return c.fail(delivery.PhaseBody, early, r, err)
	case cause != nil:
		return c.fail(delivery.PhaseBody, ev, nil, cause)
	default:
		return c.fail(delivery.PhaseBody, early, r, err)
	}
}

// end sends the end of data and waits for the verdict. From its first octet on,
// only the server knows what became of the message.
func (t *transaction) end() bool {
	c, d := t.c, t.c.cfg.Timeouts.DataEnd
	if err := c.wire.arm(d); err != nil {
		return t.stop(c.fail(delivery.PhaseBody, eventOf(nil, err, noReply), nil, err))
	}
	err := c.wire.writeArmed([]byte(".\r\n"), d)
	var r *reply
	if err == nil {
		r, err = c.wire.read(d)
	}
	broken := err != nil
	r, err = finalReply(r, err)
	ev := eventOf(r, err, 2)
	if ev != agreed {
		f := c.fail(delivery.PhaseEnd, ev, r, err)
		if broken {
			f.fate = abort
		}
		return t.stop(f)
	}
	v := decide(delivery.PhaseEnd, ev)
	if broken {
		v.fate = abort
	}
	told := r.Reply
	for _, rcpt := range t.taken {
		for _, i := range rcpt.indexes {
			entry := &t.res.Recipients[i]
			entry.Outcome, entry.Reply, entry.Host, entry.Err = v.outcome, &told, c.cfg.Addr, nil
		}
	}
	c.meet(v.fate)
	return v.fate != abort
}

// indexes are the entries of the envelope that this transaction is for.
func (t *transaction) indexes() []int {
	var all []int
	for _, r := range t.taken {
		all = append(all, r.indexes...)
	}
	return all
}

// stop ends the transaction for all who aren't decided, and lets the connection
// have its fate. It returns false.
func (t *transaction) stop(f *failure) bool {
	settle(t.res, f, t.open...)
	settle(t.res, f, t.taken...)
	t.open, t.taken = nil, nil
	t.c.meet(f.fate)
	return false
}

// settle enters a failure for recipients. A refusal from an earlier transaction
// of the same message stays, unless something newer is known.
func settle(res *delivery.Result, f *failure, rcpts ...*recipient) {
	for _, r := range rcpts {
		err := f.err
		if f.one {
			named := *err
			named.Recipient = r.addr
			err = &named
		}
		for _, i := range r.indexes {
			entry := &res.Recipients[i]
			if entry.Reply != nil && err.Reply == nil && f.outcome != delivery.Unknown {
				continue
			}
			entry.Outcome, entry.Reply, entry.Host, entry.Err = f.outcome, err.Reply, err.Host, err
		}
	}
}
