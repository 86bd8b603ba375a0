package direct

import (
	"slices"
	"time"

	"github.com/qdmail/qdmail/delivery"
)

// fallBack hands over to the fallback what has to go there, as one message.
func (j *job) fallBack() {
	if len(j.relayed) == 0 || j.ctx.Err() != nil {
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
	res, _ := j.t.Fallback.Send(j.hooked(indexes), &env, j.body)
	if res == nil || len(res.Recipients) != len(j.relayed) {
		return
	}
	for k, i := range j.relayed {
		r := res.Recipients[k]
		a := Attempt{
			Recipients: indexes[k], Host: r.Host, Fallback: true, Began: began, Took: time.Since(began),
			Outcome: r.Outcome, Err: r.Err, Reason: reasonOf(&r), Next: NextNone,
		}
		j.t.observe(j.ctx, a)
		if r.Outcome == delivery.NotSent && j.ctx.Err() == nil {
			continue // the fallback can't be used, so it says nothing about the mail
		}
		r.Address = j.env.Recipients[i].Address
		j.res.Recipients[i] = r
	}
}

// reasonOf is the reason for a result of the fallback.
func reasonOf(r *delivery.RecipientResult) Reason {
	if r.Outcome == delivery.Queued {
		return BecauseAccepted
	}
	return reasons[judge(r)]
}
