package dns

import "time"

// How long answers are kept, whatever their TTL says.
const (
	minTTL         = 5 * time.Second
	maxTTL         = time.Hour
	maxNegativeTTL = 5 * time.Minute
	defaultCache   = 4096
)

// cached is an answer with the time at which it ceases to hold.
type cached struct {
	found found
	until time.Time
}

// bound brings a TTL within the limits.
func bound(ttl time.Duration, status Status) time.Duration {
	most := maxTTL
	if status != OK {
		most = maxNegativeTTL
	}
	return max(minTTL, min(ttl, most))
}

// cacheGet returns the answer to q, with what is left of its TTL; c.mu is held.
func (c *Client) cacheGet(q question) (found, bool) {
	e, ok := c.cache[q]
	if !ok {
		return found{}, false
	}
	f := e.found
	if f.ttl = e.until.Sub(c.now()); f.ttl <= 0 || f.ttl > maxTTL { // the clock may have been set back
		delete(c.cache, q)
		return found{}, false
	}
	return f, true
}

// cachePut keeps an answer, but no failure; c.mu is held.
func (c *Client) cachePut(q question, f found) {
	size := c.CacheSize
	if size == 0 {
		size = defaultCache
	}
	if size < 0 || f.status == Temporary || f.status == Bogus {
		return
	}
	if c.cache == nil {
		c.cache = map[question]cached{}
	}
	now := c.now()
	if len(c.cache) >= size {
		c.makeRoom(size, now)
	}
	c.cache[q] = cached{f, now.Add(f.ttl)}
}

// makeRoom drops what is too old, and if that isn't enough, any eighth, so that
// the next look at the whole cache is a while away.
func (c *Client) makeRoom(size int, now time.Time) {
	for q, e := range c.cache {
		if !now.Before(e.until) {
			delete(c.cache, q)
		}
	}
	for q := range c.cache {
		if len(c.cache) < size-size/8 {
			break
		}
		delete(c.cache, q)
	}
}
