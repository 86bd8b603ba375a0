package direct_test

import (
	"context"
	"errors"
	"net/netip"
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
	"github.com/qdmail/qdmail/smtp"
)

// status returns the enhanced code of a verdict that no server has spoken.
func status(err error) string {
	var s interface{ Status() delivery.EnhancedCode }
	if errors.As(err, &s) {
		return s.Status().String()
	}
	return ""
}

// TestDestinations: what the DNS says about a domain, and what follows. The
// recipient is b@ and the name of the case, where that has an @ in it the case
// itself. A server is at 192.0.2.1.
func TestDestinations(t *testing.T) {
	mx := func(host string) dns.Host { return dns.Host{MX: []dns.MX{{Host: host, Preference: 10}}} }
	fails := func(typ dns.Type, s dns.Status) dns.Host {
		return dns.Host{Fail: map[dns.Type]dns.Status{typ: s}}
	}
	good := dns.Host{Addrs: addrs("192.0.2.1")}
	for _, c := range []struct {
		name     string
		zone     dns.Map
		want     string // outcome, and the code of our own verdict
		err      error
		fallback bool // may be used
	}{
		{"mx.test", dns.Map{"mx.test": mx("h.test"), "h.test": good}, "accepted", nil, false},
		// D4: the address of the domain counts only if there is no MX record at all
		{"implicit.test", dns.Map{"implicit.test": good}, "accepted", nil, false},
		{"broken-mx.test", dns.Map{"broken-mx.test": {MX: []dns.MX{{Host: "192.0.2.1"}}, Addrs: addrs("192.0.2.1")}}, "deferred", dns.ErrUnusable, true},
		{"failed-mx.test", dns.Map{"failed-mx.test": {Addrs: addrs("192.0.2.1"), Fail: map[dns.Type]dns.Status{dns.TypeMX: dns.Temporary}}}, "deferred", dns.ErrServer, true},
		{"gone-mx.test", dns.Map{"gone-mx.test": {MX: mx("gone.test").MX, Addrs: addrs("192.0.2.1")}}, "rejected 5.4.4", direct.ErrNoAddress, false},
		{"empty-mx.test", dns.Map{"empty-mx.test": mx("h.test"), "h.test": {}}, "rejected 5.4.4", direct.ErrNoAddress, false},
		// D5
		{"null.test", dns.Map{"null.test": {MX: mx(".").MX, Addrs: addrs("192.0.2.1")}}, "rejected 5.1.10", direct.ErrNullMX, false},
		{"half-null.test", dns.Map{"half-null.test": {MX: []dns.MX{{Host: "."}, {Host: "h.test", Preference: 5}}}, "h.test": good}, "accepted", nil, false},
		// D6
		{"nowhere.test", dns.Map{}, "rejected 5.1.2", direct.ErrNoDomain, false},
		{"nothing.test", dns.Map{"nothing.test": {}}, "rejected 5.1.2", direct.ErrNoDomain, false},
		{"servfail.test", dns.Map{"servfail.test": fails(dns.TypeANY, dns.Temporary)}, "deferred", dns.ErrServer, true},
		{"bogus.test", dns.Map{"bogus.test": fails(dns.TypeANY, dns.Bogus)}, "deferred", dns.ErrBogus, false},
		{"bogus-host.test", dns.Map{"bogus-host.test": mx("h.test"), "h.test": fails(dns.TypeANY, dns.Bogus)}, "deferred", dns.ErrBogus, false},
		{"failed-host.test", dns.Map{"failed-host.test": mx("h.test"), "h.test": fails(dns.TypeANY, dns.Temporary)}, "deferred", dns.ErrServer, true},
		{"half-host.test", dns.Map{"half-host.test": mx("h.test"), "h.test": {Addrs: addrs("192.0.2.1"), Fail: map[dns.Type]dns.Status{dns.TypeAAAA: dns.Temporary}}}, "accepted", nil, false},
		// D7
		{"alias.test", dns.Map{"alias.test": {CNAME: "real.test"}, "real.test": mx("h.test"), "h.test": good}, "accepted", nil, false},
		{"alias-host.test", dns.Map{"alias-host.test": mx("h.test"), "h.test": {CNAME: "g.test"}, "g.test": good}, "accepted", nil, false},
		{"circle.test", dns.Map{"circle.test": {CNAME: "circle.test"}}, "deferred", dns.ErrLoop, true},
		// D9
		{"private.test", dns.Map{"private.test": mx("h.test"), "h.test": {Addrs: addrs("10.0.0.1", "fd00::1")}}, "rejected 5.4.4", direct.ErrForbidden, false},
		{"metadata.test", dns.Map{"metadata.test": {Addrs: addrs("169.254.169.254")}}, "rejected 5.4.4", direct.ErrForbidden, false},
		{"local-mx.test", dns.Map{"local-mx.test": mx("localhost"), "localhost": good}, "rejected 5.4.4", direct.ErrForbidden, false},
		{"half-private.test", dns.Map{"half-private.test": mx("h.test"), "h.test": {Addrs: addrs("127.0.0.1", "192.0.2.1")}}, "accepted", nil, false},
		// D2
		{"名前.test", dns.Map{"xn--ldr85b.test": mx("h.test"), "h.test": good}, "accepted", nil, false},
		{"b@a..test", dns.Map{}, "rejected 5.1.2", nil, false},
		{"b@\u2024.test", dns.Map{}, "rejected 5.1.2", nil, false},
		{"b@" + strings.Repeat("a.", 127) + "test", dns.Map{}, "rejected 5.1.2", nil, false},
		{"score.test", dns.Map{"score.test": mx("h_1.test"), "h_1.test": good}, "accepted", nil, false},
		// D8
		{"b@[192.0.2.1]", dns.Map{}, "rejected 5.1.2", direct.ErrLiteral, false},
		{"b@[192.0.2.1", dns.Map{}, "not sent", nil, false},
		{"b@[2001:db8::1]", dns.Map{}, "not sent", nil, false},
		{"b@", dns.Map{}, "not sent", nil, false},
		{"@mx.test", dns.Map{}, "not sent", nil, false},
		// a list, where one address belongs
		{"a@x.test,b@mx.test", dns.Map{"mx.test": mx("h.test"), "h.test": good}, "not sent", nil, false},
		{"a@x.test; b@mx.test", dns.Map{"mx.test": mx("h.test"), "h.test": good}, "not sent", nil, false},
		{`"a@x.test,b"@mx.test`, dns.Map{"mx.test": mx("h.test"), "h.test": good}, "accepted", nil, false},
		{"a,b@mx.test", dns.Map{"mx.test": mx("h.test"), "h.test": good}, "accepted", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				w.names = c.zone
				tr := w.transport()
				w.relay = &testsmtp.Server{Name: "relay.test"}
				tr.Fallback = &smtp.Relay{Addr: "localhost", Dial: w.relay.Dial, Pool: smtp.Pool{IdleTimeout: -1}}
				addr := c.name
				if !strings.Contains(addr, "@") {
					addr = "b@" + addr
				}
				res := send(t, tr, from(addr))
				got := res.Recipients[0]
				relayed := len(w.relay.Messages()) > 0
				if relayed != c.fallback {
					t.Errorf("the fallback was used: %v", relayed)
				}
				tr.Fallback = nil
				if c.fallback {
					got = send(t, tr, from(addr)).Recipients[0]
				}
				said := strings.TrimSpace(got.Outcome.String() + " " + status(got.Err))
				if said != c.want || c.err != nil && !errors.Is(got.Err, c.err) {
					t.Errorf("%s, %v", said, got.Err)
				}
				dead := got.Outcome == delivery.Rejected && c.err != direct.ErrLiteral
				if errors.Is(got.Err, delivery.ErrUndeliverable) != dead || errors.Is(res.Err(), delivery.ErrUndeliverable) != dead {
					t.Errorf("nobody takes mail for the domain: %v; %v", !dead, got.Err)
				}
				if e, _ := errors.AsType[*delivery.Error](got.Err); e != nil {
					if e.PathFailure() != c.fallback || e.Temporary() != (got.Outcome == delivery.Deferred) {
						t.Errorf("path failure %v, temporary %v: %v", e.PathFailure(), e.Temporary(), e)
					}
				}
				if len(w.attempts) == 0 {
					t.Error("the observer wasn't told")
				}
				if got.Outcome != delivery.Accepted && len(w.dials) > 0 {
					t.Errorf("connected to %s", w.dialled())
				}
			})
		})
	}
}

// TestLiterals: D8, with address literals switched on.
func TestLiterals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.at["2001:db8::1"] = &testsmtp.Server{}
		tr := w.transport()
		tr.AddressLiterals = true
		res := send(t, tr, from("b@[192.0.2.1]", "b@[IPv6:2001:DB8::1]", "b@[127.0.0.1]", "b@[IPv6:::ffff:10.0.0.1]"))
		if got := outcomes(res); got != "accepted, accepted, rejected, rejected" {
			t.Error(got, res.Err())
		}
		dials := strings.Fields(w.dialled())
		slices.Sort(dials)
		if !slices.Equal(dials, []string{"192.0.2.1", "2001:db8::1"}) {
			t.Error(dials)
		}
	})
}

// asked is a Resolver that writes down what it is asked.
type asked struct {
	dns.Resolver
	mu    sync.Mutex
	names []string
}

func (a *asked) note(typ, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.names = append(a.names, typ+" "+name)
}

func (a *asked) MX(ctx context.Context, name string) dns.Answer[dns.MX] {
	a.note("MX", name)
	return a.Resolver.MX(ctx, name)
}

func (a *asked) Addrs(ctx context.Context, name string) dns.Answer[netip.Addr] {
	a.note("A", name)
	return a.Resolver.Addrs(ctx, name)
}

func (a *asked) TXT(ctx context.Context, name string) dns.Answer[string] {
	a.note("TXT", name)
	return a.Resolver.TXT(ctx, name)
}

func (a *asked) TLSA(ctx context.Context, name string) dns.Answer[dns.TLSA] {
	a.note("TLSA", name)
	return a.Resolver.TLSA(ctx, name)
}

// TestQuestions: names are asked for in ASCII, and the policy is that of the domain
// in the address, before its CNAME. The address itself stays as it is.
func TestQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.names["xn--ldr85b.test"] = dns.Host{CNAME: "y.test"}
		r := &asked{Resolver: w.names}
		tr := w.transport()
		tr.Resolver = r
		send(t, tr, from("b@名前.TEST"))
		want := "MX xn--ldr85b.test, TXT _mta-sts.xn--ldr85b.test, A mx1.y.test"
		if got := strings.Join(r.names, ", "); got != want {
			t.Error(got)
		}
		if w.stored()["b@xn--ldr85b.TEST"]+w.stored()["b@xn--ldr85b.test"] != 1 {
			t.Error(w.stored())
		}
	})
}

// TestSelf: D10, where this host is among the mail exchangers.
func TestSelf(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   func(*direct.Transport)
		want  string
		dials string
	}{
		{"nobody", func(*direct.Transport) {}, "accepted", "192.0.2.1"},
		{"first by name", func(tr *direct.Transport) { tr.OwnHosts = []string{"MX1.y.test."} }, "rejected", ""},
		{"first by EHLO", func(tr *direct.Transport) { tr.LocalName = "mx1.y.test" }, "rejected", ""},
		{"first by address", func(tr *direct.Transport) { tr.OwnAddrs = addrs("192.0.2.1") }, "rejected", ""},
		{"second by address", func(tr *direct.Transport) { tr.OwnAddrs = addrs("::ffff:192.0.2.2") }, "accepted", "192.0.2.1"},
		{"second, first down", func(tr *direct.Transport) { tr.OwnHosts = []string{"mx2.y.test"}; tr.LocalName = "down" }, "deferred", "192.0.2.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				tr := w.transport()
				if c.set(tr); tr.LocalName == "down" {
					w.dead["192.0.2.1"] = "refused"
				}
				got := send(t, tr, from("b@y.test")).Recipients[0]
				if got.Outcome.String() != c.want || w.dialled() != c.dials {
					t.Error(got.Outcome, got.Err, w.dialled())
				}
				if got.Outcome == delivery.Rejected && (!errors.Is(got.Err, direct.ErrSelf) || status(got.Err) != "5.4.6" || errors.Is(got.Err, delivery.ErrUndeliverable)) {
					t.Error(got.Err)
				}
			})
		})
	}
	t.Run("greets with our name", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 2)
			tr := w.transport()
			tr.LocalName = "Client.Test"
			w.mx(1).Name = "client.test"
			tr.Fallback = delivery.TransportFunc(func(context.Context, *delivery.Envelope, delivery.Body) (*delivery.Result, error) {
				t.Error("the fallback was used")
				return nil, nil
			})
			got := send(t, tr, from("b@y.test")).Recipients[0]
			if got.Outcome != delivery.Deferred || !errors.Is(got.Err, direct.ErrSelf) || w.dialled() != "192.0.2.1" {
				t.Error(got.Outcome, got.Err, w.dialled())
			}
		})
	})
}

// TestResolverSilent: the end of the context ends the questions, and is no fault of
// the domain.
func TestResolverSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		h := w.names["y.test"]
		h.Delay = time.Hour
		w.names["y.test"] = h
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		got := sendCtx(t, ctx, w.transport(), from("b@y.test")).Recipients[0]
		if got.Outcome != delivery.NotSent || !errors.Is(got.Err, context.DeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Error(got.Outcome, got.Err, time.Since(begin))
		}
	})
}
