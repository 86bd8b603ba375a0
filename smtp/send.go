package smtp

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/ctxerr"
)

// relayState is what a Relay keeps from Send to Send.
type relayState struct {
	once sync.Once
	cfg  Config
	err  error
	pool pool
}

// begin makes the configuration of the conversations, once.
func (r *Relay) begin() (*Config, *pool, error) {
	s := &r.state
	s.once.Do(func() {
		s.cfg, s.err = r.config()
		s.cfg.sessionCache = newSessionCache()
		s.pool.cfg = r.Pool.withDefaults()
	})
	return &s.cfg, &s.pool, s.err
}

// Send delivers the message to the server; see delivery.Transport for the
// contract.
func (r *Relay) Send(ctx context.Context, env *delivery.Envelope, body delivery.Body) (*delivery.Result, error) {
	if env == nil {
		env = new(delivery.Envelope)
	}
	res := delivery.NewResult(env)
	cfg, pool, err := r.begin()
	if err != nil {
		for i := range res.Recipients {
			res.Recipients[i].Err = prepareError("", err)
		}
		return res, res.Err()
	}
	p := newPlan(env, body, res)
	if len(p.rcpts) == 0 {
		return res, res.Err()
	}
	if f := r.popFirst(ctx); f != nil {
		settle(res, f, p.rcpts...)
		return res, res.Err()
	}
	defer r.popAgain(res)
	s := &sending{r: r, cfg: cfg, pool: pool, job: job{p: p, res: res, todo: p.rcpts}}
	if h := delivery.HooksFrom(ctx); h != nil {
		s.told = h.Command != nil
	}
	for len(s.todo) > 0 {
		if f := s.once(ctx); f != nil {
			settle(res, f, s.todo...)
			break
		}
	}
	return res, res.Err()
}

// Close ends the connections that nobody uses, and lets all that wait for one
// fail. Connections in use end when their message is done. Send fails from then
// on.
func (r *Relay) Close() error {
	_, pool, _ := r.begin()
	pool.close()
	return nil
}

// sending is one Send under way.
type sending struct {
	job
	r    *Relay
	cfg  *Config
	pool *pool

	carrier *link // of the transaction under way
	link    *link // kept for the next transaction of the message
	redial  bool  // a link was dead; its place in the pool is still ours
	redone  bool  // that has happened
	again   bool  // the server has shown that it doesn't know BDAT
	offered bool  // the message is ready to be sent by another job
}

// once carries one transaction out, on whatever link there is, and leaves in
// todo who needs another one. The failure is one of getting a link.
func (s *sending) once(ctx context.Context) *failure {
	g := grant{link: s.link}
	if s.link == nil && !s.redial {
		if g = s.get(ctx); g.err != nil {
			return s.left(g)
		}
	}
	if g.dead {
		return s.failure(delivery.PhaseEnd, lost, errors.New("the connection died with several messages on their way"))
	}
	l, pooled := g.link, g.link != nil && s.link == nil
	if l == nil {
		cfg := *s.cfg
		cfg.NoHELO = s.p.needsESMTP()
		c, f := s.r.connect(ctx, cfg)
		if f != nil {
			s.pool.drop()
			return f
		}
		l = &link{Client: c, born: time.Now()}
	}
	t := g.t
	if t == nil {
		t = newTransaction(l.Client, s.p, s.res, s.todo)
	}
	t.spare, t.retry = pooled && !s.redone, !s.again
	s.carry(ctx, l, t)
	s.link, s.redial = nil, t.stale && len(l.ahead) == 0
	s.redone, s.again = s.redone || t.stale, s.again || t.inept
	switch {
	case s.redial:
	case len(s.todo) > 0 && !l.ended && len(l.ahead) == 0 && l.room(s.pool.cfg, 0) > 0:
		s.link = l
	default:
		if s.pool.put(ctx, l) {
			runtime.Gosched() // nobody waits for us
		}
	}
	return nil
}

func (s *sending) carry(ctx context.Context, l *link, t *transaction) {
	defer l.wire.bind(ctx)()
	t.queuer, s.carrier = s, l
	t.carry()
	s.todo = t.left()
	l.sent++
}

// get is pool.get. With a window, the message is read and announced before it
// has to wait, so that another job can send it.
func (s *sending) get(ctx context.Context) grant {
	if s.pool.cfg.Window > 1 && s.p.size <= maxChunk && !s.offered {
		s.offered = true
		if err := s.offer(ctx); err != nil {
			return grant{err: err}
		}
	}
	return s.pool.get(ctx, &s.job)
}

func (s *sending) offer(ctx context.Context) error {
	body, err := s.p.body.Open()
	if err != nil || body == nil {
		return nil // the transaction will find the same, and say so
	}
	defer body.Close()
	chunk, err := s.p.read(ctx, body)
	if err != nil {
		return nil
	}
	if h := delivery.HooksFrom(ctx); h != nil && h.BeforeEnd != nil {
		if err := h.BeforeEnd(ctx, indexes(s.todo)); err != nil {
			return err
		}
	}
	s.p.chunk = chunk
	return nil
}

// left is the failure of a job that has got no link.
func (s *sending) left(g grant) *failure {
	ev := eventOf(nil, g.err, noReply)
	if ev != cancelled {
		ev = local
	}
	f := s.failure(delivery.PhaseDial, ev, g.err)
	if f.err.Phase = delivery.PhasePrepare; g.t != nil && g.t.ended {
		f = s.failure(delivery.PhaseEnd, ev, g.err)
	}
	return f
}

// failure is Client.fail where there is no client.
func (s *sending) failure(phase delivery.Phase, ev event, cause error) *failure {
	return &failure{
		verdict: decide(phase, ev),
		event:   ev,
		err:     &delivery.Error{Op: "smtp", Phase: phase, Host: s.cfg.Addr, Err: cause},
	}
}

// behind lets messages that wait go out together with the end of t.
func (s *sending) behind(t *transaction) {
	whole := t.chunk != nil
	if whole && s.pool.cfg.Window <= 1 || len(t.again) > 0 || len(t.rest) > 0 {
		return
	}
	s.pool.follow(s.carrier, whole)
}

// connect makes a connection and begins the conversation. Where TLS is a mere
// opportunity and there are no credentials to protect, a server whose TLS is
// broken is tried again without (RFC 7435).
func (r *Relay) connect(ctx context.Context, cfg Config) (*Client, *failure) {
	c, f := r.connectOnce(ctx, cfg)
	if f != nil && f.tryClear {
		cfg.TLS = InsecureTLSNone
		return r.connectOnce(ctx, cfg)
	}
	return c, f
}

func (r *Relay) connectOnce(ctx context.Context, cfg Config) (*Client, *failure) {
	conn, err := r.dial(ctx, cfg)
	if err != nil {
		return nil, dialFailure(ctx, cfg.Addr, err)
	}
	return newClient(ctx, conn, cfg, isLoopback(cfg.host, conn, r.Dial == nil))
}

func (r *Relay) dial(ctx context.Context, cfg Config) (net.Conn, error) {
	dial := r.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeouts.Dial)
	defer cancel()
	conn, err := dial(ctx, "tcp", cfg.Addr)
	if err == nil && conn == nil {
		err = errors.New("there is no connection")
	}
	return conn, err
}

// dialFailure judges an error of dialling. ctx is the caller's context, without
// the timeout for dialling.
func dialFailure(ctx context.Context, addr string, err error) *failure {
	phase := delivery.PhaseDial
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		phase = delivery.PhaseResolve
	}
	err = ctxerr.Explain(ctx, err)
	ev := eventOf(nil, err, noReply)
	return &failure{
		verdict: decide(phase, ev),
		event:   ev,
		err:     &delivery.Error{Op: "smtp", Phase: phase, Host: addr, Err: err},
	}
}

// finish ends a conversation whose results are known.
func (c *Client) finish(ctx context.Context) {
	if !c.ended {
		defer c.wire.bind(ctx)()
		c.hangUp()
	}
}
