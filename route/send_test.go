package route_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/route"
)

// hop is a transport that answers by the local part of each recipient and writes
// down what it gets.
type hop struct {
	name string
	mu   sync.Mutex
	got  []string
}

func (h *hop) Send(ctx context.Context, env *delivery.Envelope, body delivery.Body) (*delivery.Result, error) {
	res := delivery.NewResult(env)
	res.MessageID = "id@" + h.name
	r, err := body.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var all []int
	line := env.From + ">"
	for i, rcpt := range env.Recipients {
		all = append(all, i)
		line += " " + rcpt.Address + "/" + rcpt.ORCPT
		local, _, _ := strings.Cut(rcpt.Address, "@")
		out := &res.Recipients[i]
		out.Host = h.name
		out.Reply = &delivery.Reply{Code: 250}
		switch local {
		case "deferred":
			out.Outcome, out.Err = delivery.Deferred, &delivery.Error{Op: h.name, Phase: delivery.PhaseDial, Err: errMX}
		case "unknown":
			out.Outcome, out.Err = delivery.Unknown, &delivery.Error{Op: h.name, Phase: delivery.PhaseEnd, Err: errMX}
		default:
			out.Outcome = delivery.Accepted
		}
		out.Address = "" // the table knows better
	}
	if hooks := delivery.HooksFrom(ctx); hooks != nil {
		hooks.Command(ctx, h.name)
		hooks.Reply(ctx, &delivery.Reply{Code: 250})
		hooks.TLS(ctx, h.name, "")
		if err := hooks.BeforeEnd(ctx, all); err != nil {
			for i := range res.Recipients {
				res.Recipients[i] = delivery.RecipientResult{Err: err}
			}
			return res, res.Err()
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = append(h.got, line+": "+string(text))
	return res, res.Err()
}

// two is a table with the transports a and b.
func two(t *testing.T, extra string) (*route.Table, *hop, *hop) {
	t.Helper()
	a, b := &hop{name: "a"}, &hop{name: "b"}
	routes, err := route.Parse("a.test a\n.a.test a\nb.test b\n" + extra)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := route.New(route.Config{Routes: routes, MX: noMX, Open: func(target route.Target, _ route.Options) (delivery.Transport, error) {
		return map[route.Target]delivery.Transport{"a": a, "b": b}[target], nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return tab, a, b
}

func envelope(rcpts ...string) *delivery.Envelope {
	env := &delivery.Envelope{From: "s@s.test", SMTPUTF8: true}
	for i, r := range rcpts {
		env.Recipients = append(env.Recipients, delivery.Recipient{Address: r, ORCPT: fmt.Sprint(i)})
	}
	return env
}

// outcomes writes a result recipient by recipient.
func outcomes(res *delivery.Result) string {
	var list []string
	for _, r := range res.Recipients {
		s := r.Address + " " + r.Outcome.String()
		if r.Host != "" {
			s += " by " + r.Host
		}
		list = append(list, s)
	}
	return strings.Join(list, ", ")
}

var body = delivery.BytesBody("text")

// TestSend: each transport gets its recipients and the whole body, and the results
// come back in their places.
func TestSend(t *testing.T) {
	tab, a, b := two(t, `
no.test    refuse reply="550 5.1.2 gone"
later.test refuse reply="450 busy"
r.test     refuse
held.test  hold
only.test  a from=other.test`)
	env := envelope("1@b.test", "2@a.test", "deferred@b.test", "3@no.test", "4@x.a.test", "unknown@a.test", "5@nowhere.test",
		"6@held.test", "7@only.test", "8@later.test", "9@r.test")
	res, err := tab.Send(t.Context(), env, body)
	want := "1@b.test accepted by b, 2@a.test accepted by a, deferred@b.test deferred by b, 3@no.test rejected, 4@x.a.test accepted by a, " +
		"unknown@a.test unknown by a, 5@nowhere.test not sent, 6@held.test deferred, 7@only.test not sent, 8@later.test deferred, 9@r.test rejected"
	if got := outcomes(res); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := strings.Join(append(a.got, b.got...), "; "); got != "s@s.test> 2@a.test/1 4@x.a.test/4 unknown@a.test/5: text; s@s.test> 1@b.test/0 deferred@b.test/2: text" {
		t.Errorf("sent %s", got)
	}
	sendErr, _ := errors.AsType[*delivery.SendError](err)
	if sendErr == nil || sendErr.Result != res || !strings.HasPrefix(res.MessageID, "id@") {
		t.Errorf("error %v, id %q", err, res.MessageID)
	}
	for i, c := range map[int]struct {
		err             error
		code            int
		temporary, path bool
	}{
		3:  {route.ErrRefused, 550, false, false},
		6:  {route.ErrNoRoute, 0, false, false},
		7:  {route.ErrHeld, 450, true, false},
		8:  {route.ErrSender, 0, false, false},
		9:  {route.ErrRefused, 450, true, false},
		10: {route.ErrRefused, 550, false, false},
	} {
		r := res.Recipients[i]
		e, _ := errors.AsType[*delivery.Error](r.Err)
		if e == nil || !errors.Is(r.Err, c.err) || e.Op != "route" || e.Recipient != r.Address || e.Temporary() != c.temporary || e.PathFailure() != c.path {
			t.Errorf("%s: %#v", r.Address, e)
		}
		if c.code != 0 && (r.Reply == nil || r.Reply.Code != c.code) {
			t.Errorf("%s: %v", r.Address, r.Reply)
		}
	}
	if res, err := tab.Send(t.Context(), envelope("1@a.test", "2@b.test"), body); err != nil || res.Err() != nil {
		t.Errorf("all accepted: %v", err)
	}
	for _, env := range []*delivery.Envelope{envelope(), nil} {
		if res, err := tab.Send(t.Context(), env, body); err == nil || len(res.Recipients) != 0 {
			t.Errorf("nobody: %v", err)
		}
	}
}

// TestUnchanged: what the caller gives stays as it is.
func TestUnchanged(t *testing.T) {
	tab, _, _ := two(t, "")
	env := envelope("1@b.test", "2@a.test")
	before := fmt.Sprintf("%+v", env)
	tab.Send(t.Context(), env, body)
	if after := fmt.Sprintf("%+v", env); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

// TestHooks: BeforeEnd gets indexes into the whole envelope, through one table and
// through two, and its error stops that part alone.
func TestHooks(t *testing.T) {
	inner, _, _ := two(t, "")
	outer, err := route.New(route.Config{Routes: []route.Route{{Pattern: ".test", Transport: inner}, {Pattern: "*", Transport: &hop{name: "c"}}}})
	if err != nil {
		t.Fatal(err)
	}
	direct, _, _ := two(t, "* b")
	errStop := errors.New("stop")
	for name, tab := range map[string]*route.Table{"one": direct, "two": outer} {
		var ended [][]int
		var commands []string
		replies, handshakes := 0, 0
		busy := false
		alone := func() func() { // not at the same time as another
			if busy {
				t.Error("two hooks at a time")
			}
			busy = true
			return func() { busy = false }
		}
		ctx := delivery.WithHooks(t.Context(), &delivery.Hooks{
			BeforeEnd: func(_ context.Context, rcpts []int) error {
				defer alone()()
				ended = append(ended, rcpts)
				if slices.Contains(rcpts, 3) {
					return errStop
				}
				return nil
			},
			Command: func(_ context.Context, line string) { defer alone()(); commands = append(commands, line) },
			Reply:   func(context.Context, *delivery.Reply) { defer alone()(); replies++ },
			TLS:     func(context.Context, string, string) { defer alone()(); handshakes++ },
		})
		res, _ := tab.Send(ctx, envelope("0@x.example", "1@b.test", "2@a.test", "3@b.test", "4@a.test"), body)
		slices.SortFunc(ended, slices.Compare)
		parts := map[string]string{"one": "[[0 1 3] [2 4]]", "two": "[[0] [1 3] [2 4]]"}[name]
		if fmt.Sprint(ended) != parts || len(commands) != len(ended) || replies != len(ended) || handshakes != len(ended) {
			t.Errorf("%s: BeforeEnd for %v; %v, %d, %d", name, ended, commands, replies, handshakes)
		}
		for _, n := range []int{1, 3} {
			if r := res.Recipients[n]; r.Outcome != delivery.NotSent || !errors.Is(r.Err, errStop) {
				t.Errorf("%s: %v", name, outcomes(res))
			}
		}
		if res.Recipients[2].Outcome != delivery.Accepted {
			t.Errorf("%s: %v", name, outcomes(res))
		}
	}
}

// TestContract: what becomes of a message when a transport isn't one.
func TestContract(t *testing.T) {
	for name, f := range map[string]delivery.TransportFunc{
		"no result": func(context.Context, *delivery.Envelope, delivery.Body) (*delivery.Result, error) { return nil, errMX },
		"half of one": func(_ context.Context, env *delivery.Envelope, _ delivery.Body) (*delivery.Result, error) {
			return &delivery.Result{}, nil
		},
		"a wrong index": func(ctx context.Context, env *delivery.Envelope, _ delivery.Body) (*delivery.Result, error) {
			if err := delivery.HooksFrom(ctx).BeforeEnd(ctx, []int{1}); !errors.Is(err, route.ErrContract) {
				t.Errorf("BeforeEnd says %v", err)
			}
			return nil, nil
		},
	} {
		tab, err := route.New(route.Config{Routes: []route.Route{{Pattern: "*", Transport: f}}})
		if err != nil {
			t.Fatal(err)
		}
		ctx := delivery.WithHooks(t.Context(), &delivery.Hooks{BeforeEnd: func(context.Context, []int) error { return nil }})
		res, err := tab.Send(ctx, envelope("1@a.test"), body)
		if outcomes(res) != "1@a.test unknown" || !errors.Is(err, route.ErrContract) {
			t.Errorf("%s: %s, %v", name, outcomes(res), err)
		}
	}
}

// TestMXFails: a route that isn't known is no reason to take another.
func TestMXFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var asked atomic.Int32
	tab := table(t, "mx:.x.test a\n* b", func(ctx context.Context, domain string) ([]string, error) {
		asked.Add(1)
		if domain == "cancel.test" {
			cancel()
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errMX
	})
	res, _ := tab.Send(ctx, envelope("1@a.test", "2@a.test", "3@b.test"), body)
	e, _ := errors.AsType[*delivery.Error](res.Recipients[0].Err)
	if res.Count(delivery.Deferred) != 3 || asked.Load() != 2 || e == nil || !e.Temporary() || !e.PathFailure() || !errors.Is(e, errMX) {
		t.Errorf("%s, asked %d times, %v", outcomes(res), asked.Load(), e)
	}
	res, err := tab.Send(ctx, envelope("1@cancel.test"), body)
	if res.Count(delivery.NotSent) != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %s, %v", outcomes(res), err)
	}
}

// TestParallel: parts go at the same time, but not too many, and those that wait
// when ctx ends aren't begun.
func TestParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int32
		var routes []route.Route
		var rcpts []string
		for i := range 7 {
			routes = append(routes, route.Route{Pattern: fmt.Sprintf("%d.test", i), Transport: delivery.TransportFunc(
				func(ctx context.Context, env *delivery.Envelope, b delivery.Body) (*delivery.Result, error) {
					begun.Add(1)
					select {
					case <-time.After(time.Second):
						return accept(ctx, env, b)
					case <-ctx.Done():
						return delivery.NewResult(env), ctx.Err()
					}
				})})
			rcpts = append(rcpts, fmt.Sprintf("u@%d.test", i))
		}
		tab, err := route.New(route.Config{Routes: routes, Parallel: 3})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := tab.Send(t.Context(), envelope(rcpts...), body); err != nil || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		begun.Store(0)
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		res, err := tab.Send(ctx, envelope(rcpts...), body)
		if res.Count(delivery.Accepted) != 3 || res.Count(delivery.NotSent) != 4 || begun.Load() != 6 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, %d begun, %v", outcomes(res), begun.Load(), err)
		}
	})
}
