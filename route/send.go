package route

import (
	"context"
	"fmt"
	"sync"

	"github.com/qdmail/qdmail/delivery"
)

// part is what goes to one transport: some recipients, by their indexes.
type part struct {
	transport delivery.Transport
	rcpts     []int
}

// Send implements delivery.Transport.
func (t *Table) Send(ctx context.Context, env *delivery.Envelope, body delivery.Body) (*delivery.Result, error) {
	if env == nil {
		env = new(delivery.Envelope)
	}
	res := delivery.NewResult(env)
	parts := t.split(ctx, env, res)
	hooks := &hookShare{}
	results := make([]*delivery.Result, len(parts))
	begin := func(i int) {
		if ctx.Err() == nil { // those that had to wait aren't begun any more
			results[i] = parts[i].send(ctx, hooks, env, body)
		}
	}
	var paced sync.WaitGroup
	var others []int
	for i, p := range parts {
		if _, ok := p.transport.(*Paced); ok {
			paced.Go(func() { begin(i) }) // it keeps nobody waiting while it waits
		} else {
			others = append(others, i)
		}
	}
	t.each(len(others), func(i int) { begin(others[i]) })
	paced.Wait()
	for i, p := range parts {
		p.merge(res, results[i], ctx.Err())
	}
	return res, res.Err()
}

// send hands the part to its transport.
func (p part) send(ctx context.Context, hooks *hookShare, env *delivery.Envelope, body delivery.Body) *delivery.Result {
	got, _ := p.transport.Send(hooks.wrap(ctx, p.rcpts), subset(env, p.rcpts), body)
	if got == nil {
		got = &delivery.Result{}
	}
	return got
}

// merge puts the result of a part in its place. There is none if the part wasn't
// begun, for which err is why.
func (p part) merge(res, got *delivery.Result, err error) {
	switch {
	case got == nil:
		for _, n := range p.rcpts {
			fail(&res.Recipients[n], delivery.NotSent, delivery.PhasePrepare, err)
		}
	case len(got.Recipients) != len(p.rcpts):
		for _, n := range p.rcpts {
			fail(&res.Recipients[n], delivery.Unknown, delivery.PhaseEnd, ErrContract)
		}
	default:
		for i, n := range p.rcpts {
			address := res.Recipients[n].Address
			res.Recipients[n] = got.Recipients[i]
			res.Recipients[n].Address = address
		}
		if res.MessageID == "" {
			res.MessageID = got.MessageID
		}
	}
}

// fail is the table's own result for a recipient.
func fail(r *delivery.RecipientResult, o delivery.Outcome, phase delivery.Phase, err error) {
	r.Outcome = o
	r.Err = &delivery.Error{Op: "route", Phase: phase, Recipient: r.Address, Reply: r.Reply, Err: err}
}

// split finds the route of each recipient and makes parts of those with the same
// transport. What needs no transport is entered in the result.
func (t *Table) split(ctx context.Context, env *delivery.Envelope, res *delivery.Result) []part {
	found := t.routes(ctx, env)
	var parts []part
	place := map[int]int{} // of a transport, its part
	for i, rcpt := range env.Recipients {
		r, f := &res.Recipients[i], found[domainOf(rcpt.Address)]
		n, err := t.choose(f.routes, env.From)
		switch {
		case f.err != nil && ctx.Err() != nil:
			fail(r, delivery.NotSent, delivery.PhaseResolve, ctx.Err())
		case f.err != nil:
			fail(r, delivery.Deferred, delivery.PhaseResolve, f.err)
		case err != nil:
			fail(r, delivery.NotSent, delivery.PhasePrepare, err)
		case t.transports[n] < 0:
			t.answer(r, &t.cfg.Routes[n])
		default:
			tr := t.transports[n]
			p, ok := place[tr]
			if !ok {
				p = len(parts)
				place[tr] = p
				parts = append(parts, part{transport: t.opened[tr]})
			}
			parts[p].rcpts = append(parts[p].rcpts, i)
		}
	}
	return parts
}

// routesFound are the routes for a domain, or why they aren't known.
type routesFound struct {
	routes []int
	err    error
}

// routes finds the routes of all domains of the envelope, each once.
func (t *Table) routes(ctx context.Context, env *delivery.Envelope) map[string]routesFound {
	found := map[string]routesFound{}
	var ask []string
	for _, rcpt := range env.Recipients {
		domain := domainOf(rcpt.Address)
		if _, seen := found[domain]; seen {
			continue
		}
		routes, ok := t.plain(domain)
		found[domain] = routesFound{routes: routes}
		if !ok {
			ask = append(ask, domain)
		}
	}
	answers := make([]routesFound, len(ask))
	t.each(len(ask), func(i int) {
		routes, err := t.byMX(ctx, ask[i])
		answers[i] = routesFound{routes, err}
	})
	for i, domain := range ask {
		found[domain] = answers[i]
	}
	return found
}

// answer is what the table says itself. It speaks as a server that answers RCPT.
func (t *Table) answer(r *delivery.RecipientResult, route *Route) {
	if route.Target == Hold {
		r.Reply = &delivery.Reply{Code: 450, Enhanced: delivery.EnhancedCode{4, 7, 0}, Text: "held"}
		fail(r, delivery.Deferred, delivery.PhaseRCPT, ErrHeld)
		return
	}
	reply := delivery.Reply{Code: 550, Enhanced: delivery.EnhancedCode{5, 7, 1}, Text: "refused"}
	if route.Reply != nil {
		reply = *route.Reply
	}
	r.Reply = &reply
	o := delivery.Rejected
	if reply.Temporary() {
		o = delivery.Deferred
	}
	fail(r, o, delivery.PhaseRCPT, ErrRefused)
}

// subset is the envelope for some of its recipients.
func subset(env *delivery.Envelope, rcpts []int) *delivery.Envelope {
	part := *env
	part.Recipients = make([]delivery.Recipient, len(rcpts))
	for i, n := range rcpts {
		part.Recipients[i] = env.Recipients[n]
	}
	return &part
}

// each calls f for 0 to n-1, several at a time, and returns after the last. A
// single call is made on the caller's goroutine.
func (t *Table) each(n int, f func(i int)) {
	if n == 1 {
		f(0)
		return
	}
	var wg sync.WaitGroup
	free := make(chan struct{}, t.cfg.Parallel)
	for i := range n {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			f(i)
		})
	}
	wg.Wait()
}

// String says no more than how many routes there are.
func (t *Table) String() string { return fmt.Sprintf("table of %d routes", len(t.cfg.Routes)) }
