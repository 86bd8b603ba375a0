package route_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/route"
)

// clock is a transport that writes down when it gets what, in seconds since its
// first call, and how many calls there are at most at a time.
type clock struct {
	takes time.Duration // to answer

	mu         sync.Mutex
	start      time.Time
	got        []string
	busy, most int
}

func (c *clock) Send(ctx context.Context, env *delivery.Envelope, body delivery.Body) (*delivery.Result, error) {
	c.mu.Lock()
	if c.start.IsZero() {
		c.start = time.Now()
	}
	line := fmt.Sprint(time.Since(c.start).Seconds())
	for _, r := range env.Recipients {
		line += " " + r.Address
	}
	c.got = append(c.got, line)
	c.busy++
	c.most = max(c.most, c.busy)
	c.mu.Unlock()
	defer func() { c.mu.Lock(); c.busy--; c.mu.Unlock() }()
	select {
	case <-time.After(c.takes):
	case <-ctx.Done():
	}
	return accept(ctx, env, body)
}

func (c *clock) String() string { return strings.Join(c.got, ", ") }

var eachSecond = route.Rate{Count: 60, Per: time.Minute}

// bubble runs f with a clock in a bubble, which also fails if a goroutine is left.
func bubble(t *testing.T, f func(t *testing.T, c *clock)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, &clock{}) })
}

// send sends a message and reports what became of it.
func send(t *testing.T, tr delivery.Transport, rcpts ...string) string {
	t.Helper()
	res, err := tr.Send(t.Context(), envelope(rcpts...), body)
	if (err == nil) != (res.Err() == nil) {
		t.Errorf("%v beside %s", err, outcomes(res))
	}
	return outcomes(res)
}

// TestPacedTurns: nobody waits who needn't, and a pause is no reason for a burst.
func TestPacedTurns(t *testing.T) {
	bubble(t, func(t *testing.T, c *clock) {
		p := &route.Paced{Transport: c, Rate: eachSecond}
		for i := range 3 {
			send(t, p, fmt.Sprint(i))
		}
		<-time.After(10 * time.Second)
		for i := range 2 {
			send(t, p, fmt.Sprint(i))
		}
		<-time.After(1500 * time.Millisecond) // half a turn more than needed
		for i := range 2 {
			send(t, p, fmt.Sprint(i))
		}
		if got := c.String(); got != "0 0, 1 1, 2 2, 12 0, 13 1, 14.5 0, 15.5 1" {
			t.Error(got)
		}
	})
}

// TestPacedRounding: never more than the rate says, if only by a nanosecond.
func TestPacedRounding(t *testing.T) {
	for _, r := range []route.Rate{{Count: 3, Per: 10 * time.Second}, {Count: 7, Per: time.Minute}, {Count: 1000, Per: time.Second}, {Count: 3, Per: 1}} {
		bubble(t, func(t *testing.T, c *clock) {
			start := time.Now()
			p := &route.Paced{Transport: accept, Rate: r}
			for range r.Count + 1 {
				send(t, p, "a")
			}
			if d := time.Since(start); d < r.Per || d > r.Per+time.Duration(r.Count) {
				t.Errorf("%d after %v", r.Count+1, d)
			}
		})
	}
}

// TestPacedOrder: those who wait are served in the order in which they came, and one
// whose context ends leaves their turn to the next.
func TestPacedOrder(t *testing.T) {
	bubble(t, func(t *testing.T, c *clock) {
		p := &route.Paced{Transport: c, Rate: eachSecond}
		var wg sync.WaitGroup
		for i := range 6 {
			ctx, cancel := context.WithCancel(t.Context())
			if i == 1 || i == 3 { // who is the next, and one behind
				ctx, cancel = context.WithTimeout(t.Context(), 500*time.Millisecond)
			}
			wg.Go(func() {
				defer cancel()
				res, err := p.Send(ctx, envelope(fmt.Sprint(i)), body)
				e, _ := errors.AsType[*delivery.Error](err)
				switch {
				case i != 1 && i != 3:
					if err != nil {
						t.Errorf("%d: %v", i, err)
					}
				case res.Recipients[0].Outcome != delivery.NotSent || !errors.Is(err, route.ErrPace) || !errors.Is(err, context.DeadlineExceeded) ||
					e == nil || e.Op != "route" || e.Phase != delivery.PhasePrepare || !e.Temporary() || e.PathFailure():
					t.Errorf("%d: %v", i, err)
				}
			})
			synctest.Wait() // until it waits
		}
		wg.Wait()
		if got := c.String(); got != "0 0, 1 2, 2 4, 3 5" {
			t.Error(got)
		}
	})
}

// TestPacedParts: a message for several recipients goes in parts, and a message for
// one recipient has its turn between them.
func TestPacedParts(t *testing.T) {
	for _, c := range []struct {
		name  string
		pace  *route.Paced
		takes time.Duration
		want  string
		most  int
	}{
		{"one by one", &route.Paced{Rate: eachSecond}, 0, "0 a, 1 b, 2 z, 3 c, 4 d, 5 e", 1},
		{"by two", &route.Paced{Rate: eachSecond, Recipients: 2}, 0, "0 a b, 2 c d, 4 z, 5 e", 1},
		{"all", &route.Paced{Rate: eachSecond, Recipients: 9}, 0, "0 a b c d e, 5 z", 1},
		{"those before needn't be done", &route.Paced{Rate: eachSecond}, 2500 * time.Millisecond, "0 a, 1 b, 2 z, 3 c, 4 d, 5 e", 3},
		{"unless there are too many", &route.Paced{Rate: route.Rate{Count: 10, Per: time.Second}}, time.Second,
			"0 a, 0.1 b, 0.2 z, 0.3 c, 0.4 d, 1 e", 5},
		{"two at a time", &route.Paced{Rate: eachSecond, Concurrency: 2}, 3 * time.Second, "0 a, 1 b, 3 z, 4 c, 6 d, 7 e", 2},
		{"without a rate", &route.Paced{Concurrency: 2, Recipients: 2}, time.Second, "0 a b, 0 c d, 1 e, 1 z", 2},
		{"nothing at all", &route.Paced{}, time.Second, "0 a b c d e, 0.05 z", 2},
		{"as negative numbers say", &route.Paced{Rate: eachSecond, Concurrency: -1, Recipients: -1}, 0, "0 a, 1 b, 2 z, 3 c, 4 d, 5 e", 1},
	} {
		bubble(t, func(t *testing.T, clock *clock) {
			clock.takes = c.takes
			p := c.pace
			p.Transport = clock
			var wg sync.WaitGroup
			wg.Go(func() {
				if got := send(t, p, "a", "b", "c", "d", "e"); got != "a accepted, b accepted, c accepted, d accepted, e accepted" {
					t.Errorf("%s: %s", c.name, got)
				}
			})
			<-time.After(50 * time.Millisecond)
			wg.Go(func() { send(t, p, "z") })
			wg.Wait()
			slices.Sort(clock.got) // of those at the same time, any may be the first
			if got := clock.String(); got != c.want || clock.most != c.most {
				t.Errorf("%s: %s, %d at a time", c.name, got, clock.most)
			}
		})
	}
}

// TestPacedCancel: what was sent before the context ended stays sent, and of the rest
// nothing is.
func TestPacedCancel(t *testing.T) {
	for name, p := range map[string]*route.Paced{
		"waiting for a turn": {Rate: eachSecond},
		"waiting for room":   {Concurrency: 1, Recipients: 1},
		"waiting in a room":  {Rate: eachSecond, Concurrency: 1},
	} {
		bubble(t, func(t *testing.T, c *clock) {
			p.Transport = c
			if p.Rate == (route.Rate{}) {
				c.takes = 800 * time.Millisecond
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(1500*time.Millisecond, cancel)
			res, err := p.Send(ctx, envelope("a", "b", "c", "d"), body)
			if got := outcomes(res); got != "a accepted, b accepted, c not sent, d not sent" {
				t.Errorf("%s: %s", name, got)
			}
			if !errors.Is(err, route.ErrPace) || !errors.Is(err, context.Canceled) || errors.Is(res.Recipients[0].Err, route.ErrPace) {
				t.Errorf("%s: %v", name, err)
			}
			if res, err := p.Send(ctx, envelope("a"), body); !errors.Is(err, route.ErrPace) || res.Recipients[0].Outcome != delivery.NotSent {
				t.Errorf("%s: with an ended context: %v", name, err)
			}
			c.start = time.Now()
			if got := send(t, p, "e"); got != "e accepted" { // its turn and its room were given back
				t.Errorf("%s: %s", name, got)
			}
		})
	}
}

// TestPacedPasses: the transport sees the whole envelope in its parts and its results
// and hooks come back as they are.
func TestPacedPasses(t *testing.T) {
	for _, n := range []int{1, 2, 3, 0} { // recipients together
		bubble(t, func(t *testing.T, _ *clock) {
			h := &hop{name: "a"}
			p := &route.Paced{Transport: h, Rate: eachSecond, Recipients: n}
			var ended []int
			ctx := delivery.WithHooks(t.Context(), &delivery.Hooks{
				BeforeEnd: func(_ context.Context, rcpts []int) error { ended = append(ended, rcpts...); return nil },
				Command:   func(context.Context, string) {},
				Reply:     func(context.Context, *delivery.Reply) {},
				TLS:       func(context.Context, string, string) {},
			})
			res, err := p.Send(ctx, envelope("1@a.test", "deferred@a.test", "unknown@a.test"), body)
			if err == nil || !errors.Is(err, errMX) || res.MessageID != "id@a" || res.Recipients[1].Outcome != delivery.Deferred ||
				res.Recipients[2].Outcome != delivery.Unknown || res.Recipients[0].Host != "a" {
				t.Errorf("%d: %s, %v", n, outcomes(res), err)
			}
			slices.Sort(ended)
			if fmt.Sprint(ended) != "[0 1 2]" {
				t.Errorf("%d: BeforeEnd for %v", n, ended)
			}
			for i, line := range h.got {
				if !strings.Contains(line, fmt.Sprintf("/%d", i*max(n, 1))) || !strings.HasPrefix(line, "s@s.test>") || !strings.HasSuffix(line, ": text") {
					t.Errorf("%d: %s", n, line)
				}
			}
		})
	}
}

// TestPacedRefuses: what it can't do.
func TestPacedRefuses(t *testing.T) {
	for _, p := range []*route.Paced{{}, {Transport: accept, Rate: route.Rate{Count: 1}}, {Transport: accept, Rate: route.Rate{Count: -1, Per: 1}}} {
		res, err := p.Send(t.Context(), envelope("a"), body)
		if p.Check() == nil || err == nil || res.Recipients[0].Outcome != delivery.NotSent || !errors.Is(err, res.Recipients[0].Err) {
			t.Errorf("%v: %v", p, err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	broken := delivery.TransportFunc(func(context.Context, *delivery.Envelope, delivery.Body) (*delivery.Result, error) { return nil, nil })
	p := &route.Paced{Transport: broken, Recipients: 1}
	if res, err := p.Send(t.Context(), envelope("a", "b"), body); !errors.Is(err, route.ErrContract) || res.Count(delivery.Unknown) != 2 {
		t.Errorf("%v", err)
	}
	p = &route.Paced{Transport: accept, Rate: route.Rate{Count: 1, Per: 1 << 62}, Recipients: 9}
	if res, _ := p.Send(t.Context(), nil, body); len(res.Recipients) != 0 {
		t.Errorf("nobody: %v", res)
	}
	if _, err := p.Send(t.Context(), envelope("a", "b", "c"), body); err != nil { // more turns than there is time
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := p.Send(ctx, envelope("a"), body); !errors.Is(err, route.ErrPace) {
		t.Error(err)
	}
	c := &closing{err: errMX}
	p = &route.Paced{Transport: c, Rate: eachSecond, Concurrency: 2}
	if err := p.Close(); !errors.Is(err, errMX) || c.closed != 1 {
		t.Errorf("closed %d times, %v", c.closed, err)
	}
	if text := fmt.Sprintf("%v %+v %#v", p, p, p); strings.Count(text, "paced transport, rate=60/m concurrency=2") != 3 {
		t.Error(text)
	}
}

// TestTableAttempts: what a transport says of the ways that it tried comes back as it
// is, through a table, paced or not, whole or in parts.
func TestTableAttempts(t *testing.T) {
	attempts := func(address string) []delivery.Attempt {
		return []delivery.Attempt{
			{Host: "mx1 of " + address, Outcome: delivery.Deferred, Phase: delivery.PhaseDial, Cause: "refused", Reason: delivery.BecausePath, Next: delivery.NextHost},
			{Host: "mx2 of " + address, Outcome: delivery.Accepted, Reply: &delivery.Reply{Code: 250}, Security: delivery.SecurityEncrypted, Began: time.Unix(1, 0)},
		}
	}
	tr := delivery.TransportFunc(func(ctx context.Context, env *delivery.Envelope, body delivery.Body) (*delivery.Result, error) {
		res, err := accept(ctx, env, body)
		for i := range res.Recipients {
			res.Recipients[i].Attempts = attempts(env.Recipients[i].Address)
			res.Recipients[i].Dropped = []string{"DSN"}
		}
		return res, err
	})
	tab, err := route.New(route.Config{Routes: []route.Route{
		{Pattern: "a.test", Transport: tr},
		{Pattern: "b.test", Transport: tr, Options: route.Options{Rate: route.Rate{Count: 1000, Per: time.Second}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, env := range []*delivery.Envelope{envelope("1@a.test"), envelope("1@b.test"), envelope("1@b.test", "2@a.test", "3@b.test", "4@a.test")} {
		res, err := tab.Send(t.Context(), env, body)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range res.Recipients {
			if !reflect.DeepEqual(r.Attempts, attempts(r.Address)) || !slices.Equal(r.Dropped, []string{"DSN"}) {
				t.Errorf("%s: %v, without %v", r.Address, r.Attempts, r.Dropped)
			}
		}
	}
}
