package sendmail_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/sendmail"
)

// checkUnfinished holds a result against what it must be if the message wasn't
// finished because of us.
func (f *fake) checkUnfinished(res *delivery.Result, want error) {
	f.t.Helper()
	for _, r := range res.Recipients {
		if r.Outcome != delivery.NotSent || !errors.Is(r.Err, want) {
			f.t.Errorf("%v, %v", r.Outcome, r.Err)
		}
	}
	if e := failure(res); e.Temporary() != errors.Is(want, context.DeadlineExceeded) || e.PathFailure() {
		f.t.Errorf("temporary %v, path failure %v: %v", e.Temporary(), e.PathFailure(), e)
	}
	for _, r := range f.records() {
		if r.End != "" {
			f.t.Errorf("the program read to the end, %s: %q", r.End, r.Stdin)
		}
	}
}

func TestBodyIsNeverCutShort(t *testing.T) {
	boom := errors.New("boom")
	reader := func(r io.Reader) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return io.NopCloser(r), nil }
	}
	for name, tt := range map[string]struct {
		body delivery.Body
		want error
	}{
		"bare LF":     {delivery.BytesBody("a\n.\r\n"), delivery.ErrMalformedBody},
		"bare CR":     {delivery.BytesBody("a\r.\r\n"), delivery.ErrMalformedBody},
		"NUL":         {delivery.BytesBody("a\x00\r\n"), delivery.ErrMalformedBody},
		"8-bit":       {delivery.BytesBody("é\r\n"), delivery.ErrMalformedBody},
		"long line":   {delivery.BytesBody(strings.Repeat("x", 999)), delivery.ErrMalformedBody},
		"late":        {delivery.BytesBody(string(long) + "\n"), delivery.ErrMalformedBody},
		"fails":       {opens{reader(iotest.ErrReader(boom)), 5}, boom},
		"fails late":  {opens{reader(io.MultiReader(strings.NewReader(string(long)), iotest.ErrReader(boom))), int64(len(long))}, delivery.ErrBodyUnreadable},
		"changed":     {opens{reader(iotest.ErrReader(delivery.ErrBodyChanged)), 5}, delivery.ErrBodyChanged},
		"shorter":     {opens{reader(strings.NewReader("a\r\n")), 4}, delivery.ErrBodyChanged},
		"longer":      {opens{reader(strings.NewReader("a\r\nb\r\n")), 3}, delivery.ErrBodyChanged},
		"late longer": {opens{reader(strings.NewReader(string(long))), int64(len(long)) - 1}, delivery.ErrBodyChanged},
		"no progress": {opens{reader(nothing{}), 5}, io.ErrNoProgress},
		"not opened":  {opens{func() (io.ReadCloser, error) { return nil, boom }, 5}, boom},
		"no reader":   {opens{func() (io.ReadCloser, error) { return nil, nil }, 5}, delivery.ErrBodyUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "read")
			res := f.send(t.Context(), from("b@y.test", "c@y.test"), tt.body)
			f.checkUnfinished(res, tt.want)
			if e := failure(res); e.Phase != delivery.PhaseBody || e.Host != f.Path {
				t.Errorf("%+v", e)
			}
		})
	}
	f := newFake(t, "read")
	env := from("b@y.test")
	env.EightBit = true
	if got := outcomes(f.send(t.Context(), env, delivery.BytesBody("é\r\n"))); got != "accepted" || string(f.only().Stdin) != "é\n" {
		t.Errorf("announced: %s", got)
	}
	if got := outcomes(f.send(t.Context(), env, delivery.BytesBody(strings.Repeat("x", 998)))); got != "accepted" {
		t.Errorf("a line of 998 octets: %s", got)
	}
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

// Readers are closed once, whatever happens.
func TestBodyIsClosed(t *testing.T) {
	for _, script := range []string{"read", "exit 75", "read 10;crash", "read;exit 75"} {
		var opened, closed int
		newFake(t, script).send(t.Context(), from("b@y.test"), opens{func() (io.ReadCloser, error) {
			opened++
			return struct {
				io.Reader
				io.Closer
			}{strings.NewReader(string(long)), closerFunc(func() error { closed++; return nil })}, nil
		}, int64(len(long))})
		if opened != 1 || closed != 1 {
			t.Errorf("%s: opened %d times, closed %d times", script, opened, closed)
		}
	}
}

type closerFunc func() error

func (f closerFunc) Close() error { return f() }

// BeforeEnd comes when the program has all of the message but its end; its error
// leaves it so.
func TestBeforeEnd(t *testing.T) {
	f := newFake(t, "read;mark end")
	f.MaxRecipients = 2
	var covered []string
	veto := errors.New("the lease was lost")
	ctx := delivery.WithHooks(t.Context(), &delivery.Hooks{BeforeEnd: func(_ context.Context, rcpts []int) error {
		covered = append(covered, fmt.Sprint(rcpts))
		if f.reached("end") {
			t.Error("the program saw the end before the hook")
		}
		return veto
	}})
	env := from("b@y.test", "c@y.test", "b@y.test", "d@y.test")
	res := f.send(ctx, env, hello)
	f.checkUnfinished(res, veto)
	if fmt.Sprint(covered) != "[[0 1 2] [3]]" || failure(res).Phase != delivery.PhasePrepare {
		t.Errorf("%v, %v", covered, failure(res))
	}

	ctx, cancel := context.WithCancel(t.Context())
	ctx = delivery.WithHooks(ctx, &delivery.Hooks{BeforeEnd: func(context.Context, []int) error {
		cancel()
		return nil
	}})
	f.checkUnfinished(f.send(ctx, env, hello), context.Canceled)
	if got := outcomes(f.send(delivery.WithHooks(t.Context(), &delivery.Hooks{}), env, hello)); !strings.HasPrefix(got, "accepted") {
		t.Error(got)
	}
}

// Before the end of the message, the end of the context leaves it unsent.
func TestCancelledBeforeTheEnd(t *testing.T) {
	lost := errors.New("lost interest")
	for name, tt := range map[string]struct {
		script string
		body   func(cancel func()) delivery.Body
	}{
		"body stalls":        {"read", func(cancel func()) delivery.Body { return stalls(cancel) }},
		"program never read": {"mark ready;hang", func(func()) delivery.Body { return long }},
		"program is slow":    {"read 100;mark ready;slow", func(func()) delivery.Body { return long }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, tt.script)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if strings.Contains(tt.script, "ready") {
				go func() {
					f.await("ready")
					cancel(lost)
				}()
			}
			res := f.send(ctx, from("b@y.test"), tt.body(func() { cancel(lost) }))
			f.checkUnfinished(res, context.Canceled)
			if !errors.Is(res.Err(), lost) {
				t.Errorf("%v doesn't tell the cause", res.Err())
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := newFake(t, "mark started;read")
	f.checkUnfinished(f.send(ctx, from("b@y.test"), hello), context.Canceled)
	ctx, cancel = context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	f.checkUnfinished(f.send(ctx, from("b@y.test"), hello), context.DeadlineExceeded)
	if f.reached("started") {
		t.Error("a process was started for a context that had ended")
	}
}

// After it, only the program could tell.
func TestCancelledAfterTheEnd(t *testing.T) {
	f := newFake(t, "read;mark ready;hang")
	f.MaxRecipients = 2
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		f.await("ready")
		cancel()
	}()
	res := f.send(ctx, from("b@y.test", "c@y.test", "d@y.test"), hello)
	if got := outcomes(res); got != "unknown, unknown, not sent" {
		t.Error(got)
	}
	if e := failure(res); !errors.Is(e, context.Canceled) || e.Phase != delivery.PhaseEnd || e.PathFailure() {
		t.Error(e)
	}
}

// A program that takes too long is a failure of the path, or nobody knows.
func TestTimeout(t *testing.T) {
	for script, tt := range map[string]struct {
		body    delivery.Body
		outcome delivery.Outcome
		phase   delivery.Phase
	}{
		"mark ready;hang":      {long, delivery.Deferred, delivery.PhaseBody},
		"read;mark ready;hang": {hello, delivery.Unknown, delivery.PhaseEnd},
	} {
		f := newFake(t, script)
		var res *delivery.Result
		for f.Timeout = 100 * time.Millisecond; !f.reached("ready"); f.Timeout *= 2 {
			res = f.send(t.Context(), from("b@y.test"), tt.body)
		}
		e := failure(res)
		if res.Recipients[0].Outcome != tt.outcome || e.Phase != tt.phase || !e.Temporary() || e.PathFailure() != (tt.phase == delivery.PhaseBody) {
			t.Errorf("%s: %s, %v", script, outcomes(res), e)
		}
		if !errors.Is(e, os.ErrDeadlineExceeded) || errors.Is(e, context.DeadlineExceeded) {
			t.Errorf("%s: %v", script, e)
		}
	}
}

// A crash after the end of the message leaves everything open.
func TestCrash(t *testing.T) {
	res := newFake(t, "read;say oops;crash").send(t.Context(), from("b@y.test", "c@y.test"), hello)
	e := failure(res)
	if got := outcomes(res); got != "unknown, unknown" || e.Phase != delivery.PhaseEnd || !strings.Contains(e.Error(), "killed") {
		t.Errorf("%s, %v", got, e)
	}
	if exit := exitError(t, e); exit.Code != -1 || exit.Output != "oops" || errors.Is(e, sendmail.ErrUnattributed) {
		t.Errorf("%+v", exit)
	}
}

// A body that blocks doesn't hold up the news that the program has ended.
func TestExitWhileTheBodyStalls(t *testing.T) {
	f := newFake(t, "read 10;exit 75")
	res := f.send(t.Context(), from("b@y.test"), stalls(func() {}))
	if got := outcomes(res); got != "deferred" || exitError(t, res.Err()).Code != 75 {
		t.Errorf("%s, %v", got, res.Err())
	}
}
