package direct

import (
	"errors"
	"slices"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/ctxerr"
)

// fallBack hands over to the fallback what has to go there, as one message.
func (j *job) fallBack() {
	if len(j.relayed) == 0 {
		return
	}
	slices.Sort(j.relayed)
	env := *j.env
	env.Recipients = make([]delivery.Recipient, len(j.relayed))
	indexes := make([][]int, len(j.relayed))
	for k, i := range j.relayed {
		env.Recipients[k], indexes[k] = j.env.Recipients[i], []int{i}
	}
	began := time.Now()
	for k, r := range j.askFallback(&env, indexes) {
		i := j.relayed[k]
		mine := &j.res.Recipients[i]
		a := Attempt{Recipients: indexes[k], Attempt: delivery.Attempt{Host: r.Host, Fallback: true, Began: began, Took: time.Since(began)}}
		a.came(&r, reasonOf(&r), delivery.NextNone)
		j.t.observe(j.ctx, a)
		attempts := append(mine.Attempts, byFallback(r.Attempts, a.Attempt)...)
		if r.Outcome != delivery.NotSent || j.stoppedHere(&r) { // otherwise it can't be used, which says nothing about the mail
			r.Address = mine.Address
			*mine = r
		}
		mine.Attempts = attempts
	}
}

// stoppedHere reports that a message wasn't sent for a reason that lies neither with
// the fallback nor on the way there.
func (j *job) stoppedHere(r *delivery.RecipientResult) bool {
	e, _ := errors.AsType[*delivery.Error](r.Err)
	return j.ctx.Err() != nil || j.vetoed || e != nil && e.Phase == delivery.PhaseBody
}

// askFallback returns the results of the fallback. One that doesn't account for
// each recipient may have sent the message or not.
func (j *job) askFallback(env *delivery.Envelope, indexes [][]int) []delivery.RecipientResult {
	res := delivery.NewResult(env)
	if err := ctxerr.Of(j.ctx); err != nil {
		for k := range res.Recipients {
			res.Recipients[k].Err = prepareError("", err)
		}
		return res.Recipients
	}
	j.vetoed = false
	got, _ := j.t.Fallback.Send(j.hooked(indexes), env, j.body)
	if got != nil && len(got.Recipients) == len(env.Recipients) {
		return got.Recipients
	}
	for k := range res.Recipients {
		r := &res.Recipients[k]
		r.Outcome = delivery.Unknown
		r.Err = &delivery.Error{Op: "direct", Phase: delivery.PhaseEnd, Err: errContract}
	}
	return res.Recipients
}

// byFallback are the attempts of the fallback: its own, if it tells, and otherwise
// the one that it is itself.
func byFallback(told []delivery.Attempt, itself delivery.Attempt) []delivery.Attempt {
	if len(told) == 0 {
		return []delivery.Attempt{itself}
	}
	told = slices.Clone(told)
	for i := range told {
		told[i].Fallback = true
	}
	return told
}

// reasonOf is the reason for a result of the fallback.
func reasonOf(r *delivery.RecipientResult) delivery.Reason {
	if r.Outcome == delivery.Queued {
		return delivery.BecauseAccepted
	}
	return reasons[judge(r)]
}
