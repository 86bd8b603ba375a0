package route

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/qdmail/qdmail/delivery"
)

// Paced is a delivery.Transport that hands messages to another one no faster, no
// more of them at a time, and for no more recipients together than it is told. The
// fields must not change after the first call of Send, nor may it be copied.
//
// What counts is a message to one recipient, as it does for the carriers that ask
// senders not to burst. One that is for several recipients is handed on in parts,
// each with an envelope of its own, when their turn comes; results come back in the
// order of the whole envelope. Turns are evenly spread and don't add up while nobody
// needs them, so that nothing waits after a pause, and nothing bursts.
//
// All calls of Send share the turns, first come, first served; a message that is
// handed on in parts queues up again for each of them. Waiting ends with ctx; whose
// turn hasn't come then is NotSent with ErrPace. What the transport answers is passed
// on as it is.
//
// Hooks fire as those of the transport, one at a time; BeforeEnd gets indexes into
// the whole envelope, and fires for each part.
type Paced struct {
	// Transport gets the messages. Required.
	Transport delivery.Transport
	// Rate is how many may go in which time. Default: as many as come.
	Rate Rate
	// Concurrency is how many are with the Transport at the same time. Default: no
	// bound; of those that Paced itself makes of one message, 4.
	Concurrency int
	// Recipients is how many recipients of a message are handed on together. They
	// take as many turns, the first at once and the others after them. Default: 1
	// with a Rate, and otherwise all.
	Recipients int

	once  sync.Once
	turns *turns        // nil without a Rate
	room  chan struct{} // nil without Concurrency
}

var _ delivery.Transport = (*Paced)(nil)

// Check reports what is wrong with the fields. Send makes the same check.
func (p *Paced) Check() error {
	if p.Transport == nil {
		return errors.New("route: there is no transport to be paced")
	}
	if p.Rate != (Rate{}) {
		return p.Rate.check()
	}
	return nil
}

func (p *Paced) begin() {
	p.once.Do(func() {
		if p.Rate != (Rate{}) {
			p.turns = newTurns(p.Rate)
		}
		if p.Concurrency > 0 {
			p.room = make(chan struct{}, p.Concurrency)
		}
	})
}

// Send implements delivery.Transport.
func (p *Paced) Send(ctx context.Context, env *delivery.Envelope, body delivery.Body) (*delivery.Result, error) {
	if env == nil {
		env = new(delivery.Envelope)
	}
	if err := p.Check(); err != nil {
		return notSent(env, err)
	}
	p.begin()
	parts := p.split(env)
	if len(parts) > 1 {
		return p.sendParts(ctx, env, body, parts)
	}
	leave, err := p.enter(ctx, len(env.Recipients))
	if err != nil {
		return notSent(env, err)
	}
	defer leave()
	return p.Transport.Send(ctx, env, body)
}

func notSent(env *delivery.Envelope, err error) (*delivery.Result, error) {
	res := delivery.NewResult(env)
	for i := range res.Recipients {
		fail(&res.Recipients[i], delivery.NotSent, delivery.PhasePrepare, err)
	}
	return res, res.Err()
}

// split makes parts of what is handed on together.
func (p *Paced) split(env *delivery.Envelope) []part {
	most := p.Recipients
	if most <= 0 && p.turns != nil {
		most = 1
	}
	var parts []part
	for i := range env.Recipients {
		if len(parts) == 0 || most > 0 && i%most == 0 {
			parts = append(parts, part{transport: p.Transport})
		}
		last := &parts[len(parts)-1]
		last.rcpts = append(last.rcpts, i)
	}
	return parts
}

// sendParts hands the parts on, each when it is its turn, and those before it needn't
// be done.
func (p *Paced) sendParts(ctx context.Context, env *delivery.Envelope, body delivery.Body, parts []part) (*delivery.Result, error) {
	hooks := &hookShare{}
	results := make([]*delivery.Result, len(parts))
	free := make(chan struct{}, cmp.Or(max(p.Concurrency, 0), defaultParallel))
	var wg sync.WaitGroup
	var err error
	for i, part := range parts {
		free <- struct{}{} // Send returns no earlier in any case
		var leave func()
		if leave, err = p.enter(ctx, len(part.rcpts)); err != nil {
			break
		}
		wg.Go(func() {
			defer func() { leave(); <-free }()
			results[i] = part.send(ctx, hooks, env, body)
		})
	}
	wg.Wait()
	res := delivery.NewResult(env)
	for i, part := range parts {
		part.merge(res, results[i], err)
	}
	return res, res.Err()
}

// enter waits until n messages may be handed on. When they are done, leave is called.
func (p *Paced) enter(ctx context.Context, n int) (leave func(), err error) {
	leave = func() {}
	if ctx.Err() != nil {
		return nil, late(ctx)
	}
	if p.room != nil {
		select {
		case p.room <- struct{}{}:
			leave = func() { <-p.room }
		case <-ctx.Done():
			return nil, late(ctx)
		}
	}
	if p.turns != nil && n > 0 && !p.turns.wait(ctx, n) {
		leave()
		return nil, late(ctx)
	}
	return leave, nil
}

func late(ctx context.Context) error { return fmt.Errorf("%w: %w", ErrPace, ctx.Err()) }

// Close closes the Transport, if it is one that can be closed.
func (p *Paced) Close() error {
	if c, ok := p.Transport.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// String says how the transport is paced, and not which it is.
func (p *Paced) String() string {
	return "paced transport, " + cmp.Or(Options{Rate: p.Rate, Concurrency: p.Concurrency, Recipients: p.Recipients}.String(), "unbounded")
}

// GoString is String: the Transport may have a password.
func (p *Paced) GoString() string { return p.String() }
