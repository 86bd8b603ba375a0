package sendmail_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/qdmail/qdmail/delivery"
)

// hello is a small message; long is one that no buffer of the system holds.
var (
	hello = delivery.BytesBody("Subject: hello\r\n\r\nHi.\r\n")
	long  = delivery.BytesBody("Subject: long\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 30_000))
)

// unix is a message as a program gets it by default.
func unix(body delivery.BytesBody) string { return strings.ReplaceAll(string(body), "\r\n", "\n") }

// from returns an envelope.
func from(rcpts ...string) *delivery.Envelope {
	env := &delivery.Envelope{From: "a@x.test"}
	for _, r := range rcpts {
		env.Recipients = append(env.Recipients, delivery.Recipient{Address: r})
	}
	return env
}

// send sends and holds the result against the contract of delivery.Transport.
func (f *fake) send(ctx context.Context, env *delivery.Envelope, body delivery.Body) *delivery.Result {
	f.t.Helper()
	res, err := f.Send(ctx, env, body)
	if res == nil || len(res.Recipients) != len(env.Recipients) {
		f.t.Fatalf("result %+v for %d recipients", res, len(env.Recipients))
	}
	if want := res.Err(); (err == nil) != (want == nil) {
		f.t.Errorf("error %v, want %v", err, want)
	}
	for i, r := range res.Recipients {
		if r.Address != env.Recipients[i].Address {
			f.t.Errorf("result %d is for %q, want %q", i, r.Address, env.Recipients[i].Address)
		}
		if (r.Err == nil) != r.Outcome.OK() {
			f.t.Errorf("%s: %v with error %v", r.Address, r.Outcome, r.Err)
		}
		if r.Err != nil {
			if _, ok := r.Err.(*delivery.Error); !ok {
				f.t.Errorf("%s: the error is a %T", r.Address, r.Err)
			}
		}
	}
	return res
}

// outcomes lists the outcomes.
func outcomes(res *delivery.Result) string {
	var list []string
	for _, r := range res.Recipients {
		list = append(list, r.Outcome.String())
	}
	return strings.Join(list, ", ")
}

// failure is the error of the first recipient.
func failure(res *delivery.Result) *delivery.Error {
	e, _ := res.Recipients[0].Err.(*delivery.Error)
	if e == nil {
		return &delivery.Error{}
	}
	return e
}

// recipients are the arguments behind "--".
func (r *record) recipients() []string {
	i := slices.Index(r.Args, "--")
	if i < 0 {
		return nil
	}
	return r.Args[i+1:]
}

// opens is a Body made of a function.
type opens struct {
	open func() (io.ReadCloser, error)
	size int64
}

func (o opens) Open() (io.ReadCloser, error) { return o.open() }
func (o opens) Size() int64                  { return o.size }

// stalls is a body whose reader gives much of a message, calls then, and waits to
// be closed.
func stalls(then func()) delivery.Body {
	return opens{func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() {
			if _, err := w.Write(long[:100_000]); err == nil {
				then()
			}
		}()
		return r, nil
	}, int64(len(long))}
}

// playApp is another program of ours that sends a message, of which it never gives
// the second half. It waits to be killed.
func playApp(dir string) {
	newTransport(dir, "read").Send(context.Background(), from("b@y.test"), stalls(func() {
		os.WriteFile(filepath.Join(dir, "half"), nil, 0o600)
	}))
	os.Exit(1)
}

// appDir in the environment makes the test binary play the app.
const appDir = "QDMAIL_APP_DIR"
