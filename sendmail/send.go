package sendmail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/ctxerr"
)

// Send gives the message to the program; see delivery.Transport for the contract.
func (t *Transport) Send(ctx context.Context, env *delivery.Envelope, body delivery.Body) (*delivery.Result, error) {
	if env == nil {
		env = new(delivery.Envelope)
	}
	res := delivery.NewResult(env)
	fail := func(phase delivery.Phase, host string, err error) (*delivery.Result, error) {
		for i := range res.Recipients {
			res.Recipients[i].Err = &delivery.Error{Op: "sendmail", Phase: phase, Host: host, Err: err}
		}
		return res, res.Err()
	}
	if err := t.check(); err != nil {
		return fail(delivery.PhasePrepare, "", err)
	}
	path, err := find(t.Path)
	if err != nil {
		return fail(delivery.PhaseDial, t.Path, err)
	}
	program, err := t.program(path)
	if errors.Is(err, ErrNoProgram) {
		return fail(delivery.PhaseDial, path, err)
	}
	if err != nil {
		return fail(delivery.PhasePrepare, path, err)
	}
	p := t.newPlan(program, env, body, res)
	for _, g := range p.groups {
		settle(res, path, g, t.run(ctx, path, p, g))
	}
	return res, res.Err()
}

// verdict is what became of the message for the recipients of one process.
type verdict struct {
	outcome delivery.Outcome
	phase   delivery.Phase
	err     error // nil if it was accepted
}

// run gives the message to one process.
func (t *Transport) run(ctx context.Context, path string, p *plan, g *group) verdict {
	if ctx.Err() != nil {
		return verdict{delivery.NotSent, delivery.PhasePrepare, ctxerr.Of(ctx)}
	}
	argv, err := p.command(path, t.Args, g).argv()
	if err != nil {
		return verdict{delivery.NotSent, delivery.PhasePrepare, err}
	}
	body, err := openBody(p.body)
	if err != nil {
		return verdict{delivery.NotSent, delivery.PhaseBody, unreadable(err)}
	}
	closeBody := sync.OnceFunc(func() { body.Close() })
	defer closeBody()

	limit := t.timeout()
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	proc, err := start(bounded, argv, t.environ())
	if err != nil {
		return startFailure(err)
	}
	defer proc.release()
	h := &handover{ctx: ctx, bounded: bounded, limit: limit, plan: p, group: g, proc: proc, crlf: t.CRLF}
	if v, ok := h.feed(body, closeBody); !ok {
		return v
	}
	return h.await()
}

func openBody(b delivery.Body) (io.ReadCloser, error) {
	body, err := b.Open()
	if err == nil && body == nil {
		err = errors.New("there is no reader")
	}
	return body, err
}

// startFailure judges an error of starting the program. A file that is no program
// has to be mended; that there are too many processes passes.
func startFailure(err error) verdict {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || notExecutable(err) {
		return verdict{delivery.NotSent, delivery.PhaseDial, fmt.Errorf("%w: %w", ErrNoProgram, err)}
	}
	return verdict{delivery.Deferred, delivery.PhaseDial, err}
}

// timeoutError says that the program took too long.
func timeoutError(limit time.Duration) error {
	return fmt.Errorf("the program took longer than %v: %w", limit, os.ErrDeadlineExceeded)
}

// settle enters a verdict for the recipients of a group.
func settle(res *delivery.Result, path string, g *group, v verdict) {
	var failure error
	if v.err != nil {
		e := &delivery.Error{Op: "sendmail", Phase: v.phase, Host: path, Err: v.err}
		exit, exited := errors.AsType[*ExitError](v.err)
		switch {
		case len(g.rcpts) == 1:
			e.Recipient = g.rcpts[0].name
		case exited && exit.Code > 0 && (v.outcome == delivery.Deferred || v.outcome == delivery.Rejected):
			e.Err = fmt.Errorf("%w: %w", ErrUnattributed, v.err)
		}
		failure = e
	}
	for _, i := range g.indexes {
		entry := &res.Recipients[i]
		entry.Outcome, entry.Host, entry.Err = v.outcome, path, failure
	}
}
