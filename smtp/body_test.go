package smtp_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// checkNoDot sends a body that must not be completed, and checks that the server
// saw no end of data, no QUIT and no message.
func checkNoDot(t *testing.T, ctx context.Context, body delivery.Body, extensions []string) *delivery.Error {
	t.Helper()
	srv := &testsmtp.Server{Extensions: extensions}
	res := converseCtx(t, ctx, local(srv.Dial), from("b@y.test", "c@y.test"), body)
	srv.Close()
	if got := outcomes(res); got != "not sent, not sent" {
		t.Errorf("%s: %v", got, res.Err())
	}
	talk := srv.Transcript()
	if strings.Contains(talk, "C: .\n") || strings.Contains(talk, "LAST") || len(srv.Messages()) > 0 {
		t.Error(talk)
	}
	if begun := strings.Contains(talk, "C: MAIL"); ctx.Err() == nil && begun == strings.Contains(talk, "QUIT") || begun != (strings.Contains(talk, "S: 354") || strings.Contains(talk, "BDAT 1\n")) {
		t.Error(talk)
	}
	e := res.Recipients[0].Err.(*delivery.Error)
	if e.Temporary() || e.PathFailure() || e.Host != "localhost:25" {
		t.Errorf("temporary %v, path failure %v: %v", e.Temporary(), e.PathFailure(), e)
	}
	return e
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
		"bare LF":     {delivery.BytesBody("a\n.\r\nQUIT\r\n"), delivery.ErrMalformedBody},
		"bare CR":     {delivery.BytesBody("a\r.\r\n"), delivery.ErrMalformedBody},
		"NUL":         {delivery.BytesBody("a\x00\r\n"), delivery.ErrMalformedBody},
		"8-bit":       {delivery.BytesBody("é\r\n"), delivery.ErrMalformedBody},
		"long line":   {delivery.BytesBody(strings.Repeat("x", 999)), delivery.ErrMalformedBody},
		"late":        {delivery.BytesBody(string(long) + "\n"), delivery.ErrMalformedBody},
		"fails":       {opens{reader(iotest.ErrReader(boom)), 5}, boom},
		"fails late":  {opens{reader(io.MultiReader(strings.NewReader(string(long)), iotest.ErrReader(boom))), int64(len(long))}, boom},
		"shorter":     {opens{reader(strings.NewReader("a\r\n")), 4}, delivery.ErrBodyChanged},
		"longer":      {opens{reader(strings.NewReader("a\r\nb\r\n")), 3}, delivery.ErrBodyChanged},
		"late longer": {opens{reader(strings.NewReader(string(long))), int64(len(long)) - 1}, delivery.ErrBodyChanged},
	} {
		t.Run(name, func(t *testing.T) {
			for _, extensions := range [][]string{oneByOne, pipelined, inChunks} {
				if e := checkNoDot(t, t.Context(), tt.body, extensions); !errors.Is(e, tt.want) || e.Phase != delivery.PhaseBody {
					t.Error(e)
				}
			}
		})
	}
}

// Readers are closed, whatever happens.
func TestBodyIsClosed(t *testing.T) {
	for _, phase := range []testsmtp.Phase{testsmtp.DATA, testsmtp.Body, testsmtp.End, testsmtp.QUIT} {
		srv := &testsmtp.Server{On: func(e testsmtp.Event) *testsmtp.Fault {
			if e.Phase == phase {
				return &testsmtp.Fault{Close: true}
			}
			return nil
		}}
		var r closeCounter
		converse(t, local(srv.Dial), from("b@y.test"), opens{func() (io.ReadCloser, error) {
			r = closeCounter{Reader: strings.NewReader(string(hello)), opened: r.opened + 1, closed: r.closed}
			return &r, nil
		}, int64(len(hello))})
		srv.Close()
		if r.opened != 1 || r.closed != 1 {
			t.Errorf("%s: opened %d times, closed %d times", phase, r.opened, r.closed)
		}
	}
}

type closeCounter struct {
	io.Reader
	opened, closed int
}

func (c *closeCounter) Close() error { c.closed++; return nil }

// BeforeEnd comes when all of the body is there and nothing is committed; its
// error leaves it so.
func TestBeforeEnd(t *testing.T) {
	for _, extensions := range [][]string{oneByOne, pipelined, inChunks} {
		veto := errors.New("the lease was lost")
		var covered []int
		ctx := delivery.WithHooks(t.Context(), &delivery.Hooks{BeforeEnd: func(_ context.Context, rcpts []int) error {
			covered = rcpts
			return veto
		}})
		if e := checkNoDot(t, ctx, hello, extensions); !errors.Is(e, veto) {
			t.Error(e)
		}
		if len(covered) != 2 || covered[0] != 0 || covered[1] != 1 {
			t.Error(covered)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ctx = delivery.WithHooks(ctx, &delivery.Hooks{BeforeEnd: func(context.Context, []int) error {
			cancel()
			return nil
		}})
		if e := checkNoDot(t, ctx, hello, extensions); !errors.Is(e, context.Canceled) {
			t.Error(e)
		}
	}
}

// What a server says, or does, before the end of data is no reply to it. It is
// noticed also if it comes while the hook works.
func TestServerSpeaksTooEarly(t *testing.T) {
	for name, tt := range map[string]struct {
		fault   testsmtp.Fault
		outcome delivery.Outcome
		want    error
		code    int
	}{
		"250":         {testsmtp.Fault{Reply: "250 queued"}, delivery.Deferred, delivery.ErrProtocol, 250},
		"550":         {testsmtp.Fault{Reply: "550 spam"}, delivery.Rejected, nil, 550},
		"452":         {testsmtp.Fault{Reply: "452 disk full"}, delivery.Deferred, nil, 452},
		"421":         {testsmtp.Fault{Reply: "421 too slow", Close: true}, delivery.Deferred, nil, 421},
		"354":         {testsmtp.Fault{Reply: "354 more"}, delivery.Deferred, delivery.ErrProtocol, 354},
		"garbage":     {testsmtp.Fault{Raw: "hello?\r\n"}, delivery.Deferred, delivery.ErrProtocol, 0},
		"part":        {testsmtp.Fault{Raw: "2"}, delivery.Deferred, nil, 0},
		"EOF":         {testsmtp.Fault{Close: true}, delivery.Deferred, nil, 0},
		"reset":       {testsmtp.Fault{Reset: true}, delivery.Deferred, nil, 0},
		"552 and EOF": {testsmtp.Fault{Reply: "552 too big", Close: true}, delivery.Rejected, nil, 552},
	} {
		for _, tcp := range []bool{false, true} {
			for _, tls := range []bool{false, true} {
				run := func(t *testing.T) {
					srv := &testsmtp.Server{Extensions: pipelined, On: func(e testsmtp.Event) *testsmtp.Fault {
						if e.Phase != testsmtp.Body {
							return nil
						}
						fault := tt.fault
						fault.After = int64(len(hello))
						return &fault
					}}
					defer srv.Close()
					r := local(srv.Dial)
					if tls {
						srv.TLS = serverTLS()
					}
					if tcp {
						addr, err := srv.Listen()
						if err != nil {
							t.Fatal(err)
						}
						r.Addr, r.Dial = addr, nil
					}
					// The hook is slow, and the server speaks meanwhile.
					ctx := delivery.WithHooks(t.Context(), &delivery.Hooks{BeforeEnd: func(context.Context, []int) error {
						<-time.After(50 * time.Millisecond)
						return nil
					}})
					rcpt := converseCtx(t, ctx, r, from("b@y.test"), hello).Recipients[0]
					e := rcpt.Err.(*delivery.Error)
					if rcpt.Outcome != tt.outcome || e.Phase != delivery.PhaseBody || tt.want != nil && !errors.Is(e, tt.want) {
						t.Errorf("%v, %v", rcpt.Outcome, e)
					}
					if e.Reply == nil && tt.code != 0 || e.Reply != nil && e.Reply.Code != tt.code {
						t.Errorf("the reply is %v", e.Reply)
					}
					if strings.Contains(srv.Transcript(), "C: .\n") {
						t.Error(srv.Transcript())
					}
				}
				if tcp && name == "part" {
					continue // it takes five seconds
				}
				name := name + map[bool]string{false: "/memory", true: "/TCP"}[tcp] + map[bool]string{false: "/clear", true: "/TLS"}[tls]
				if tcp {
					t.Run(name, run)
				} else {
					t.Run(name, func(t *testing.T) { synctest.Test(t, run) })
				}
			}
		}
	}
}

// A reader that blocks holds nobody up longer than the context lasts.
func TestBodyThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &testsmtp.Server{}
		defer srv.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, w := io.Pipe()
		defer w.Close()
		start := time.Now()
		res := converseCtx(t, ctx, local(srv.Dial), from("b@y.test"), opens{func() (io.ReadCloser, error) { return r, nil }, 5})
		if got := outcomes(res); got != "not sent" || !errors.Is(res.Err(), context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("%s after %v, %v", got, time.Since(start), res.Err())
		}
		if n := len(srv.Messages()); n != 0 {
			t.Errorf("%d messages", n)
		}
	})
}
