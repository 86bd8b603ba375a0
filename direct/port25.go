package direct

import (
	"sync"
	"time"
)

const (
	port25Domains = 5                // so many domains are no coincidence
	port25Window  = 10 * time.Minute // within which they are counted
	port25Probe   = 15 * time.Minute // between two looks whether it is over
)

// port25 finds out that connections to port 25 don't get out of this network, as
// providers for homes and clouds have it (outbound port 25 blocking): to several
// domains in a row, nothing comes back. Its zero value works.
type port25 struct {
	mu      sync.Mutex
	silent  map[string]time.Time // domains from which nothing came back, and when
	reached time.Time            // when something did last
	blocked bool
	probe   time.Time // when to look again
}

// open reports whether port 25 may be connected to. While it is blocked, that is
// so for one message now and then.
func (p *port25) open() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.blocked {
		return true
	}
	now := time.Now()
	if now.Before(p.probe) {
		return false
	}
	p.probe = now.Add(port25Probe)
	return true
}

// answered notes that something came back. It reports whether that is news.
func (p *port25) answered() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	news := p.blocked
	p.silent, p.reached, p.blocked = nil, time.Now(), false
	return news
}

// timedOut notes that nothing came back from a domain. It reports whether port 25
// counts as blocked from now on.
func (p *port25) timedOut(domain string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.blocked {
		return false
	}
	if p.silent == nil {
		p.silent = map[string]time.Time{}
	}
	p.silent[domain] = now
	for d, when := range p.silent {
		if now.Sub(when) > port25Window {
			delete(p.silent, d)
		}
	}
	if len(p.silent) < port25Domains || !p.reached.IsZero() && now.Sub(p.reached) < port25Window {
		return false
	}
	p.blocked, p.probe = true, now.Add(port25Probe)
	return true
}
