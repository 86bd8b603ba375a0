package direct

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/ctxerr"
)

// job is one Send.
type job struct {
	t    *Transport
	ctx  context.Context
	env  *delivery.Envelope
	body delivery.Body
	res  *delivery.Result // entries are written by the one group that they belong to

	boxOf   []*mailbox    // by recipient of the envelope
	telling chan struct{} // holds one: the hook that is being called
	vetoed  bool          // by BeforeEnd; belongs to the hook that is being called

	mu      sync.Mutex
	relayed []int           // who goes to the fallback
	halt    *delivery.Error // the message itself can't be sent
}

// group are the recipients of one destination.
type group struct {
	*job
	dest  destination
	boxes []*mailbox
	plan  *plan
	queue [][]*mailbox // a transaction for each
}

// run serves all destinations, some at a time.
func (j *job) run() {
	places := make(chan struct{}, j.t.state.limits.MaxDomains)
	var wg sync.WaitGroup
	for _, g := range j.groups() {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			g.run()
		})
	}
	wg.Wait()
	for i, b := range j.boxOf {
		j.res.Recipients[i].Attempts = slices.Clone(b.attempts)
	}
}

// groups sorts the recipients by destination, each mailbox once.
func (j *job) groups() []*group {
	j.boxOf = make([]*mailbox, len(j.env.Recipients))
	var all []*group
	byDomain := map[string]*group{}
	boxes := map[string]*mailbox{}
	for i, r := range j.env.Recipients {
		dest, key, err := parseAddress(r.Address)
		if err != nil {
			j.invalid(i, err)
			continue
		}
		if b := boxes[key]; b != nil {
			b.indexes = append(b.indexes, i)
			j.boxOf[i] = b
			continue
		}
		b := &mailbox{rcpt: r, indexes: []int{i}}
		boxes[key], j.boxOf[i] = b, b
		g := byDomain[dest.domain]
		if g == nil {
			g = &group{job: j, dest: dest}
			byDomain[dest.domain] = g
			all = append(all, g)
		}
		g.boxes = append(g.boxes, b)
	}
	return all
}

// invalid enters an address that can't be sent to.
func (j *job) invalid(i int, err error) {
	f := &failure{ours, delivery.NotSent, prepareError(j.env.Recipients[i].Address, err)}
	if _, ok := errors.AsType[*Refusal](err); ok {
		f.kind, f.outcome = verdict, delivery.Rejected
	}
	j.boxOf[i] = &mailbox{rcpt: j.env.Recipients[i], indexes: []int{i}}
	g := &group{job: j}
	g.fail(j.boxOf[i], f, time.Now())
}

// run delivers to one destination: one transaction after the other, so that they
// share a connection.
func (g *group) run() {
	t, began := g.t, time.Now()
	b := t.bound(g.dest.domain)
	leave, err := t.state.slots.enter(g.ctx, b.slot, b.conns)
	if err != nil {
		g.failAll(&failure{ours, delivery.NotSent, prepareError("", err)}, began)
		return
	}
	defer leave()
	p, f := t.plan(g.ctx, g.dest)
	if f == nil && p.targets[0].port == smtpPort && !t.state.port25.open() {
		f = &failure{path, delivery.Deferred, &delivery.Error{Op: "direct", Phase: delivery.PhaseDial, Err: ErrPort25}}
	}
	if f != nil {
		g.failAll(f, began)
		return
	}
	g.plan = p
	for rest := g.boxes; len(rest) > 0; {
		k := min(b.recipients, len(rest))
		g.queue = append(g.queue, rest[:k:k])
		rest = rest[k:]
	}
	for len(g.queue) > 0 { // a walk may add to it
		batch := g.queue[0]
		g.queue = g.queue[1:]
		newWalk(g, batch).run()
	}
}

func (g *group) failAll(f *failure, began time.Time) {
	for _, b := range g.boxes {
		g.fail(b, f, began)
	}
}

// fail enters a failure that no host is to blame for.
func (g *group) fail(b *mailbox, f *failure, began time.Time) {
	rules := &g.t.FallbackRules
	b.trail.add(f.kind, f.err, rules)
	g.enter(b, f.kind, delivery.RecipientResult{Outcome: f.outcome, Err: f.err, Host: f.err.Host})
	a := &Attempt{Attempt: delivery.Attempt{Began: began}}
	next, why := g.end(b)
	a.came(&delivery.RecipientResult{Outcome: f.outcome, Err: f.err}, why, next)
	g.tell(a, g.dest.domain, []*mailbox{b})
	g.finish(b)
}

// tell enters an attempt that is over for the recipients that it was for, and tells
// the observer.
func (j *job) tell(a *Attempt, domain string, boxes []*mailbox) {
	a.Domain, a.Took = domain, time.Since(a.Began)
	for _, b := range boxes {
		b.attempts = append(b.attempts, a.Attempt)
		a.Recipients = append(a.Recipients, b.indexes...)
	}
	j.t.observe(j.ctx, *a)
}

// enter writes what became of a recipient, unless something weightier is known.
func (j *job) enter(b *mailbox, k kind, r delivery.RecipientResult) {
	if k < b.rank {
		return
	}
	b.rank = k
	for _, i := range b.indexes {
		r.Address = j.env.Recipients[i].Address
		j.res.Recipients[i] = r
	}
}

// end says what follows when no other host is tried for a recipient, and why.
func (j *job) end(b *mailbox) (delivery.Next, delivery.Reason) {
	yes, why := b.trail.toFallback(&j.t.FallbackRules)
	if yes && j.t.Fallback != nil {
		return delivery.NextFallback, why
	}
	return delivery.NextNone, why
}

// finish does it.
func (j *job) finish(b *mailbox) {
	if next, _ := j.end(b); next == delivery.NextFallback {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.relayed = append(j.relayed, b.indexes...)
		return
	}
	if b.trail.closed() {
		r := j.res.Recipients[b.indexes[0]]
		e, _ := errors.AsType[*delivery.Error](r.Err)
		r.Outcome, r.Reply = delivery.Rejected, e.Reply
		r.Err = &delivery.Error{
			Op: "direct", Phase: delivery.PhasePrepare, Host: e.Host, Reply: e.Reply,
			Err: &Refusal{delivery.EnhancedCode{5, 3, 2}, ErrNullMX},
		}
		j.enter(b, verdict, r)
	}
}

// stop keeps the job from trying a message that can't be sent on anybody else.
func (j *job) stop(e *delivery.Error) {
	broken := e.Phase == delivery.PhasePrepare && e.Recipient == "" && e.Host == ""
	for _, err := range []error{delivery.ErrBodyUnreadable, delivery.ErrMalformedBody, delivery.ErrBodyChanged} {
		broken = broken || errors.Is(e, err)
	}
	if broken {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.halt = e
	}
}

// stopped returns why nothing more may be tried: the message, or the context.
func (j *job) stopped() *delivery.Error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.halt != nil:
		return j.halt
	case j.ctx.Err() != nil:
		return prepareError("", ctxerr.Of(j.ctx))
	}
	return nil
}
