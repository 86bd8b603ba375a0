package mtasts

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/qdmail/qdmail/direct/dns"
)

// How often a policy is fetched.
const (
	retryAfter   = 5 * time.Minute // after a failure
	refreshAfter = 24 * time.Hour  // when it is kept for long; otherwise in half its life
)

// Client finds the policy that applies to a domain. A policy that was fetched
// applies until its max_age is over, whatever happens to the domain's record
// meanwhile (RFC 8461 section 5.1), and is fetched anew when the ID of the record
// changes, and once a day so that it doesn't run out. If fetching fails, it is
// tried again after 5 minutes at the earliest. Client may be used from many
// goroutines at once, which then fetch one policy once; its fields must not change
// after the first use.
type Client struct {
	// Resolver looks the records up. Required.
	Resolver dns.Resolver
	// HTTP fetches policies. It has to verify certificates; redirects aren't
	// followed, whatever it says about them. Who sends to addresses that others
	// choose gives it a dialer that doesn't connect to hosts of one's own network.
	// Default: one that keeps no connections, with TLS 1.2 or later.
	HTTP *http.Client
	// Store keeps policies. Default: a Memory.
	Store PolicyStore
	// Now is the clock. Default: time.Now.
	Now func() time.Time

	mu    sync.Mutex
	turns map[string]*turn
	once  sync.Once
	store PolicyStore
	http  *http.Client
}

// Found is what there is for a domain.
type Found struct {
	// Policy applies; nil if none does. It is shared and must not be changed.
	Policy *Policy
	// Result is what went wrong when the record was looked up or the policy was
	// fetched, and Err the reason. The Policy then is the one from before, if there
	// was one. Empty and nil otherwise.
	Result Result
	Err    error
}

var (
	// ErrDomain: what was asked for isn't a domain name in ASCII.
	ErrDomain = errors.New("mtasts: not a domain name")
	// ErrNoResolver: the Client has no Resolver.
	ErrNoResolver = errors.New("mtasts: the client has no resolver")
)

// Lookup returns the policy that applies to mail for a domain: that of the
// recipient's address, not what its CNAME leads to. Its name is in ASCII
// (A-labels). A failure to find out leaves mail without a policy or with the one
// from before; where ctx has a deadline, half of the time is left for the mail. An
// error means that mail must wait, since a policy may exist: ctx has ended, the store failed,
// the domain isn't one, or there is no Resolver.
func (c *Client) Lookup(ctx context.Context, domain string) (Found, error) {
	if c.Resolver == nil {
		return Found{}, ErrNoResolver
	}
	c.once.Do(c.defaults)
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	if !isDomain(domain) {
		return Found{}, fmt.Errorf("%w: %.80q", ErrDomain, domain)
	}
	leave, err := c.enter(ctx, domain)
	if err != nil {
		return Found{}, err
	}
	defer leave()
	e, err := c.store.Get(ctx, domain)
	if err != nil {
		return Found{}, fmt.Errorf("mtasts: policy of %s: %w", domain, err)
	}
	if e.Policy != nil && !c.now().Before(e.Expires) {
		e.Policy, e.ID = nil, ""
	}
	rec, res, err := c.record(ctx, domain)
	switch {
	case ctx.Err() != nil:
		return Found{}, ctx.Err()
	case errors.Is(err, ErrNoRecord):
		return Found{Policy: e.Policy}, nil
	case err != nil:
		return Found{e.Policy, res, err}, nil
	}
	return c.refresh(ctx, domain, rec.ID, e)
}

// refresh fetches the policy for which there is a record with this ID, if it is
// time for that.
func (c *Client) refresh(ctx context.Context, domain, id string, e Entry) (Found, error) {
	now := c.now()
	if e.Policy != nil && e.ID == id && now.Sub(e.Fetched) < min(e.Policy.MaxAge/2, refreshAfter) {
		return Found{Policy: e.Policy}, nil
	}
	if e.FailedID == id && now.Before(e.Retry) {
		return Found{e.Policy, e.Failure, ErrRecently}, nil
	}
	patience := patient
	if e.Policy != nil {
		patience = impatient
	}
	if end, ok := ctx.Deadline(); ok { // there has to be time left for the mail
		patience = min(patience, time.Until(end)/2)
	}
	p, err := c.fetch(ctx, domain, patience)
	switch {
	case err == nil:
		e = Entry{Policy: p, ID: id, Fetched: now, Expires: now.Add(p.MaxAge)}
	case ctx.Err() != nil: // says nothing about the domain
		return Found{}, ctx.Err()
	default:
		e.FailedID, e.Failure, e.Retry = id, resultOf(err), now.Add(retryAfter)
	}
	if putErr := c.store.Put(ctx, domain, e); putErr != nil {
		return Found{}, fmt.Errorf("mtasts: policy of %s: %w", domain, putErr)
	}
	if err != nil {
		return Found{e.Policy, e.Failure, err}, nil
	}
	return Found{Policy: p}, nil
}

// record looks up the record of a domain. A domain without one is ErrNoRecord.
func (c *Client) record(ctx context.Context, domain string) (Record, Result, error) {
	a := c.Resolver.TXT(ctx, "_mta-sts."+domain)
	switch a.Status {
	case dns.OK:
		rec, err := ParseRecord(a.Records)
		return rec, ResultPolicyInvalid, err
	case dns.NoData, dns.NXDomain:
		return Record{}, "", ErrNoRecord
	}
	return Record{}, ResultPolicyFetchError, a.Err
}

func (c *Client) defaults() {
	c.store, c.http = c.Store, newHTTP(c.HTTP)
	if c.store == nil {
		c.store = &Memory{}
	}
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// turn lets one goroutine at a time look after a domain; the next ones find in the
// store what it has found out.
type turn struct {
	token chan struct{}
	users int
}

func (c *Client) enter(ctx context.Context, domain string) (leave func(), err error) {
	c.mu.Lock()
	t := c.turns[domain]
	if t == nil {
		t = &turn{token: make(chan struct{}, 1)}
		if c.turns == nil {
			c.turns = map[string]*turn{}
		}
		c.turns[domain] = t
	}
	t.users++
	c.mu.Unlock()
	gone := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(c.turns, domain)
		}
	}
	select {
	case t.token <- struct{}{}:
		return func() { <-t.token; gone() }, nil
	case <-ctx.Done():
		gone()
		return nil, ctx.Err()
	}
}
