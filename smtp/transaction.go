package smtp

import (
	"context"
	"io"
	"net"
	"slices"

	"github.com/qdmail/qdmail/delivery"
)

// Send carries one message: MAIL, RCPT for each recipient, and DATA or BDAT, in
// as few turns as the server's extensions allow. The Result and the error are
// those of [delivery.Transport]; the conversation can go on afterwards if Usable
// says so.
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

// deliver carries out the plan, in as many transactions as the server's limits
// make necessary.
func (c *Client) deliver(ctx context.Context, p *plan, res *delivery.Result) {
	defer c.wire.bind(ctx)()
	for todo := p.rcpts; len(todo) > 0; {
		t := newTransaction(c, p, res, todo)
		t.carry()
		todo = t.left()
	}
}

// transaction is one pass through MAIL, RCPT and DATA or BDAT. First its
// commands are written, in one group where the server allows (ask.go), then
// their replies are judged (judge.go), then comes the message (content.go).
type transaction struct {
	c   *Client
	p   *plan
	res *delivery.Result

	open  []*recipient  // neither decided nor accepted yet
	taken []*recipient  // accepted by the reply to RCPT
	one   [1]*recipient // backs taken as long as it is enough
	again []*recipient  // refused only because this transaction is full
	rest  []*recipient  // beyond the server's limits, not tried yet
	// spelled are refused as wrong in syntax, and can be spelled differently.
	spelled []*recipient

	body    io.ReadCloser // the message, if it goes by DATA
	chunk   []byte        // the message, if it goes by BDAT
	first   int           // how many of its octets go ahead, to see whether the server knows BDAT
	grouped bool          // the chunk goes along with the commands
	second  bool          // it goes out behind another message
	owed    []step        // commands whose replies are to be read
	few     [4]step       // backs owed as long as it is enough
	reply   reply         // the one that is being judged
	told    []string      // commands that another transaction wrote for this one; hooks haven't seen them

	// queuer, if set, may queue the commands of other messages. Its method is
	// called when they can go out in the same write as the end of this one.
	queuer interface{ behind(t *transaction) }
	// spare says that there is another connection to be tried if this one turns
	// out to be dead.
	spare bool
	// retry says that the message can be tried again by DATA on another
	// connection.
	retry bool

	broken  error        // of writing the commands; replies may be there nevertheless
	heard   bool         // the server has said something other than farewell
	refused *failure     // by the reply to MAIL
	odd     []*recipient // accepted in spite of that
	last    *failure     // what ended the transaction
	ended   bool         // the last octet of the message may be out
	done    bool         // the server has accepted the message
	stale   bool         // nothing came of it: the connection was dead
	trimmed bool         // nothing came of it: the server knows too few parameters
	inept   bool         // nothing came of it: the server offers CHUNKING and doesn't know BDAT
}

// step is a command that waits for its reply.
type step struct {
	phase delivery.Phase
	rcpt  *recipient // of RCPT
}

// newTransaction makes a transaction for as many of todo as the server takes at
// a time.
func newTransaction(c *Client, p *plan, res *delivery.Result, todo []*recipient) *transaction {
	t := &transaction{c: c, p: p, res: res}
	t.open, t.rest = c.limits.share(todo)
	if t.taken = t.one[:0]; len(t.open) > 1 {
		t.taken = make([]*recipient, 0, len(t.open))
	}
	return t
}

// carry carries the transaction out. Afterwards each of its recipients is
// decided, or among those that left returns.
func (t *transaction) carry() {
	defer t.close()
	if t.ask() && t.judgeAll() && !t.done {
		t.send()
	}
}

func (t *transaction) close() {
	if t.body != nil {
		t.body.Close()
		t.body = nil
	}
}

// left returns the recipients for whom another transaction is to be made.
func (t *transaction) left() []*recipient {
	if t.stale || t.trimmed || t.inept {
		return slices.Concat(t.open, t.taken, t.rest)
	}
	if !t.done || t.c.ended {
		t.again = nil // what was said of them stands
	}
	if t.c.ended && len(t.rest) > 0 {
		f := t.last
		switch {
		case f == nil || f.outcome != delivery.NotSent && f.event != cancelled:
			f = t.c.fail(delivery.PhaseMAIL, lost, nil, net.ErrClosed)
		case f.event == cancelled:
			f = t.c.fail(delivery.PhaseMAIL, cancelled, nil, f.err.Err)
		}
		settle(t.res, f, t.rest...)
		t.rest = nil
	}
	if t.c.ended {
		t.spelled = nil // as again
	}
	return slices.Concat(t.again, t.spelled, t.rest)
}

// stop ends the transaction for all who aren't decided, and lets the connection
// have its fate. It returns false.
func (t *transaction) stop(f *failure) bool {
	t.last = f
	// A farewell to the first command says that nothing was taken, even if the
	// message went along.
	if t.spare && !t.heard && (f.event == closing || f.event == lost && !t.ended) {
		t.stale = true
		t.c.meet(abort)
		return false
	}
	t.c.meet(f.fate)
	verdict := f
	if t.refused != nil { // what was said of the message counts, whatever happened then
		verdict = t.refused
	}
	if t.trimmed = verdict == t.refused && !t.c.ended && t.trim(verdict); t.trimmed {
		return false
	}
	settle(t.res, verdict, t.open...)
	settle(t.res, verdict, t.taken...)
	t.open, t.taken = nil, nil
	return false
}

// accept enters the reply that took the message.
func (t *transaction) accept(r *reply) {
	v := decide(delivery.PhaseEnd, agreed)
	told := r.Reply
	for _, rcpt := range t.taken {
		for _, i := range rcpt.indexes {
			entry := &t.res.Recipients[i]
			entry.Outcome, entry.Reply, entry.Host, entry.Err = v.outcome, &told, t.c.cfg.Addr, nil
		}
	}
	t.done = true
	t.c.meet(v.fate)
}

// indexes are the entries of the envelope that some recipients stand for.
func indexes(rcpts []*recipient) []int {
	var all []int
	for _, r := range rcpts {
		all = append(all, r.indexes...)
	}
	return all
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
