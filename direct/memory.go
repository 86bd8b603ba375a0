package direct

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/qdmail/qdmail/delivery"
)

// How long things are remembered.
const (
	firstPenalty = 15 * time.Second
	stageMemory  = time.Hour      // what a host's TLS takes
	judgeMemory  = 24 * time.Hour // who has judged a message of a domain
	maxMemory    = 10_000         // entries of each kind
)

// memory is what has been learned about addresses and domains. Its zero value
// needs longest.
type memory struct {
	longest time.Duration // negative: nothing is down

	mu     sync.Mutex
	down   map[netip.AddrPort]*penalty
	stages map[netip.AddrPort]learned[stage]
	judges map[string]learned[netip.Addr]
}

// penalty is an address that can't be reached. When its time is over, one message
// tries it, and the others wait for what that comes to.
type penalty struct {
	n     int
	until time.Time
	probe bool
	err   *delivery.Error
}

type learned[T any] struct {
	value T
	until time.Time
}

// isDown returns why an address isn't to be tried now. If it returns nil, failed,
// reached or release has to follow.
func (m *memory) isDown(addr netip.AddrPort) *delivery.Error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.down[addr]
	if p == nil {
		return nil
	}
	wait := time.Until(p.until)
	if wait <= 0 && !p.probe {
		p.probe = true
		return nil
	}
	why := fmt.Errorf("%w, for another %v", ErrDown, max(wait, 0).Round(time.Second))
	if p.err.Err != nil {
		why = fmt.Errorf("%w: %w", why, p.err.Err)
	}
	return &delivery.Error{Op: p.err.Op, Phase: p.err.Phase, Host: p.err.Host, Reply: p.err.Reply, Err: why}
}

// failed notes that an address couldn't be reached.
func (m *memory) failed(addr netip.AddrPort, err *delivery.Error) {
	if m.longest < 0 || errors.Is(err, ErrPort25) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	p := m.down[addr]
	switch {
	case p == nil:
		p = &penalty{}
		if m.down == nil {
			m.down = map[netip.AddrPort]*penalty{}
		}
		m.sweep(now)
		m.down[addr] = p
	case now.Before(p.until): // others found out at the same time
		return
	case now.Sub(p.until) > m.longest:
		p.n = 0
	}
	p.n++
	p.until = now.Add(min(firstPenalty*time.Duration(min(p.n, 1000)*min(p.n, 1000)), m.longest))
	p.probe, p.err = false, err
}

// reached notes that an address could be reached.
func (m *memory) reached(addr netip.AddrPort) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.down, addr)
}

// release lets another message try the address, because this one came to nothing.
func (m *memory) release(addr netip.AddrPort) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.down[addr]; p != nil {
		p.probe = false
	}
}

// sweep makes room. Addresses whose penalty is over go first; if there are too
// many even so, any.
func (m *memory) sweep(now time.Time) {
	for _, all := range []bool{false, true} {
		for addr, p := range m.down {
			if len(m.down) < maxMemory {
				return
			}
			if all || now.After(p.until) {
				delete(m.down, addr)
			}
		}
	}
}

// stage returns with which stage of TLS to begin at an address.
func (m *memory) stage(addr netip.AddrPort) stage {
	m.mu.Lock()
	defer m.mu.Unlock()
	return recall(m.stages, addr)
}

// setStage notes which stage was needed.
func (m *memory) setStage(addr netip.AddrPort, s stage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stages = learn(m.stages, addr, s, stageMemory)
}

// judge returns the address that has judged a message for the domain.
func (m *memory) judge(domain string) netip.Addr {
	m.mu.Lock()
	defer m.mu.Unlock()
	return recall(m.judges, domain)
}

// setJudge notes it.
func (m *memory) setJudge(domain string, ip netip.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.judges = learn(m.judges, domain, ip, judgeMemory)
}

// recall returns what is known of a key, and the zero value if that is nothing
// any more.
func recall[K comparable, T any](known map[K]learned[T], key K) (v T) {
	if l, ok := known[key]; ok && time.Now().Before(l.until) {
		return l.value
	}
	return v
}

// learn adds to what is known; when that becomes too much, all of it is forgotten.
func learn[K comparable, T any](known map[K]learned[T], key K, v T, d time.Duration) map[K]learned[T] {
	if known == nil || len(known) >= maxMemory {
		known = map[K]learned[T]{}
	}
	known[key] = learned[T]{v, time.Now().Add(d)}
	return known
}
