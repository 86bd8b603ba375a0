package route_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/route"
)

// TestTableRate: each route has turns of its own, whatever its transport, and all that
// it is for shares them.
func TestTableRate(t *testing.T) {
	bubble(t, func(t *testing.T, c *clock) {
		routes, err := route.Parse(`
a.test         direct  rate=60/m
b.test,.b.test direct  rate=60/m
c.test         direct  rate=2/s recipients=2
d.test         direct
*              refuse
`)
		if err != nil {
			t.Fatal(err)
		}
		var opened []string
		tab, err := route.New(route.Config{Routes: routes, Parallel: 1, Open: func(target route.Target, o route.Options) (delivery.Transport, error) {
			opened = append(opened, string(target)+" "+o.String())
			return c, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(opened, []string{"direct ", "direct recipients=2"}) { // the rate is the table's
			t.Errorf("opened %q", opened)
		}
		send := func(want string) {
			t.Helper()
			c.start, c.got = time.Now(), nil
			tab.Send(t.Context(), envelope("1@a.test", "2@a.test", "1@b.test", "2@x.b.test", "3@b.test", "1@c.test", "2@c.test", "3@c.test", "1@d.test", "2@d.test", "1@no.test"), body)
			slices.Sort(c.got)
			if got := c.String(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		send("0 1@a.test, 0 1@b.test, 0 1@c.test 2@c.test, 0 1@d.test 2@d.test, 1 2@a.test, 1 2@x.b.test, 1 3@c.test, 2 3@b.test")
		send("0 1@a.test, 0 1@c.test 2@c.test, 0 1@d.test 2@d.test, 1 1@b.test, 1 2@a.test, 1 3@c.test, 2 2@x.b.test, 3 3@b.test")
	})
}

// TestTableRateStalled: nobody has a turn who still has to wait for something else, so
// that there is no burst after a slow answer.
func TestTableRateStalled(t *testing.T) {
	for want, options := range map[string]route.Options{
		"0 u@a.test, 5 u@a.test, 10 u@a.test": {Rate: eachSecond, Concurrency: 1},
		"0 u@a.test, 1 u@a.test, 5 u@a.test":  {Rate: eachSecond, Concurrency: 2},
		"0 u@a.test, 0 u@a.test, 5 u@a.test":  {Concurrency: 2},
		"0 u@a.test, 0 u@a.test, 0 u@a.test":  {},
	} {
		for _, given := range []bool{false, true} {
			bubble(t, func(t *testing.T, c *clock) {
				c.takes = 5 * time.Second
				r := route.Route{Pattern: "*", Target: "x", Options: options}
				if given {
					r.Target, r.Transport = "", c
				} else if options.Rate == (route.Rate{}) {
					return // the transport's affair
				}
				tab, err := route.New(route.Config{Routes: []route.Route{r}, Open: func(route.Target, route.Options) (delivery.Transport, error) { return c, nil }})
				if err != nil {
					t.Fatal(err)
				}
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(func() { send(t, tab, "u@a.test") })
				}
				wg.Wait()
				if got := c.String(); got != want {
					t.Errorf("%s, given %v: %s", options, given, got)
				}
			})
		}
	}
}

// TestTableRateShared: all calls of Send share the turns of a route, and a route that
// is given its transport has turns too.
func TestTableRateShared(t *testing.T) {
	bubble(t, func(t *testing.T, c *clock) {
		tab, err := route.New(route.Config{Routes: []route.Route{{Pattern: "*", Transport: c, Options: route.Options{Rate: eachSecond}}}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		var mu sync.Mutex
		var late int
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				res, err := tab.Send(ctx, envelope("u@a.test"), body)
				mu.Lock()
				defer mu.Unlock()
				if errors.Is(err, route.ErrPace) && errors.Is(err, context.DeadlineExceeded) && res.Recipients[0].Outcome == delivery.NotSent {
					late++
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := c.String(); got != "0 u@a.test, 1 u@a.test, 2 u@a.test" || late != 2 {
			t.Errorf("%s, %d late", got, late)
		}
	})
}
