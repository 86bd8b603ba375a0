package direct_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// TestDown: S2, an address that can't be reached is left alone for a while: 15
// seconds, then longer with the square of the failures, up to an hour.
func TestDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.dead["192.0.2.1"] = "timeout"
		tr := w.transport()
		begin := time.Now()
		var got, want []time.Duration
		for time.Since(begin) < 6*time.Hour {
			before := len(w.dials)
			res := send(t, tr, from("b@y.test"))
			down := errors.Is(res.Recipients[0].Err, direct.ErrDown)
			if outcomes(res) != "deferred" || down == (len(w.dials) > before) {
				t.Fatalf("%v, %d connections", res.Err(), len(w.dials)-before)
			}
			if !down {
				got = append(got, time.Since(begin))
			}
			<-time.After(5 * time.Second)
		}
		over := 30 * time.Second // each try takes that
		for n := 1; over < 6*time.Hour; n++ {
			want = append(want, over)
			over += min(15*time.Second*time.Duration(n*n), time.Hour) + 30*time.Second
		}
		if !slices.Equal(got, want) {
			t.Errorf("tried until %v", got)
		}
	})
}

// TestProbe: when the time is over, one message tries, and the others don't wait.
// One that was cancelled has found nothing out.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.dead["192.0.2.1"] = "refused"
		tr := w.transport()
		var wg sync.WaitGroup
		for range 5 { // together they are one failure
			wg.Go(func() { send(t, tr, from("b@y.test")) })
		}
		wg.Wait()
		<-time.After(15 * time.Second)
		w.dead["192.0.2.1"] = "timeout"
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n := len(w.dials)
		sendCtx(t, ctx, tr, from("b@y.test"))
		for range 5 {
			wg.Go(func() { send(t, tr, from("b@y.test")) })
		}
		wg.Wait()
		if got := len(w.dials) - n; got != 2 {
			t.Errorf("%d connections", got)
		}
		delete(w.dead, "192.0.2.1")
		<-time.After(time.Minute)
		for range 3 {
			if res := send(t, tr, from("b@y.test")); outcomes(res) != "accepted" {
				t.Error(res.Err())
			}
		}
	})
}

// TestNoPenalty: MaxPenalty can switch it off.
func TestNoPenalty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.dead["192.0.2.1"] = "refused"
		tr := w.transport()
		tr.Limits.MaxPenalty = -1
		send(t, tr, from("b@y.test"))
		delete(w.dead, "192.0.2.1")
		if res := send(t, tr, from("b@y.test")); outcomes(res) != "accepted" {
			t.Error(res.Err())
		}
	})
}

// TestGreylisting: the second try goes to the host that has seen the first, among
// equals, and only among them.
func TestGreylisting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		mx := w.names["y.test"].MX
		mx[1].Preference = mx[0].Preference
		for n := range 3 {
			seen := map[string]bool{}
			w.mx(n + 1).On = func(e testsmtp.Event) *testsmtp.Fault {
				if e.Phase == testsmtp.RCPT && !seen[e.Line] {
					seen[e.Line] = true
					return &testsmtp.Fault{Reply: "450 4.7.1 greylisted"}
				}
				return nil
			}
		}
		tr := w.transport()
		first := 0
		tr.Rand = func(n int) int { return first % n }
		for i := range 4 {
			first = i
			rcpt := fmt.Sprintf("b%d@y.test", i)
			if res := send(t, tr, from(rcpt)); outcomes(res) != "deferred" {
				t.Error(res.Err())
			}
			first = i + 1 // the other one's turn
			<-time.After(5 * time.Minute)
			if res := send(t, tr, from(rcpt)); outcomes(res) != "accepted" {
				t.Error(res.Err())
			}
		}
		if len(w.mx(3).Connections()) > 0 {
			t.Error("a host of lower preference was used")
		}
	})
}

// TestPort25: S3. When nothing comes back from five domains in a row, the relay
// gets the sixth message within one connect timeout, and all the others at once.
// Now and then it is tried whether that is over.
func TestPort25(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		blocked := true
		for i := range 20 {
			w.add(fmt.Sprintf("z%d.test", i), 1, 50+i)
		}
		tr := w.transport()
		w.addRelay(tr)
		tr.Dial = w.blockable(&blocked)
		tr.Limits.MaxPenalty = -1
		one := func(domain string) (took time.Duration, dials int) {
			begin, n := time.Now(), len(w.dials)
			if res := send(t, tr, from("b@"+domain)); outcomes(res) != "accepted" {
				t.Error(res.Err())
			}
			return time.Since(begin).Round(time.Second), len(w.dials) - n
		}
		for i := range 5 {
			if took, dials := one(fmt.Sprintf("z%d.test", i)); took != 30*time.Second || dials != 1 {
				t.Errorf("message %d: %v, %d connections", i, took, dials)
			}
		}
		for i := range 15 {
			if took, dials := one(fmt.Sprintf("z%d.test", i+5)); took != 0 || dials != 0 {
				t.Errorf("message %d: %v, %d connections", i+5, took, dials)
			}
		}
		if _, err := tr.Send(t.Context(), from("b@nowhere.test"), hello); err == nil || len(w.relay.Messages()) != 20 {
			t.Error("what the DNS refuses went to the relay")
		}
		<-time.After(16 * time.Minute)
		if took, dials := one("z0.test"); took != 30*time.Second || dials != 1 {
			t.Errorf("the probe: %v, %d connections", took, dials)
		}
		if _, dials := one("z1.test"); dials != 0 {
			t.Error("a second probe")
		}
		blocked = false
		<-time.After(16 * time.Minute)
		one("z0.test")
		if _, dials := one("z1.test"); dials != 1 || len(w.relay.Messages()) != 22 {
			t.Errorf("%d connections, %d messages by the relay", dials, len(w.relay.Messages()))
		}
		if fmt.Sprint(w.blocked) != "[true false]" {
			t.Error(w.blocked)
		}
	})
}

// blockable dials like the world, and nothing comes back while blocked.
func (w *world) blockable(blocked *bool) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if *blocked {
			w.mu.Lock()
			w.dials = append(w.dials, addr)
			w.mu.Unlock()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return w.dial(ctx, network, addr)
	}
}

// TestPort25Unsure: what doesn't mean that port 25 is blocked.
func TestPort25Unsure(t *testing.T) {
	for _, c := range []struct {
		name string
		dead func(i int) string
		same bool // always the same domain
		wait time.Duration
	}{
		{"one domain", func(int) string { return "timeout" }, true, 0},
		{"one answers", func(i int) string { return []string{"timeout", "timeout", "timeout", ""}[i%4] }, false, 0},
		{"one refuses", func(i int) string { return []string{"timeout", "timeout", "timeout", "refused"}[i%4] }, false, 0},
		{"slowly", func(int) string { return "timeout" }, false, 3 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				tr := w.transport()
				tr.Limits.MaxPenalty = -1
				for i := range 12 {
					domain := fmt.Sprintf("z%d.test", i)
					if w.add(domain, 1, 50+i); c.same {
						domain = "z0.test"
					}
					w.dead[fmt.Sprintf("192.0.2.%d", 50+i)] = c.dead(i)
					send(t, tr, from("b@"+domain))
					<-time.After(c.wait)
				}
				if len(w.dials) != 12 || len(w.blocked) > 0 {
					t.Errorf("%d connections, %v", len(w.dials), w.blocked)
				}
			})
		})
	}
}

// TestPort25WithoutFallback: there is an error at once.
func TestPort25WithoutFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		tr := w.transport()
		for i := range 6 {
			domain := fmt.Sprintf("z%d.test", i)
			w.names[domain] = dns.Host{Addrs: addrs(fmt.Sprintf("198.51.100.%d", i))}
			got := send(t, tr, from("b@"+domain)).Recipients[0]
			if got.Outcome != delivery.Deferred || errors.Is(got.Err, direct.ErrPort25) != (i == 5) {
				t.Error(i, got.Outcome, got.Err)
			}
		}
	})
}

// TestMemoryIsBounded: a recipient list can't make it grow without end.
func TestMemoryIsBounded(t *testing.T) {
	var tr direct.Transport
	if a, d := tr.Remember(25_000); a > 10_000 || d > 10_000 || a == 0 || d == 0 {
		t.Errorf("%d addresses, %d domains", a, d)
	}
}
