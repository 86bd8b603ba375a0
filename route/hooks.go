package route

import (
	"context"
	"sync"

	"github.com/qdmail/qdmail/delivery"
)

// hookShare lets the parts of one message share the hooks of its context. They are
// called one at a time, as a single delivery would do it.
type hookShare struct{ mu sync.Mutex }

// wrap returns the context for a part with these recipients.
func (s *hookShare) wrap(ctx context.Context, rcpts []int) context.Context {
	old := delivery.HooksFrom(ctx)
	if old == nil {
		return ctx
	}
	h := &delivery.Hooks{}
	if old.BeforeEnd != nil {
		h.BeforeEnd = func(ctx context.Context, of []int) error {
			whole := make([]int, len(of))
			for i, n := range of {
				if n < 0 || n >= len(rcpts) {
					return ErrContract
				}
				whole[i] = rcpts[n]
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			return old.BeforeEnd(ctx, whole)
		}
	}
	if old.Command != nil {
		h.Command = func(ctx context.Context, line string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			old.Command(ctx, line)
		}
	}
	if old.Reply != nil {
		h.Reply = func(ctx context.Context, r *delivery.Reply) {
			s.mu.Lock()
			defer s.mu.Unlock()
			old.Reply(ctx, r)
		}
	}
	if old.TLS != nil {
		h.TLS = func(ctx context.Context, version, cipherSuite string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			old.TLS(ctx, version, cipherSuite)
		}
	}
	return &hookContext{ctx, old, h}
}

// hookContext is a context in which other hooks take the place of its parent's.
// delivery.WithHooks would call both, with indexes of both envelopes.
type hookContext struct {
	context.Context
	old, instead *delivery.Hooks
}

// Value gives out the hooks of the part where the parent has those of the whole.
func (c *hookContext) Value(key any) any {
	v := c.Context.Value(key)
	if h, ok := v.(*delivery.Hooks); ok && h == c.old {
		return c.instead
	}
	return v
}
