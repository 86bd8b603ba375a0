package smtp

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/ctxerr"
)

// Pool bounds the connections of a [Relay]. All goroutines that call Send share
// them. A connection that turns out to be dead before any of a message has gone
// over it costs nothing but a new connection.
type Pool struct {
	// MaxConns is how many connections there may be at a time. A Send that finds
	// all of them busy waits for one, as long as its context lasts. Default: 5.
	MaxConns int
	// IdleTimeout is how long a connection is kept that nobody needs. Negative:
	// each message has a connection of its own. Default: 30 seconds.
	IdleTimeout time.Duration
	// MaxAge is how old a connection may become and still get another message.
	// Default: 5 minutes.
	MaxAge time.Duration
	// MaxMessages is how many messages a connection carries; a server may ask
	// for less (MAILMAX, RFC 9422). Default: 100.
	MaxMessages int
	// Window is how many messages may be on their way over one connection
	// without the reply to the first of them. More than one makes bulk faster
	// over long distances, if messages wait because all connections are busy and
	// the server offers CHUNKING; each is at most 64 KiB then. But if the
	// connection dies, the outcome of all that are on their way is Unknown.
	// Default: 1.
	Window int
}

func (p Pool) withDefaults() Pool {
	set := func(field *int, value int) {
		if *field <= 0 {
			*field = value
		}
	}
	set(&p.MaxConns, 5)
	set(&p.MaxMessages, 100)
	set(&p.Window, 1)
	if p.IdleTimeout == 0 {
		p.IdleTimeout = 30 * time.Second
	}
	if p.MaxAge <= 0 {
		p.MaxAge = 5 * time.Minute
	}
	return p
}

// link is a connection of a pool.
type link struct {
	*Client
	born  time.Time
	sent  int         // messages
	since time.Time   // when it was last given back
	idle  *time.Timer // looks whether it has been idle for too long; nil once it has found it in use
	ahead []*job      // their commands have been written already, in this order
}

// job is a Send that needs a connection.
type job struct {
	p    *plan
	res  *delivery.Result
	todo []*recipient
	told bool // there is a hook that is to be told the commands

	// Under pool.mu:
	state jobState
	t     *transaction // begun by another job, from its own goroutine's view when it is granted
	got   chan grant   // has room for the one grant that there is
}

type jobState uint8

const (
	waiting jobState = iota // for a connection
	ahead                   // its commands are on the way; it waits until it is its turn to read
	granted
	gone // its context ended while it was ahead
)

// grant is what a job waits for: a link, or leave to make a new one. With t, its
// commands are on the way already; dead says that the link has died since.
type grant struct {
	link *link
	t    *transaction
	dead bool
	err  error
}

// pool keeps the links. Its zero value needs cfg.
type pool struct {
	cfg Pool

	mu     sync.Mutex
	free   []*link // idle, the last used last
	open   int     // links that exist or are being made
	queue  []*job  // waiting, the first first
	closed bool

	draining []*link // in goroutines of drains
	drains   sync.WaitGroup
}

// get returns a grant for the job. Waiting ends with ctx; the error is that of
// the context, or net.ErrClosed.
func (p *pool) get(ctx context.Context, j *job) grant {
	p.mu.Lock()
	if g, ok := p.take(); ok {
		p.mu.Unlock()
		return g
	}
	j.state, j.t, j.got = waiting, nil, make(chan grant, 1)
	p.queue = append(p.queue, j)
	p.mu.Unlock()
	select {
	case g := <-j.got:
		return g
	case <-ctx.Done():
		return p.leave(j, ctxerr.Of(ctx))
	}
}

// take returns what can be had at once.
func (p *pool) take() (g grant, ok bool) {
	if p.closed {
		return grant{err: net.ErrClosed}, true
	}
	if n := len(p.free); n > 0 {
		l := p.free[n-1]
		p.free = p.free[:n-1]
		return grant{link: l}, true
	}
	if p.open < p.cfg.MaxConns {
		p.open++
		return grant{}, true
	}
	return grant{}, false
}

// leave takes a job that can't wait any longer out of the pool.
func (p *pool) leave(j *job, err error) grant {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch j.state {
	case waiting:
		p.queue = slices.DeleteFunc(p.queue, func(other *job) bool { return other == j })
		return grant{err: err}
	case ahead:
		j.state = gone // whose turn it is before us sees to what we leave behind
		return grant{t: j.t, err: err}
	}
	return <-j.got // there is one; the context will end what is done with it
}

// put takes a link back after use, and gives it to who is next. ctx bounds what is
// said on it if it isn't kept. It reports whether the server is waiting for who got
// it.
func (p *pool) put(ctx context.Context, l *link) (urgent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(l.ahead) > 0 {
		j := l.ahead[0]
		l.ahead = l.ahead[1:]
		switch {
		case j.state == gone && !l.ended: // nobody is to wait for what nobody waits for
			p.draining = append(p.draining, l)
			p.drains.Go(func() { p.drain(l, j.t) })
			return false
		case j.state == gone:
		case !l.ended:
			p.grant(j, grant{link: l, t: j.t})
			return true
		case j.t.ended:
			p.grant(j, grant{t: j.t, dead: true})
		default: // nothing of the message is out yet
			j.state, j.t = waiting, nil
			p.queue = slices.Insert(p.queue, 0, j)
		}
	}
	switch {
	case !p.keeps(l):
		if l.idle != nil {
			l.idle.Stop()
		}
		p.mu.Unlock()
		l.finish(ctx)
		p.mu.Lock()
		p.vacate()
	case len(p.queue) > 0:
		p.grant(p.first(), grant{link: l})
	default:
		p.free = append(p.free, l)
		l.since = time.Now()
		if l.idle == nil {
			p.watch(l, p.cfg.IdleTimeout)
		}
	}
	return false
}

// keeps reports whether a link may serve another message.
func (p *pool) keeps(l *link) bool {
	return !l.ended && !p.closed && p.cfg.IdleTimeout > 0 && l.room(p.cfg, 0) > 0
}

// room is how many messages more a link may carry when n others are before them.
func (l *link) room(cfg Pool, n int) int {
	if time.Since(l.born) >= cfg.MaxAge {
		return 0
	}
	most := cfg.MaxMessages
	if l.limits.mails > 0 {
		most = min(most, l.limits.mails)
	}
	return most - l.sent - n
}

// grant gives a job what it waits for.
func (p *pool) grant(j *job, g grant) {
	j.state = granted
	j.got <- g
}

// first takes the first waiting job out of the queue.
func (p *pool) first() *job {
	j := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	return j
}

// drop gives a link up that doesn't exist any more, or never came about.
func (p *pool) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.vacate()
}

func (p *pool) vacate() {
	p.open--
	for p.open < p.cfg.MaxConns && len(p.queue) > 0 {
		p.open++
		p.grant(p.first(), grant{})
	}
}

// watch lets expire look at a link that is free after d. A timer for each time
// that a link becomes free would cost more than all else here.
func (p *pool) watch(l *link, d time.Duration) {
	l.idle = time.AfterFunc(d, func() { p.expire(l) })
}

// expire ends a link that has been idle for too long.
func (p *pool) expire(l *link) {
	p.mu.Lock()
	l.idle = nil
	i := slices.Index(p.free, l)
	left := p.cfg.IdleTimeout - time.Since(l.since)
	switch {
	case i >= 0 && left > 0:
		p.watch(l, left)
	case i >= 0:
		p.free = slices.Delete(p.free, i, i+1)
		p.vacate()
	}
	p.mu.Unlock()
	if i >= 0 && left <= 0 {
		l.finish(context.Background())
	}
}

// close ends the idle links and all waiting. Links in use end after use.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	free, queue := p.free, p.queue
	p.free, p.queue = nil, nil
	p.open -= len(free)
	for _, j := range queue {
		p.grant(j, grant{err: net.ErrClosed})
	}
	for _, l := range p.draining {
		l.Close()
	}
	p.mu.Unlock()
	for _, l := range free {
		l.idle.Stop()
		l.finish(context.Background())
	}
	p.drains.Wait()
}

// follow queues the commands of waiting jobs behind the end of a message, as many
// as can be on their way: their jobs go on with the replies. whole says that only
// messages count that go along with their commands.
func (p *pool) follow(l *link, whole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) > 0 && p.mayFollow(l, p.queue[0], whole) {
		j := p.queue[0]
		t := newTransaction(l.Client, j.p, j.res, j.todo)
		t.grouped, t.second = whole, true
		if whole {
			t.chunk = j.p.chunk
		}
		m := l.wire.mark()
		if !t.capable() || t.queue() != nil {
			return // can't be after mayFollow
		}
		t.told = l.wire.takeLines(m, j.told)
		j.state, j.t = ahead, t
		l.ahead = append(l.ahead, p.first())
		if !whole {
			return
		}
	}
}

func (p *pool) mayFollow(l *link, j *job, whole bool) bool {
	switch {
	case p.closed || l.room(p.cfg, len(l.ahead)+1) <= 0 || l.lacks(j.p) != nil:
		return false
	case l.cfg.RequireDSN && !l.offers("DSN"):
		return false
	case !whole:
		return len(l.ahead) == 0 && l.offers("PIPELINING")
	}
	_, later := l.limits.share(j.todo)
	return len(l.ahead)+1 < p.cfg.Window && l.wire.fresh() && j.p.chunk != nil && l.knowsBDAT && l.takesChunk(j.p) && later == nil
}

// drain reads the replies to a message whose sender hasn't waited for them, and
// puts the link back.
func (p *pool) drain(l *link, t *transaction) {
	l.readAll(t)
	p.mu.Lock()
	p.draining = slices.DeleteFunc(p.draining, func(other *link) bool { return other == l })
	p.mu.Unlock()
	p.put(context.Background(), l)
}

func (l *link) readAll(t *transaction) {
	defer l.wire.bind(context.Background())()
	if !t.ended { // the server is about to wait for a message that nobody sends
		l.meet(abort)
		return
	}
	for _, s := range t.owed {
		if _, err := l.wire.read(t.timeout(s)); err != nil {
			l.meet(abort)
			return
		}
	}
}
