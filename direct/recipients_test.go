package direct_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// rcpts are n recipients of y.test.
func rcpts(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("r%d@y.test", i))
	}
	return strings.Join(all, " ")
}

// afterTheDot refuses a message in which r1 is among the recipients, after it has
// accepted that recipient, as docomo does.
func afterTheDot(reply string) func(testsmtp.Event) *testsmtp.Fault {
	var bad bool
	return func(e testsmtp.Event) *testsmtp.Fault {
		switch e.Phase {
		case testsmtp.MAIL:
			bad = false
		case testsmtp.RCPT:
			bad = bad || strings.Contains(e.Line, "<r1@")
		case testsmtp.End:
			if bad {
				return &testsmtp.Fault{Reply: reply}
			}
		}
		return nil
	}
}

// TestCarriers: what Japanese carriers are known to do.
func TestCarriers(t *testing.T) {
	together := func(n int) func(*world, *direct.Transport) {
		return func(_ *world, tr *direct.Transport) { tr.RecipientsPerTransaction = n }
	}
	unknownUser := "550 Unknown user r1@y.test"
	play(t, []scene{
		{name: "550 after the dot, 3 recipients together", hosts: 2, rcpts: rcpts(3), want: "accepted, rejected, accepted", set: func(w *world, tr *direct.Transport) {
			together(10)(w, tr)
			w.mx(1).On = afterTheDot(unknownUser)
		}, path: `
			[0] mx1.y.test:25 192.0.2.1: rejected, a verdict, then one by one
			[1] mx1.y.test:25 192.0.2.1: rejected, a verdict, then one by one
			[2] mx1.y.test:25 192.0.2.1: rejected, a verdict, then one by one
			[0] mx1.y.test:25 192.0.2.1: accepted, accepted, then nothing
			[1] mx1.y.test:25 192.0.2.1: rejected, a verdict, then nothing
			[2] mx1.y.test:25 192.0.2.1: accepted, accepted, then nothing`},
		{name: "550 after the dot, 3 recipients by themselves", hosts: 2, rcpts: rcpts(3), want: "accepted, rejected, accepted", set: func(w *world, tr *direct.Transport) {
			w.mx(1).On = afterTheDot(unknownUser)
		}},
		{name: "550 to DATA, 3 recipients together", hosts: 1, rcpts: rcpts(3), want: "accepted, accepted, accepted", set: func(w *world, tr *direct.Transport) {
			together(10)(w, tr)
			w.mx(1).On = func(e testsmtp.Event) *testsmtp.Fault {
				if e.Phase == testsmtp.DATA && e.N == 0 {
					return &testsmtp.Fault{Reply: "554 no"}
				}
				return nil
			}
		}},
		{name: "451 after the dot, 3 recipients together", hosts: 1, rcpts: rcpts(3), want: "deferred, deferred, deferred", set: func(w *world, tr *direct.Transport) {
			together(10)(w, tr)
			w.mx(1).On = afterTheDot("451 4.7.1 later")
		}},
		{name: "one of two refused, then 550 after the dot", hosts: 1, rcpts: rcpts(2), want: "rejected, rejected", set: func(w *world, tr *direct.Transport) {
			together(10)(w, tr)
			dot := afterTheDot(unknownUser)
			w.mx(1).On = func(e testsmtp.Event) *testsmtp.Fault {
				if f := dot(e); f != nil {
					return f
				}
				if e.Phase == testsmtp.RCPT && strings.Contains(e.Line, "<r0@") {
					return &testsmtp.Fault{Reply: "550 5.1.1 no such user"}
				}
				return nil
			}
		}, path: `
			[0] mx1.y.test:25 192.0.2.1: rejected, a verdict, then nothing
			[1] mx1.y.test:25 192.0.2.1: rejected, a verdict, then nothing`},
		{name: "101 recipients together", hosts: 1, rcpts: rcpts(101), want: strings.TrimSuffix(strings.Repeat("accepted, ", 101), ", "), set: func(w *world, tr *direct.Transport) {
			together(1000)(w, tr)
			w.mx(1).On = func(e testsmtp.Event) *testsmtp.Fault {
				if e.Phase == testsmtp.RCPT && e.N%101 == 100 && e.Transaction == 0 {
					return &testsmtp.Fault{Reply: "554 Transaction failed", Close: true}
				}
				return nil
			}
		}},
		{name: "reset in the middle of the session", hosts: 2, rcpts: rcpts(2), relay: true, want: "accepted, accepted", set: func(w *world, _ *direct.Transport) {
			w.mx(1).On = at(testsmtp.RCPT, testsmtp.Fault{Reset: true})
		}},
		{name: "reset after the dot", hosts: 2, relay: true, want: "unknown", set: func(w *world, _ *direct.Transport) {
			w.mx(1).On = at(testsmtp.End, testsmtp.Fault{Reset: true})
		}},
		{name: "552 full", hosts: 2, rcpts: rcpts(2), relay: true, want: "deferred, accepted", set: func(w *world, _ *direct.Transport) {
			w.mx(1).On = func(e testsmtp.Event) *testsmtp.Fault {
				if e.Phase == testsmtp.RCPT && strings.Contains(e.Line, "<r0@") {
					return &testsmtp.Fault{Reply: "552 Too much mail data"}
				}
				return nil
			}
		}},
		{name: "S12 too many recipients", hosts: 1, rcpts: rcpts(5), want: "accepted, accepted, accepted, accepted, accepted", set: func(w *world, tr *direct.Transport) {
			together(10)(w, tr)
			w.mx(1).Extensions = append(slices.Clone(pipelined), "LIMITS RCPTMAX=2")
		}},
		{name: "251 and 252 are acceptance", hosts: 1, rcpts: rcpts(2), want: "accepted, accepted", set: func(w *world, _ *direct.Transport) {
			w.mx(1).On = func(e testsmtp.Event) *testsmtp.Fault {
				if e.Phase == testsmtp.RCPT {
					return &testsmtp.Fault{Reply: []string{"251 will forward", "252 cannot verify"}[e.N]}
				}
				return nil
			}
		}},
		{name: "refused at RCPT, then lost", hosts: 1, rcpts: rcpts(2), want: "rejected, deferred", set: func(w *world, tr *direct.Transport) {
			together(10)(w, tr)
			w.mx(1).On = func(e testsmtp.Event) *testsmtp.Fault {
				switch {
				case e.Phase == testsmtp.RCPT && e.N == 0:
					return &testsmtp.Fault{Reply: "550 5.1.1 no such user"}
				case e.Phase == testsmtp.DATA:
					return &testsmtp.Fault{Close: true}
				}
				return nil
			}
		}},
		{name: "lost after the dot, others refused for now", hosts: 2, rcpts: rcpts(2), relay: true, want: "deferred, unknown", set: func(w *world, tr *direct.Transport) {
			together(10)(w, tr)
			w.mx(1).On = func(e testsmtp.Event) *testsmtp.Fault {
				switch {
				case e.Phase == testsmtp.RCPT && e.N == 0:
					return &testsmtp.Fault{Reply: "451 4.3.0 disk"}
				case e.Phase == testsmtp.End:
					return &testsmtp.Fault{Close: true}
				}
				return nil
			}
		}},
	})
}

// TestDottedLocalParts: addresses that carriers gave out go quoted on the wire.
func TestDottedLocalParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		send(t, w.transport(), from("a..b@y.test", "abc.@y.test", ".abc@y.test", `"a..b"@y.test`))
		var got []string
		for _, c := range w.mx(1).Connections() {
			for _, line := range c.Commands {
				if rcpt, ok := strings.CutPrefix(line, "RCPT TO:"); ok {
					got = append(got, rcpt)
				}
			}
		}
		if want := []string{`<"a..b"@y.test>`, `<"abc."@y.test>`, `<".abc"@y.test>`}; !slices.Equal(got, want) {
			t.Error(got)
		}
	})
}

// TestDottedLocalPartsRaw: a host that knows such an address only as it was given out
// gets it so, once.
func TestDottedLocalPartsRaw(t *testing.T) {
	const (
		opening = "S: 220 mx\nC* EHLO *\nS: 250 mx\nC: MAIL FROM:<a@x.test>\nS: 250 ok\nC: RCPT TO:<\"%s\"@docomo.ne.jp>\n"
		again   = "\nC: RSET\nS: 250 ok\nC: MAIL FROM:<a@x.test>\nS: 250 ok\nC: RCPT TO:<%s@docomo.ne.jp>\n"
		rest    = "\nC: DATA\nS: 354 go\nC: Subject: hello\nC: \nC: Hello.\nC: .\nS: 250 ok\nC: QUIT"
	)
	for _, c := range []struct{ script, want string }{
		{opening + "S: 553 5.1.3 syntax" + again + "S: 250 ok" + rest, "accepted"},
		{opening + "S: 501 syntax" + again + "S: 250 ok" + rest, "accepted"},
		{opening + "S: 501 syntax" + again + "S: 501 syntax\nC: QUIT", "rejected"},
		{opening + "S: 550 5.1.1 unknown\nC: QUIT", "rejected"},
		{opening + "S: 250 ok" + rest, "accepted"},
	} {
		for _, local := range []string{"a..b", "abc."} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				w.add("docomo.ne.jp", 1, 50)
				tr := w.transport()
				tr.Limits.IdleTimeout = -1
				tr.Dial = func(context.Context, string, string) (net.Conn, error) {
					client, server := testsmtp.Pipe()
					go func() {
						if got, err := testsmtp.Play(server, strings.ReplaceAll(c.script, "%s", local)); err != nil {
							t.Errorf("%v\n%s", err, got)
						}
					}()
					return client, nil
				}
				if got := outcomes(send(t, tr, from(local+"@docomo.ne.jp"))); got != c.want {
					t.Errorf("%s with\n%s", got, c.script)
				}
				tr.Close()
			})
		}
	}
}

// TestNoRecipients: nothing is connected to.
func TestNoRecipients(t *testing.T) {
	w := newWorld(t, 1)
	tr := w.transport()
	res, err := tr.Send(t.Context(), nil, hello)
	checkResult(t, from(), res, err)
	send(t, tr, from())
	res, err = tr.Send(t.Context(), from("b@y.test"), nil)
	checkResult(t, from("b@y.test"), res, err)
	if len(w.dials) > 0 || err == nil {
		t.Error(w.dialled(), err)
	}
}

// TestHooks: BeforeEnd gets the indexes of the envelope that Send was given, at the
// hosts and at the fallback, and hooks aren't called two at a time.
func TestHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.add("z.test", 1, 50)
		w.names["down.test"] = dns.Host{Addrs: addrs("192.0.2.99")}
		w.dead["192.0.2.99"] = "refused"
		tr := w.transport()
		w.addRelay(tr)
		tr.RecipientsPerTransaction = 10
		env := from("a@z.test", "b@y.test", "bad", "c@down.test", "d@z.test", "b@Y.test", "e@down.test")
		var busy sync.Mutex
		var told []string
		hook := func(what string) {
			if !busy.TryLock() {
				t.Error("two hooks at a time")
				return
			}
			<-time.After(time.Millisecond)
			if what != "" {
				told = append(told, what)
			}
			busy.Unlock()
		}
		type key struct{}
		ctx := delivery.WithHooks(context.WithValue(t.Context(), key{}, 1), &delivery.Hooks{
			BeforeEnd: func(ctx context.Context, rcpts []int) error {
				hook(fmt.Sprint(rcpts, ctx.Value(key{})))
				return nil
			},
			Command: func(context.Context, string) { hook("") },
			Reply:   func(context.Context, *delivery.Reply) { hook("") },
		})
		res := sendCtx(t, ctx, tr, env)
		if got := outcomes(res); got != "accepted, accepted, not sent, accepted, accepted, accepted, accepted" {
			t.Error(got, res.Err())
		}
		slices.Sort(told)
		if want := []string{"[0 4] 1", "[1 5] 1", "[3 6] 1"}; !slices.Equal(told, want) {
			t.Error(told)
		}
		// One that objects keeps its recipients' mail back, and nobody else's.
		ctx = delivery.WithHooks(t.Context(), &delivery.Hooks{BeforeEnd: func(_ context.Context, rcpts []int) error {
			if slices.Contains(rcpts, 1) {
				return context.Canceled
			}
			return nil
		}})
		res = sendCtx(t, ctx, tr, from("a@z.test", "b@y.test"))
		if got := outcomes(res); got != "accepted, not sent" {
			t.Error(got, res.Err())
		}
	})
}

// TestStoppedAtTheFallback: a message that a hook keeps back there, or that can't be
// read, is NotSent for that reason, and not Deferred for the one that led there.
func TestStoppedAtTheFallback(t *testing.T) {
	for _, body := range []delivery.BytesBody{hello, delivery.BytesBody("Subject: x\n\nbare LF\n")} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 1)
			w.dead["192.0.2.1"] = "refused"
			tr := w.transport()
			w.addRelay(tr)
			veto := errors.New("the lease was lost")
			ctx := delivery.WithHooks(t.Context(), &delivery.Hooks{BeforeEnd: func(context.Context, []int) error { return veto }})
			env := from("b@y.test")
			res, err := tr.Send(ctx, env, body)
			checkResult(t, env, res, err)
			if got := res.Recipients[0]; got.Outcome != delivery.NotSent || errors.Is(got.Err, veto) != (string(body) == string(hello)) || len(got.Attempts) != 2 {
				t.Error(got.Outcome, got.Err, got.Attempts)
			}
		})
	}
}

// TestUnreadableBody: a message that can't be read is tried on one recipient, not on
// all.
func TestUnreadableBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		tr := w.transport()
		w.addRelay(tr)
		env := from(strings.Fields(rcpts(5))...)
		res, err := tr.Send(t.Context(), env, delivery.BytesBody("Subject: x\n\nbare LF\n"))
		checkResult(t, env, res, err)
		if res.Count(delivery.NotSent) != 5 || len(w.dials) != 1 || len(w.stored()) > 0 {
			t.Error(outcomes(res), w.dialled(), w.stored())
		}
	})
}

// TestSlowHost: an address at which the message fails comes last for the other
// recipients.
func TestSlowHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.mx(1).On = at(testsmtp.MAIL, testsmtp.Fault{Silent: true})
		tr := w.transport()
		begin := time.Now()
		res := send(t, tr, from(strings.Fields(rcpts(10))...))
		if took := time.Since(begin).Round(time.Second); res.Count(delivery.Accepted) != 10 || took != 5*time.Minute || w.dialled() != "192.0.2.1 192.0.2.2" {
			t.Error(outcomes(res), took, w.dialled())
		}
	})
}
