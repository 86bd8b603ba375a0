package route

import (
	"context"
	"math"
	"time"
)

// turns are given out at even distances. They are a bucket that holds one token:
// whoever comes after a pause needn't wait, and nobody else has the turn of the
// pause.
type turns struct {
	every time.Duration
	// first has room for whoever is the first of those who wait. The others wait to
	// be that, in the order in which they came, as a channel serves them.
	first chan struct{}
	next  time.Time // when there is a turn; belongs to who is the first
}

// newTurns makes turns for a rate, rounded so that there are never more.
func newTurns(r Rate) *turns {
	every := r.Per / time.Duration(r.Count)
	if r.Per%time.Duration(r.Count) != 0 {
		every++
	}
	return &turns{every: every, first: make(chan struct{}, 1)}
}

// wait waits for a turn and takes n, of which those after the first are missing to
// who comes next. It is false if ctx ended before.
func (t *turns) wait(ctx context.Context, n int) bool {
	select {
	case t.first <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-t.first }()
	from := time.Now()
	if d := t.next.Sub(from); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			from = t.next // a timer that is late doesn't make the rate a lower one
		case <-ctx.Done():
			return false
		}
	}
	t.next = from.Add(times(t.every, n))
	return true
}

// times is d n times, or as long as there is.
func times(d time.Duration, n int) time.Duration {
	if d > math.MaxInt64/time.Duration(n) {
		return math.MaxInt64
	}
	return d * time.Duration(n)
}
