package dns

import (
	"context"
	"time"
)

// maxTime bounds a question with all its tries, servers and CNAMEs.
const maxTime = 30 * time.Second

// flight is a question on its way, and those who wait for the answer.
type flight struct {
	cancel  context.CancelFunc
	waiters int
	done    chan struct{} // closed when found is there
	found   found
}

// share answers q from the cache, joins those who ask the same at the moment, or
// has work find out. Work goes on for as long as anybody waits: the end of one
// ctx only ends the waiting of its owner. The last one to leave stops the work
// and sees it end.
func (c *Client) share(ctx context.Context, q question, work func(context.Context) found) found {
	c.mu.Lock()
	if f, ok := c.cacheGet(q); ok {
		c.mu.Unlock()
		return f
	}
	fl := c.flights[q]
	if fl == nil {
		fl = c.start(ctx, q, work)
	}
	fl.waiters++
	c.mu.Unlock()

	select {
	case <-fl.done:
		return fl.found
	case <-ctx.Done():
	}
	c.mu.Lock()
	fl.waiters--
	last := fl.waiters == 0
	if last {
		c.land(q, fl) // whoever asks from now on asks anew
	}
	c.mu.Unlock()
	if last {
		fl.cancel()
		<-fl.done
	}
	return failed(q.name, q.typ, ctx.Err())
}

// start sends the question off; c.mu is held.
func (c *Client) start(ctx context.Context, q question, work func(context.Context) found) *flight {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxTime)
	fl := &flight{cancel: cancel, done: make(chan struct{})}
	if c.flights == nil {
		c.flights = map[question]*flight{}
	}
	c.flights[q] = fl
	go func() {
		f := work(ctx)
		cancel()
		c.mu.Lock()
		c.cachePut(q, f)
		c.land(q, fl)
		c.mu.Unlock()
		fl.found = f
		close(fl.done)
	}()
	return fl
}

// land takes a flight out of the list, unless another has its place.
func (c *Client) land(q question, fl *flight) {
	if c.flights[q] == fl {
		delete(c.flights, q)
	}
}
