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

// TestReuse: which messages share a connection.
func TestReuse(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits direct.Limits
		ext    []string
		on     func(testsmtp.Event) *testsmtp.Fault
		pause  time.Duration // between two messages
		n      int
		conns  int
	}{
		{"one after the other", direct.Limits{}, nil, nil, 0, 10, 1},
		{"before the time is over", direct.Limits{}, nil, nil, 4 * time.Second, 10, 1},
		{"after it", direct.Limits{}, nil, nil, 6 * time.Second, 3, 3},
		{"never", direct.Limits{IdleTimeout: -1}, nil, nil, 0, 3, 3},
		{"age", direct.Limits{IdleTimeout: time.Hour}, nil, nil, 2 * time.Minute, 6, 2},
		{"number", direct.Limits{}, nil, nil, 0, 101, 3},
		{"the server's number", direct.Limits{}, append(slices.Clone(pipelined), "LIMITS MAILMAX=2"), nil, 0, 5, 3},
		{"none may be kept", direct.Limits{MaxIdle: -1, MaxMessages: 1}, nil, nil, 0, 3, 3},
		{"a refused recipient", direct.Limits{}, nil, answers(testsmtp.RCPT, "550 5.1.1 no"), 0, 3, 1},
		{"500 is no understanding", direct.Limits{}, nil, answers(testsmtp.RCPT, "500 what"), 0, 3, 3},
		{"555 neither", direct.Limits{}, nil, answers(testsmtp.RCPT, "555 what"), 0, 3, 3},
		{"protocol error", direct.Limits{}, nil, answers(testsmtp.RCPT, "150 what"), 0, 3, 3},
		{"421", direct.Limits{MaxPenalty: -1}, nil, at(testsmtp.RCPT, testsmtp.Fault{Reply: "421 4.7.0 bye"}), 0, 3, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				if c.ext != nil {
					w.mx(1).Extensions = c.ext
				}
				w.mx(1).On = c.on
				tr := w.transport()
				tr.Limits = c.limits
				for i := range c.n {
					if i > 0 {
						<-time.After(c.pause)
					}
					res := send(t, tr, from(fmt.Sprintf("b%d@y.test", i)))
					if c.on == nil && outcomes(res) != "accepted" {
						t.Fatal(res.Err())
					}
				}
				if len(w.dials) != c.conns {
					t.Errorf("%d connections", len(w.dials))
				}
			})
		})
	}
}

// TestDeadConnection: one that was used before and turns out to be dead costs
// nothing but another one to the same address, once.
func TestDeadConnection(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault testsmtp.Fault
		phase testsmtp.Phase
		every bool // on the new connection as well
		want  string
		dials string
	}{
		{"EOF on MAIL", testsmtp.Fault{Close: true}, testsmtp.MAIL, false, "accepted", "192.0.2.1 192.0.2.1"},
		{"RST on MAIL", testsmtp.Fault{Reset: true}, testsmtp.MAIL, false, "accepted", "192.0.2.1 192.0.2.1"},
		{"421 on MAIL", testsmtp.Fault{Reply: "421 4.4.2 idle", Close: true}, testsmtp.MAIL, false, "accepted", "192.0.2.1 192.0.2.1"},
		{"EOF on each MAIL", testsmtp.Fault{Close: true}, testsmtp.MAIL, true, "accepted", "192.0.2.1 192.0.2.1 192.0.2.2"},
		{"silence on MAIL", testsmtp.Fault{Silent: true}, testsmtp.MAIL, false, "accepted", "192.0.2.1 192.0.2.2"},
		{"451 on MAIL", testsmtp.Fault{Reply: "451 4.7.1 slow"}, testsmtp.MAIL, false, "deferred", "192.0.2.1"},
		{"EOF on DATA", testsmtp.Fault{Close: true}, testsmtp.DATA, false, "accepted", "192.0.2.1 192.0.2.2"},
		{"EOF after the dot", testsmtp.Fault{Close: true}, testsmtp.End, false, "unknown", "192.0.2.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				w.mx(1).On = func(e testsmtp.Event) *testsmtp.Fault {
					first := e.Conn == 0 && e.Transaction == 0 && e.N == 0
					if e.Phase == c.phase && !first && (c.every || e.Conn == 0) {
						return &c.fault
					}
					return nil
				}
				tr := w.transport()
				tr.Limits.MaxSessions, tr.Limits.MaxAddrs = 2, 3
				send(t, tr, from("a@y.test"))
				if res := send(t, tr, from("b@y.test")); outcomes(res) != c.want || w.dialled() != c.dials {
					t.Errorf("%s, %s:\n%s", outcomes(res), w.dialled(), w.path())
				}
			})
		})
	}
	t.Run("421 while nobody uses it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 1)
			gone := &testsmtp.Server{Extensions: pipelined}
			works := w.mx(1)
			w.at["192.0.2.1"] = gone
			tr := w.transport()
			send(t, tr, from("a@y.test"))
			w.at["192.0.2.1"] = works
			gone.Close() // it says 421 first
			if res := send(t, tr, from("b@y.test")); outcomes(res) != "accepted" || len(works.Messages()) != 1 {
				t.Error(res.Err())
			}
			if !strings.Contains(w.path(), "then fresh connection") {
				t.Error(w.path())
			}
		})
	})
}

// TestClose: nothing is left open, and nothing more is sent.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.mx(1).On = at(testsmtp.QUIT, testsmtp.Fault{Silent: true})
		w.add("z.test", 1, 50)
		tr := w.transport()
		send(t, tr, from("b@y.test", "b@z.test"))
		if n := tr.Idle(); n != 2 {
			t.Errorf("%d connections are kept", n)
		}
		begin := time.Now()
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
		for _, n := range []int{1, 50} {
			if c := w.mx(n).Connections(); len(c) != 1 || c[0].Commands[len(c[0].Commands)-1] != "QUIT" {
				t.Errorf("%+v", c)
			}
		}
		got := send(t, tr, from("b@y.test")).Recipients[0]
		if got.Outcome != delivery.NotSent || len(w.dials) != 2 {
			t.Error(got.Outcome, got.Err)
		}
		tr.Close()
	})
}

// TestCloseWhileSending: what is under way goes on, and ends politely.
func TestCloseWhileSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.mx(1).On = at(testsmtp.End, testsmtp.Fault{Delay: time.Minute})
		tr := w.transport()
		var wg sync.WaitGroup
		wg.Go(func() {
			if res := send(t, tr, from("b@y.test")); outcomes(res) != "accepted" {
				t.Error(res.Err())
			}
		})
		synctest.Wait()
		tr.Close()
		wg.Wait()
		if c := w.mx(1).Connections(); len(c) != 1 || c[0].Commands[len(c[0].Commands)-1] != "QUIT" {
			t.Errorf("%+v", c)
		}
	})
}

// TestConcurrency: the conversations with one domain are bounded, and those with
// several domains go on at the same time.
func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		var mu sync.Mutex
		var now, most int
		slow := func(e testsmtp.Event) *testsmtp.Fault {
			mu.Lock()
			defer mu.Unlock()
			switch e.Phase {
			case testsmtp.MAIL:
				if now++; now > most {
					most = now
				}
				return &testsmtp.Fault{Delay: time.Second}
			case testsmtp.End:
				now--
			}
			return nil
		}
		w.mx(1).On = slow
		tr := w.transport()
		tr.Limits.MaxConns = 3
		begin := time.Now()
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() { send(t, tr, from(fmt.Sprintf("b%d@y.test", i))) })
		}
		wg.Wait()
		took := time.Since(begin).Round(100 * time.Millisecond)
		if most != 3 || took != 4*time.Second || len(w.stored()) != 12 {
			t.Errorf("%d at a time, %v, %d messages", most, took, len(w.stored()))
		}
		// One that can't wait is not sent.
		for i := range 3 {
			wg.Go(func() { send(t, tr, from(fmt.Sprintf("c%d@y.test", i))) })
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		got := sendCtx(t, ctx, tr, from("late@y.test")).Recipients[0]
		if got.Outcome != delivery.NotSent || !errors.Is(got.Err, context.DeadlineExceeded) {
			t.Error(got.Outcome, got.Err)
		}
		wg.Wait()
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		var env delivery.Envelope
		for i := range 8 {
			domain := fmt.Sprintf("z%d.test", i)
			w.add(domain, 1, 50+i)
			w.mx(50 + i).On = at(testsmtp.MAIL, testsmtp.Fault{Delay: time.Second})
			env.Recipients = append(env.Recipients, delivery.Recipient{Address: "b@" + domain})
		}
		tr := w.transport()
		tr.Limits.MaxDomains = 4
		begin := time.Now()
		send(t, tr, &env)
		if took := time.Since(begin).Round(100 * time.Millisecond); took != 2*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// TestContext: its end before the end of data, and after it.
func TestContext(t *testing.T) {
	for phase, want := range map[testsmtp.Phase]string{
		testsmtp.Greeting: "not sent", testsmtp.EHLO: "not sent", testsmtp.MAIL: "not sent", testsmtp.RCPT: "not sent",
		testsmtp.DATA: "not sent", testsmtp.End: "unknown", "dial": "not sent",
	} {
		t.Run(string(phase), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				w.mx(1).On = at(phase, testsmtp.Fault{Silent: true})
				if phase == "dial" {
					w.dead["192.0.2.1"] = "timeout"
				}
				tr := w.transport()
				w.addRelay(tr)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				begin := time.Now()
				res := sendCtx(t, ctx, tr, from("b@y.test"))
				if took := time.Since(begin); outcomes(res) != want || took != 20*time.Second || w.dialled() != "192.0.2.1" || len(w.relay.Messages()) > 0 {
					t.Error(outcomes(res), res.Err(), took, w.dialled())
				}
				// It says nothing about the host.
				w.mx(1).On = nil
				delete(w.dead, "192.0.2.1")
				if res := send(t, tr, from("c@y.test")); outcomes(res) != "accepted" || len(w.mx(1).Messages()) != 1 {
					t.Error(res.Err())
				}
			})
		})
	}
}

// TestConfiguration: what is wrong with the fields is said before anything else.
func TestConfiguration(t *testing.T) {
	for name, tr := range map[string]*direct.Transport{
		"LocalName": {LocalName: "not a name"},
		"TLS":       {TLS: 99},
		"Plaintext": {PlaintextFallback: 99},
		"Hosts":     {Hosts: []string{"mx.test", "mx.test:0"}},
	} {
		tr.Resolver = dns.Map{}
		tr.Dial = func(context.Context, string, string) (net.Conn, error) {
			t.Errorf("%s: connected", name)
			return nil, net.ErrClosed
		}
		err := tr.Check()
		res := send(t, tr, from("b@y.test"))
		if err == nil || outcomes(res) != "not sent" {
			t.Errorf("%s: %v, %v", name, err, res.Err())
		}
	}
	var tr direct.Transport
	if err := tr.Check(); err != nil {
		t.Error(err)
	}
	tr.Close()
}

// TestHosts: fixed hosts stand in for the domain's own.
func TestHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.names["gate.test"] = dns.Host{Addrs: addrs("10.0.0.1")}
		w.at["10.0.0.1"] = &testsmtp.Server{}
		w.dead["192.0.2.2"] = "refused"
		tr := w.transport()
		tr.Hosts = []string{"192.0.2.2:2525", "gate.test:2526"}
		res := send(t, tr, from("b@nowhere.test"))
		if got := strings.Join(w.dials, " "); outcomes(res) != "accepted" || got != "192.0.2.2:2525 10.0.0.1:2526" {
			t.Error(res.Err(), got)
		}
	})
}
