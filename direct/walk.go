package direct

import (
	"errors"
	"slices"
	"time"

	"github.com/qdmail/qdmail/delivery"
)

// walk is the way of one transaction from host to host, until each of its
// recipients is decided or there is no other host.
type walk struct {
	*group
	boxes    []*mailbox // undecided
	queue    []target
	tgt      target // the one that is being tried
	dials    int
	sessions int
	families bool // the other family was asked about a refusal of our address
	until    time.Time
}

// call is one try at one address.
type call struct {
	target
	*demand
	domain string
	noHELO bool
}

func newWalk(g *group, boxes []*mailbox) *walk {
	return &walk{
		group: g, boxes: boxes, queue: slices.Clone(g.plan.targets),
		until: time.Now().Add(g.t.state.limits.MaxTime),
	}
}

// run goes from address to address.
func (w *walk) run() {
	for _, h := range w.plan.hosts {
		if h.err != nil { // there is nothing to connect to
			w.tgt = target{host: h}
			w.miss(newAttempt(), h.err)
		}
	}
	for len(w.boxes) > 0 && len(w.queue) > 0 {
		if e := w.stopped(); e != nil {
			w.missed(newAttempt(), ours, e)
			return
		}
		w.tgt = w.queue[0]
		w.queue = w.queue[1:]
		w.try()
	}
}

// more reports whether there is another address that may be tried.
func (w *walk) more() bool {
	l := &w.t.state.limits
	return len(w.queue) > 0 && w.dials < l.MaxAddrs && w.sessions < l.MaxSessions && time.Now().Before(w.until)
}

// skip leaves out what is left of the host.
func (w *walk) skip() {
	w.queue = slices.DeleteFunc(w.queue, func(t target) bool { return t.host == w.tgt.host })
}

// demote puts the address last for the other recipients of the message, so that
// they don't all wait for what this one has waited for.
func (w *walk) demote() {
	isIt := func(t target) bool { return t == w.tgt }
	w.plan.targets = append(slices.DeleteFunc(slices.Clone(w.plan.targets), isIt), w.tgt)
}

// try tries one address.
func (w *walk) try() {
	t := w.t
	a := newAttempt()
	d, e := t.demand(w.ctx, w.plan, w.tgt.host)
	if e == nil && w.env.RequireTLS && !d.authentic {
		e = &delivery.Error{
			Op: "direct", Phase: delivery.PhaseSTARTTLS, Host: w.tgt.addr(),
			Err: &Refusal{delivery.EnhancedCode{5, 7, 30}, delivery.ErrREQUIRETLSRequired},
		}
	}
	if e != nil {
		w.skip()
		w.miss(a, e)
		return
	}
	c := &call{w.tgt, d, w.plan.domain, w.needsESMTP()}
	s := t.state.pool.get(c.key())
	if a.Reused = s != nil; !a.Reused {
		if s, e = w.open(c, a); e != nil {
			w.miss(a, e)
			return
		}
	}
	a.IP, a.Security = c.ip, s.security
	w.sessions++
	res := w.send(s)
	if a.Reused && !slices.ContainsFunc(res.Recipients, func(r delivery.RecipientResult) bool { return !closedEarly(&r) }) {
		w.tell(a, w.boxes, res.Recipients[0], delivery.BecausePath, delivery.NextFresh)
		a = newAttempt()
		if s, e = w.open(c, a); e != nil {
			w.miss(a, e)
			return
		}
		a.IP, a.Security = c.ip, s.security
		res = w.send(s)
	}
	w.take(a, res)
}

// open makes a new connection, unless the address is known to be down.
func (w *walk) open(c *call, a *Attempt) (*session, *delivery.Error) {
	m, addr := &w.t.state.memory, c.addrPort()
	if e := m.isDown(addr); e != nil {
		return nil, e
	}
	w.dials++
	a.IP = c.ip
	s, e := w.t.connect(w.hooked(nil), c, func(e *delivery.Error, next delivery.Next) {
		w.tell(a, w.boxes, delivery.RecipientResult{Outcome: delivery.Deferred, Err: e}, delivery.BecausePath, next)
		a.Began = time.Now()
	})
	switch {
	case e == nil:
		m.reached(addr)
	case kindOf(e) == ours:
		m.release(addr)
	case e.Phase == delivery.PhaseDial || e.Phase == delivery.PhaseGreeting || e.Phase == delivery.PhaseEHLO:
		m.failed(addr, e)
	default:
		m.reached(addr)
	}
	return s, e
}

// send sends the message to all recipients of the walk.
func (w *walk) send(s *session) *delivery.Result {
	env := *w.env
	env.Recipients = make([]delivery.Recipient, len(w.boxes))
	indexes := make([][]int, len(w.boxes))
	for i, b := range w.boxes {
		env.Recipients[i], indexes[i] = b.rcpt, b.indexes
	}
	res, _ := s.Send(w.hooked(indexes), &env, w.body)
	s.sent++
	w.t.state.pool.put(s, res)
	return res
}

// miss enters a failure to get as far as the message. It is the same for all.
func (w *walk) miss(a *Attempt, e *delivery.Error) { w.missed(a, kindOf(e), e) }

func (w *walk) missed(a *Attempt, k kind, e *delivery.Error) {
	r := delivery.RecipientResult{Outcome: outcomes[k], Reply: e.Reply, Host: e.Host, Err: e}
	for _, b := range slices.Clone(w.boxes) {
		w.decide(a, b, k, r)
	}
}

// take enters what a transaction came to.
func (w *walk) take(a *Attempt, res *delivery.Result) {
	boxes, together := w.boxes, unattributable(res)
	lost := slices.ContainsFunc(res.Recipients, func(r delivery.RecipientResult) bool { return r.Outcome == delivery.Unknown })
	kinds := make([]kind, len(boxes))
	for i := range boxes {
		r := &res.Recipients[i]
		e, _ := errors.AsType[*delivery.Error](r.Err)
		k := judge(r)
		switch {
		case k == verdict && full(e):
			r.Outcome = delivery.Deferred
		case k == verdict && aboutUs(e) && w.askFamily():
			k = distrust
		case k == ours && e != nil:
			w.stop(e)
		}
		if k == verdict && r.Outcome == delivery.Deferred {
			w.t.state.memory.setJudge(w.plan.domain, w.tgt.ip)
		}
		kinds[i] = k
	}
	switch {
	case slices.Contains(kinds, mismatch) && !w.families:
		w.skip()
	case slices.Contains(kinds, path):
		w.demote()
	}
	for i, b := range boxes {
		r := res.Recipients[i]
		switch {
		case together > 1 && refusedTogether(&r) && kinds[i] == verdict:
			w.split(a, b, r)
		case lost && kinds[i].again():
			b.trail.count[unknown]++ // nobody of this transaction is tried elsewhere
			fallthrough
		default:
			w.decide(a, b, kinds[i], r)
		}
	}
}

// askFamily puts an address of the host in the other family next, once, if there is
// one that wasn't tried before.
func (w *walk) askFamily() bool {
	if w.families {
		return len(w.queue) > 0 && w.queue[0].host == w.tgt.host // for another recipient of the same transaction
	}
	i := slices.IndexFunc(w.queue, func(t target) bool { return t.host == w.tgt.host && t.ip.Is4() != w.tgt.ip.Is4() })
	if i < 0 || w.dials >= w.t.state.limits.MaxAddrs || w.sessions >= w.t.state.limits.MaxSessions {
		return false
	}
	other := w.queue[i]
	w.families = true
	w.skip()
	w.queue = slices.Insert(w.queue, 0, other)
	return true
}

// split gives a recipient a transaction of its own, because the reply that refused
// several at once says nothing about one.
func (w *walk) split(a *Attempt, b *mailbox, r delivery.RecipientResult) {
	w.drop(b)
	w.tell(a, []*mailbox{b}, r, delivery.BecauseVerdict, delivery.NextOneByOne)
	forbidden := b.trail.count[policy] // hosts that may not get it stay so
	b.rank, b.trail = nothing, trail{tried: forbidden}
	b.trail.count[policy] = forbidden
	w.group.queue = append(w.group.queue, []*mailbox{b})
}

func (w *walk) drop(b *mailbox) {
	w.boxes = slices.DeleteFunc(slices.Clone(w.boxes), func(other *mailbox) bool { return other == b })
}

// decide enters the result for one recipient, and ends its walk if no other host
// is to be tried.
func (w *walk) decide(a *Attempt, b *mailbox, k kind, r delivery.RecipientResult) {
	e, _ := errors.AsType[*delivery.Error](r.Err)
	b.trail.add(k, e, &w.t.FallbackRules)
	w.enter(b, k, r)
	next, why := w.end(b)
	refused := k != distrust && b.trail.count[distrust] > 0 // that stands, if this was no better answer
	switch mayGoOn := k.again() && !refused && b.trail.count[unknown] == 0; {
	case mayGoOn && w.more():
		next, why = delivery.NextHost, reasons[k]
		if aboutUs(e) {
			why = delivery.BecauseAddress
		}
		if w.queue[0].host == w.tgt.host {
			next = delivery.NextAddress
		}
	case mayGoOn && next == delivery.NextNone && len(w.queue) > 0:
		next = delivery.NextLimit
	}
	w.tell(a, []*mailbox{b}, r, why, next)
	if next != delivery.NextHost && next != delivery.NextAddress {
		w.drop(b)
		w.finish(b)
	}
}

// tell notes what came of an attempt, for the result and for the observer.
func (w *walk) tell(a *Attempt, boxes []*mailbox, r delivery.RecipientResult, why delivery.Reason, next delivery.Next) {
	told := *a
	if w.tgt.host != nil {
		told.Host = w.tgt.addr()
	}
	told.came(&r, why, next)
	w.job.tell(&told, w.plan.domain, boxes)
}

// needsESMTP reports whether the message can't go to a server without extensions.
func (j *job) needsESMTP() bool {
	env := j.env
	return env.SMTPUTF8 || env.EightBit || env.RequireTLS || env.DeliverBy.Return || env.Hold != (delivery.Hold{})
}
