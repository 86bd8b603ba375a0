package direct

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/qdmail/qdmail/delivery"
)

// sessionKey says what a session is good for: a host, which the certificate was
// verified for, at an address, with what TLS was demanded. Source and LocalName are
// those of the transport, so they needn't be in it.
type sessionKey struct {
	host   string
	addr   netip.AddrPort
	demand string
}

func (t target) addrPort() netip.AddrPort { return netip.AddrPortFrom(t.ip, t.port) }

func (c *call) key() sessionKey { return sessionKey{c.host.addr(), c.addrPort(), c.demand.key} }

// pool keeps sessions for a moment. Its zero value needs limits.
type pool struct {
	limits Limits

	mu     sync.Mutex
	idle   map[sessionKey][]*session // the last used last
	count  int
	closed bool
	ending sync.WaitGroup // sessions that say goodbye
}

// get returns a session that is idle, or nil.
func (p *pool) get(key sessionKey) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.idle[key]
	if len(list) == 0 {
		return nil
	}
	s := list[len(list)-1]
	p.remove(s)
	if time.Since(s.born) >= p.limits.MaxAge {
		p.end(s)
		return nil
	}
	return s
}

// put takes a session back after a message with this result.
func (p *pool) put(s *session, res *delivery.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !s.Usable(): // it is closed
	case p.closed:
		p.mu.Unlock()
		s.Quit(context.Background()) // close doesn't wait for us
		p.mu.Lock()
	case p.limits.IdleTimeout < 0 || p.count >= p.limits.MaxIdle || s.sent >= s.most(p.limits.MaxMessages) || spoilt(res):
		p.end(s)
	default:
		if p.idle == nil {
			p.idle = map[sessionKey][]*session{}
		}
		p.idle[s.key] = append(p.idle[s.key], s)
		p.count++
		s.idle = time.AfterFunc(p.limits.IdleTimeout, func() { p.expire(s) })
	}
}

// remove takes a session out.
func (p *pool) remove(s *session) bool {
	list := p.idle[s.key]
	for i := range list {
		if list[i] != s {
			continue
		}
		if p.count--; len(list) == 1 {
			delete(p.idle, s.key)
		} else {
			p.idle[s.key] = append(list[:i:i], list[i+1:]...)
		}
		s.idle.Stop()
		return true
	}
	return false
}

func (p *pool) expire(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.remove(s) {
		p.end(s)
	}
}

// end says goodbye to a server, which nobody waits for but close. The pool isn't
// closed yet.
func (p *pool) end(s *session) {
	p.ending.Go(func() { s.Quit(context.Background()) })
}

// close ends all sessions that are idle. It returns when they are closed.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	for _, list := range p.idle {
		for _, s := range list {
			s.idle.Stop()
			p.end(s)
		}
	}
	p.idle, p.count = nil, 0
	p.mu.Unlock()
	p.ending.Wait()
}

func (p *pool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// most is how many messages the session may carry.
func (s *session) most(n int) int {
	params, _ := s.Extension("LIMITS")
	for word := range strings.FieldsSeq(params) {
		name, value, _ := strings.Cut(word, "=")
		if m, err := strconv.Atoi(value); err == nil && m > 0 && strings.EqualFold(name, "MAILMAX") {
			n = min(n, m)
		}
	}
	return n
}

// spoilt reports a reply after which the server isn't trusted to be where we think
// it is: that it didn't understand a command.
func spoilt(res *delivery.Result) bool {
	for i := range res.Recipients {
		if r := res.Recipients[i].Reply; r.Permanent() && (r.Code/10 == 50 || r.Code == 555) {
			return true
		}
	}
	return false
}
