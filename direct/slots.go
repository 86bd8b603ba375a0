package direct

import (
	"context"
	"sync"
)

// slots bounds how many conversations there are with one domain at a time. Its
// zero value needs most.
type slots struct {
	most int

	mu  sync.Mutex
	all map[string]*slot
}

type slot struct {
	taken chan struct{}
	users int
}

// enter waits for a place, as long as ctx lasts.
func (s *slots) enter(ctx context.Context, domain string) (leave func(), err error) {
	s.mu.Lock()
	place := s.all[domain]
	if place == nil {
		place = &slot{taken: make(chan struct{}, s.most)}
		if s.all == nil {
			s.all = map[string]*slot{}
		}
		s.all[domain] = place
	}
	place.users++
	s.mu.Unlock()
	gone := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if place.users--; place.users == 0 {
			delete(s.all, domain)
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
	return nil, contextError(ctx)
}
