package direct_test

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// checkAttempts: the results tell of each recipient what the observer was told of it,
// and what stands in the result is what the last of its attempts came to.
func (w *world) checkAttempts(t *testing.T, res *delivery.Result) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, r := range res.Recipients {
		var told []delivery.Attempt
		for _, a := range w.attempts {
			if slices.Contains(a.Recipients, i) {
				told = append(told, a.Attempt)
			}
		}
		if len(told) == 0 || !reflect.DeepEqual(told, r.Attempts) {
			t.Errorf("%s has the attempts %v, and %v were told", r.Address, r.Attempts, told)
		}
		if !slices.ContainsFunc(told, func(a delivery.Attempt) bool { return a.Outcome == r.Outcome }) && r.Outcome != delivery.Rejected {
			t.Errorf("%s is %v, and none of its attempts: %v", r.Address, r.Outcome, told)
		}
	}
}

// path is what the attempts of a recipient say, a line each.
func path(r delivery.RecipientResult) string {
	var lines []string
	for _, a := range r.Attempts {
		lines = append(lines, a.String())
	}
	return strings.Join(lines, "\n")
}

// TestAttempts: the path in the result, as a person reads it.
func TestAttempts(t *testing.T) {
	const refused1 = "dial tcp4: connect: connection refused"
	for _, c := range []struct {
		name  string
		hosts int
		rcpt  string
		relay bool
		set   func(*world, *direct.Transport)
		want  string
	}{
		{"a dead host, then one with TLS", 2, "b@y.test", false, func(w *world, tr *direct.Transport) {
			w.dead["192.0.2.1"] = "refused"
			w.mx(2).TLS = serverTLS()
		}, `mx1.y.test:25 at 192.0.2.1: deferred at dial: ` + refused1 + ` (the path failed; then next host)
			mx2.y.test:25 at 192.0.2.2, encrypted: accepted: 250 2.0.0 ok, 26 octets`},
		{"all dead, then the fallback", 1, "b@y.test", true, func(w *world, tr *direct.Transport) {
			w.dead["192.0.2.1"] = "refused"
		}, `mx1.y.test:25 at 192.0.2.1: deferred at dial: ` + refused1 + ` (the path failed; then fallback)
			fallback, localhost:587: accepted: 250 2.0.0 ok, 26 octets`},
		{"greylisted", 2, "b@y.test", true, func(w *world, tr *direct.Transport) {
			w.mx(1).On = answers(testsmtp.RCPT, "450 4.7.1 come back")
		}, `mx1.y.test:25 at 192.0.2.1, clear: deferred at RCPT: 450 4.7.1 come back (a verdict; then nothing)`},
		{"broken TLS", 1, "b@y.test", false, func(w *world, tr *direct.Transport) {
			w.mx(1).TLS = serverTLS()
			w.mx(1).On = at(testsmtp.Handshake, testsmtp.Fault{Silent: true})
		}, `mx1.y.test:25 at 192.0.2.1: deferred at TLS: no progress within 5m0s: i/o timeout (the path failed; then smaller hello)
			mx1.y.test:25 at 192.0.2.1: deferred at TLS: no progress within 5m0s: i/o timeout (the path failed; then without TLS)
			mx1.y.test:25 at 192.0.2.1, clear: accepted: 250 2.0.0 ok, 26 octets`},
		{"nobody there", 1, "b@nowhere.test", true, nil,
			`no host: rejected at prepare: 5.1.2 the domain doesn't exist or has no mail exchanger (a verdict; then nothing)`},
		{"no address", 1, "b", true, nil,
			`no host: not sent at prepare: an address has a local part, @ and a domain (a fault on our side; then nothing)`},
		{"more addresses than one attempt takes", 3, "b@y.test", false, func(w *world, tr *direct.Transport) {
			for i := 1; i <= 3; i++ {
				w.mx(i).On = answers(testsmtp.MAIL, "421 4.3.2 down")
			}
		}, `mx1.y.test:25 at 192.0.2.1, clear: deferred at MAIL: 421 4.3.2 down (refused for now, for reasons of the host; then next host)
			mx2.y.test:25 at 192.0.2.2, clear: deferred at MAIL: 421 4.3.2 down (refused for now, for reasons of the host; then nothing, by the limits of an attempt)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, c.hosts)
				tr := w.transport()
				if c.relay {
					w.addRelay(tr)
				}
				if c.set != nil {
					c.set(w, tr)
				}
				res := send(t, tr, from(c.rcpt))
				w.checkAttempts(t, res)
				if got, want := path(res.Recipients[0]), strings.ReplaceAll(c.want, "\t", ""); got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
				b, err := json.Marshal(res.Recipients[0].Attempts)
				var back []delivery.Attempt
				if err != nil || json.Unmarshal(b, &back) != nil || path(delivery.RecipientResult{Attempts: back}) != path(res.Recipients[0]) {
					t.Errorf("%s %v", b, err)
				}
			})
		})
	}
}

// TestAttemptsOfTheFallback: a fallback that tells more than its result is quoted, and
// one that can't be used, or gives no account, is seen to be so.
func TestAttemptsOfTheFallback(t *testing.T) {
	const first = "mx1.y.test:25 at 192.0.2.1: deferred at dial: dial tcp4: connect: connection refused (the path failed; then fallback)\n"
	for _, c := range []struct {
		name, outcomes string
		fallback       func(w *world) delivery.Transport
		want           string
	}{
		{"another way of delivering directly", "accepted", func(w *world) delivery.Transport {
			w.add("z.test", 2, 50)
			w.dead["192.0.2.50"] = "refused"
			other := w.transport()
			other.Hosts, other.Observer = []string{"mx1.z.test", "mx2.z.test"}, direct.Observer{}
			return other
		}, first + "fallback, mx1.z.test:25 at 192.0.2.50: deferred at dial: dial tcp4: connect: connection refused (the path failed; then next host)\n" +
			"fallback, mx2.z.test:25 at 192.0.2.51, clear: accepted: 250 2.0.0 ok, 26 octets"},
		{"it doesn't know us", "deferred", func(*world) delivery.Transport { return refuses{} },
			first + "fallback: not sent at AUTH: authentication failed (a fault on our side; then nothing)"},
		{"no account", "unknown", func(*world) delivery.Transport {
			return delivery.TransportFunc(func(context.Context, *delivery.Envelope, delivery.Body) (*delivery.Result, error) {
				return &delivery.Result{}, nil
			})
		}, first + "fallback: unknown at end: the fallback doesn't account for each recipient (it may have been delivered; then nothing)"},
		{"nothing at all", "unknown", func(*world) delivery.Transport {
			return delivery.TransportFunc(func(context.Context, *delivery.Envelope, delivery.Body) (*delivery.Result, error) { return nil, nil })
		}, first + "fallback: unknown at end: the fallback doesn't account for each recipient (it may have been delivered; then nothing)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				w.dead["192.0.2.1"] = "refused"
				tr := w.transport()
				tr.Fallback = c.fallback(w)
				res := send(t, tr, from("b@y.test", "B@y.test", "b@y.test")) // the first and the last are the same
				if got := outcomes(res); got != strings.Join([]string{c.outcomes, c.outcomes, c.outcomes}, ", ") {
					t.Error(got)
				}
				for _, r := range []delivery.RecipientResult{res.Recipients[0], res.Recipients[2]} {
					if got := path(r); got != c.want {
						t.Errorf("got\n%s\nwant\n%s", got, c.want)
					}
				}
			})
		})
	}
}

// TestCancelledBeforeTheFallback: nothing goes to it any more, and the path says so.
func TestCancelledBeforeTheFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.names["y.test"] = dns.Host{Fail: map[dns.Type]dns.Status{dns.TypeANY: dns.Temporary}}
		tr := w.transport()
		w.addRelay(tr)
		ctx, cancel := context.WithCancel(t.Context())
		tr.Observer.Attempt = func(context.Context, direct.Attempt) { cancel() }
		res := sendCtx(t, ctx, tr, from("b@y.test"))
		if got := path(res.Recipients[0]); outcomes(res) != "not sent" || len(w.relay.Connections()) > 0 ||
			!strings.HasSuffix(got, "then fallback)\nfallback: not sent at prepare: context canceled (a fault on our side; then nothing)") {
			t.Errorf("%s\n%s", outcomes(res), got)
		}
	})
}
