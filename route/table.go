package route

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/qdmail/qdmail/delivery"
)

// Config says what a Table is made of.
type Config struct {
	// Routes are the routes. Their order matters only among those with the same
	// pattern. Default: none, and every recipient is refused with ErrNoRoute.
	Routes []Route
	// Open makes the transport that a target names, with its options; URLs.OpenTarget
	// is one. It is called once for each different pair of both, so that two routes
	// with the same share a transport. The Rate isn't among the options, since the
	// Table acts on it. Required if a route has a target, Refuse and Hold excepted.
	Open func(t Target, o Options) (delivery.Transport, error)
	// MX returns the MX hosts of a domain, and none if it has none; whether these
	// are all or the most preferred alone decides what "mx:" patterns mean. It is
	// called for recipients for whom no other pattern than "*" is. Its error defers
	// them, since another transport could be meant for them; it must not be
	// context.DeadlineExceeded unless ctx has ended. Required if there is such a
	// pattern.
	MX func(ctx context.Context, domain string) ([]string, error)
	// Parallel is how many parts of a message are delivered at the same time, those
	// with a Rate not counted, and how many domains are looked up. Default: 4.
	Parallel int
}

const defaultParallel = 4

// Table is a delivery.Transport that hands each recipient to the transport of
// their route. A message for recipients on several routes is delivered in parts,
// some of them at the same time; for each part, the transport sees an envelope with
// these recipients and reads the body anew. Results come back in the order of the
// whole envelope.
//
// Hooks fire as those of the transports, one at a time; BeforeEnd gets indexes into
// the whole envelope, and fires for each part.
//
// A route with a Rate has its own, shared by all calls of Send; see [Paced]. Its
// Concurrency is then that of all its messages together. When its part of a message
// has to wait, other parts don't.
//
// A recipient without a route, or with a route for other senders, is NotSent with
// ErrNoRoute or ErrSender. If a transport breaks its contract, the outcome is
// Unknown.
type Table struct {
	cfg        Config
	index      index
	byHost     bool // there are patterns for MX hosts
	senders    []senders
	transports []int // of each route, an index into opened; -1: the table itself
	opened     []delivery.Transport
	owned      []io.Closer
	names      map[string]int // of what Open made, by target and options
}

var _ delivery.Transport = (*Table)(nil)

// New checks the routes and opens their transports. If one can't be opened, those
// that were are closed again.
func New(cfg Config) (*Table, error) {
	t := &Table{cfg: cfg, index: index{}, names: map[string]int{}}
	if t.cfg.Parallel <= 0 {
		t.cfg.Parallel = defaultParallel
	}
	t.cfg.Routes = append([]Route(nil), cfg.Routes...)
	for i := range t.cfg.Routes {
		r := &t.cfg.Routes[i]
		if err := t.add(i, r); err != nil {
			t.Close()
			return nil, &RouteError{Route: i, Pattern: r.Pattern, Err: err}
		}
	}
	t.byHost = t.index.hasMX()
	if t.byHost && cfg.MX == nil {
		t.Close()
		return nil, errors.New("route: there are patterns for MX hosts, and no MX function")
	}
	return t, nil
}

// RouteError says why a table can't have a route.
type RouteError struct {
	// Route is its index.
	Route int
	// Pattern is the route's.
	Pattern string
	// Err is what is wrong.
	Err error
}

// Error returns "route 1 ("example.jp"): " and what is wrong; the first route is 1.
func (e *RouteError) Error() string {
	return fmt.Sprintf("route %d (%.60q): %v", e.Route+1, e.Pattern, e.Err)
}

// Unwrap returns what is wrong.
func (e *RouteError) Unwrap() error { return e.Err }

// add checks a route and opens its transport.
func (t *Table) add(i int, r *Route) error {
	if err := r.check(); err != nil {
		return err
	}
	if before, ok := t.index.enter(i, t.cfg.Routes); !ok {
		return fmt.Errorf("route %d has the same pattern and takes all its mail", before+1)
	}
	var from senders
	for _, s := range r.From {
		p, err := parseSender(s)
		if err != nil {
			return err
		}
		from = append(from, p)
	}
	t.senders = append(t.senders, from)
	n, err := t.open(r)
	if err == nil && n >= 0 {
		n = t.pace(n, r)
	}
	t.transports = append(t.transports, n)
	return err
}

// pace returns the index of the transport with the rate of the route before it, and
// with what nobody else does for one that was given. Where there is a rate,
// concurrency is bounded here too: turns aren't for those who still have to wait.
func (t *Table) pace(n int, r *Route) int {
	o := r.Options
	if o.Rate == (Rate{}) && (r.Transport == nil || o.Concurrency == 0 && o.Recipients == 0) {
		return n
	}
	p := &Paced{Transport: t.opened[n], Rate: o.Rate, Concurrency: o.Concurrency, Recipients: o.Recipients}
	t.opened = append(t.opened, p)
	return len(t.opened) - 1
}

// open returns the index of the route's transport.
func (t *Table) open(r *Route) (int, error) {
	switch {
	case r.Target.own():
		return -1, nil
	case r.Transport != nil:
		t.opened = append(t.opened, r.Transport)
		return len(t.opened) - 1, nil
	}
	o := r.Options
	o.Rate = Rate{}
	name := string(r.Target) + " " + o.String()
	if n, ok := t.names[name]; ok {
		return n, nil
	}
	if t.cfg.Open == nil {
		return 0, errors.New("nobody knows the target")
	}
	tr, err := t.cfg.Open(r.Target, o)
	if err != nil {
		return 0, err
	}
	if tr == nil {
		return 0, errors.New("there is no transport of that name")
	}
	t.names[name] = len(t.opened)
	t.opened = append(t.opened, tr)
	if c, ok := tr.(io.Closer); ok {
		t.owned = append(t.owned, c)
	}
	return len(t.opened) - 1, nil
}

// Close closes the transports that Config.Open made. Those that were given belong
// to who gave them.
func (t *Table) Close() error {
	var errs []error
	for _, c := range t.owned {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Find returns the route that a message from one address to another takes. The
// error is ErrNoRoute, ErrSender or that of Config.MX.
func (t *Table) Find(ctx context.Context, from, to string) (Route, error) {
	routes, ok := t.plain(domainOf(to))
	if !ok {
		var err error
		if routes, err = t.byMX(ctx, domainOf(to)); err != nil {
			return Route{}, err
		}
	}
	n, err := t.choose(routes, from)
	if err != nil {
		return Route{}, err
	}
	return t.cfg.Routes[n], nil
}

// plain returns the routes for a domain if they can be told without its MX hosts.
func (t *Table) plain(domain string) (routes []int, ok bool) {
	routes, _ = t.index.find(kindDomain, domain)
	if routes == nil && (domain == "" || !t.byHost) {
		return t.index[pattern{kind: kindAny}], true
	}
	return routes, routes != nil
}

// byMX returns the routes for a domain that has none of its own.
func (t *Table) byMX(ctx context.Context, domain string) ([]int, error) {
	hosts, err := t.cfg.MX(ctx, domain)
	if err != nil {
		return nil, err
	}
	if routes := t.index.findMX(hosts); routes != nil {
		return routes, nil
	}
	return t.index[pattern{kind: kindAny}], nil
}

// choose returns the first of the routes that takes mail of the sender.
func (t *Table) choose(routes []int, from string) (int, error) {
	for _, n := range routes {
		if t.senders[n].permit(from) {
			return n, nil
		}
	}
	if len(routes) == 0 {
		return 0, ErrNoRoute
	}
	return 0, ErrSender
}
