package direct

import (
	"context"
	"sync"

	"github.com/qdmail/qdmail/internal/ctxerr"
)

// slots bounds how many conversations there are with a domain, or with several
// together, at a time. Its zero value works.
type slots struct {
	mu  sync.Mutex
	all map[string]*slot
}

type slot struct {
	taken chan struct{}
	users int
}

// enter waits for one of most places under a name, as long as ctx lasts. most is the
// same each time.
func (s *slots) enter(ctx context.Context, name string, most int) (leave func(), err error) {
	s.mu.Lock()
	place := s.all[name]
	if place == nil {
		place = &slot{taken: make(chan struct{}, most)}
		if s.all == nil {
			s.all = map[string]*slot{}
		}
		s.all[name] = place
	}
	place.users++
	s.mu.Unlock()
	gone := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if place.users--; place.users == 0 {
			delete(s.all, name)
		}
	}
	if ctx.Err() == nil {
		select {
		case place.taken <- struct{}{}:
			return func() { <-place.taken; gone() }, nil
		case <-ctx.Done():
		}
	}
	gone()
	return nil, ctxerr.Of(ctx)
}
