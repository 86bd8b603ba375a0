package direct

import (
	"context"

	"github.com/qdmail/qdmail/delivery"
)

// hooked returns a context for one conversation, whose hooks are those of ctx, with
// the indexes of ctx's caller, and are called one at a time. boxes are the
// recipients that the conversation knows by their place; nil if it can't come to
// the end of data.
func (j *job) hooked(boxes [][]int) context.Context {
	h := delivery.HooksFrom(j.ctx)
	if h == nil {
		return j.ctx
	}
	own := *h
	if f := h.BeforeEnd; f != nil {
		own.BeforeEnd = func(_ context.Context, rcpts []int) error {
			var all []int
			for _, i := range rcpts {
				all = append(all, boxes[i]...)
			}
			defer j.turn()()
			err := f(j.ctx, all)
			j.vetoed = j.vetoed || err != nil
			return err
		}
	}
	if f := h.Command; f != nil {
		own.Command = func(_ context.Context, line string) {
			defer j.turn()()
			f(j.ctx, line)
		}
	}
	if f := h.Reply; f != nil {
		own.Reply = func(_ context.Context, r *delivery.Reply) {
			defer j.turn()()
			f(j.ctx, r)
		}
	}
	if f := h.TLS; f != nil {
		own.TLS = func(_ context.Context, version, cipherSuite string) {
			defer j.turn()()
			f(j.ctx, version, cipherSuite)
		}
	}
	return replaced{j.ctx, &own}
}

// turn waits until no other hook of this Send is being called. A channel it is, not
// a mutex, since what a hook waits for may be time in a testing/synctest bubble.
func (j *job) turn() (done func()) {
	j.telling <- struct{}{}
	return func() { <-j.telling }
}

// replaced is a context with other hooks: delivery.WithHooks would add to those
// that are there, which mean other recipients by the same indexes.
type replaced struct {
	context.Context
	hooks *delivery.Hooks
}

// Value returns the hooks wherever the context within has hooks.
func (c replaced) Value(key any) any {
	v := c.Context.Value(key)
	if _, ok := v.(*delivery.Hooks); ok {
		return c.hooks
	}
	return v
}
