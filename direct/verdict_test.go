package direct_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// TestNextHost: what may try the next host, and what may use the fallback, by what
// the first host does. The second one works.
func TestNextHost(t *testing.T) {
	at1 := func(on func(testsmtp.Event) *testsmtp.Fault) func(*world, *direct.Transport) {
		return func(w *world, _ *direct.Transport) { w.mx(1).On = on }
	}
	down := func(how string) func(*world, *direct.Transport) {
		return func(w *world, _ *direct.Transport) { w.dead["192.0.2.1"] = how }
	}
	const onward = "accepted"
	var scenes []scene
	add := func(name, want string, set func(*world, *direct.Transport)) {
		scenes = append(scenes, scene{name: name, hosts: 2, relay: true, want: want, set: set})
	}
	add("S1 refused", onward, down("refused"))
	add("S1 no answer", onward, down("timeout"))
	add("S1 unreachable", onward, down("unreachable"))
	add("no source address", "not sent", down("local"))
	add("S4 greeting 4xx", onward, at1(answers(testsmtp.Greeting, "450 4.3.2 busy")))
	add("S4 greeting 5xx", onward, at1(answers(testsmtp.Greeting, "554 5.7.1 your address")))
	add("S4 greeting 521", onward, at1(answers(testsmtp.Greeting, "521 no mail here")))
	add("S4 greeting of two codes", onward, at1(at(testsmtp.Greeting, testsmtp.Fault{Raw: "220-a\r\n554 b\r\n"})))
	add("S4 SSH", onward, at1(at(testsmtp.Greeting, testsmtp.Fault{Raw: "SSH-2.0-OpenSSH_9.2\r\n"})))
	add("S8 dripping", onward, at1(at(testsmtp.Greeting, testsmtp.Fault{Drip: 20e9})))
	add("S9 endless", onward, at1(at(testsmtp.EHLO, testsmtp.Fault{Endless: "250-x\r\n"})))
	add("S10 1xx", onward, at1(answers(testsmtp.MAIL, "150 wait")))
	add("S6 EHLO and HELO refused", onward, at1(func(e testsmtp.Event) *testsmtp.Fault {
		if e.Phase == testsmtp.EHLO || e.Phase == testsmtp.HELO {
			return &testsmtp.Fault{Reply: "550 5.7.1 go away"}
		}
		return nil
	}))
	add("S5 a reply before its command", onward, at1(at(testsmtp.EHLO, testsmtp.Fault{Raw: "250-mx\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n"})))
	add("MAIL 4xx of the host", onward, at1(answers(testsmtp.MAIL, "452 4.3.1 no space")))
	add("MAIL 421", onward, at1(at(testsmtp.MAIL, testsmtp.Fault{Reply: "421 4.7.0 too many", Close: true})))
	add("RCPT 4xx of the network", onward, at1(answers(testsmtp.RCPT, "451 4.4.4 no route")))
	add("end 4xx of the host", onward, at1(answers(testsmtp.End, "451 4.3.0 disk")))
	add("DATA closed", onward, at1(at(testsmtp.DATA, testsmtp.Fault{Close: true})))
	add("DATA answered with 2xx", onward, at1(answers(testsmtp.DATA, "250 ok")))
	add("MAIL 4xx", "deferred", at1(answers(testsmtp.MAIL, "451 4.7.1 slow down")))
	add("RCPT bare 450", "deferred", at1(answers(testsmtp.RCPT, "450 greylisted")))
	add("RCPT bare 451", "deferred", at1(answers(testsmtp.RCPT, "451 greylisted")))
	add("RCPT 4.2.0", "deferred", at1(answers(testsmtp.RCPT, "450 4.2.0 greylisted")))
	add("body 4xx", "deferred", at1(answers(testsmtp.Body, "451 4.3.0 early")))
	add("end 4.7.1", "deferred", at1(answers(testsmtp.End, "451 4.7.1 later")))
	add("RCPT 5xx", "rejected", at1(answers(testsmtp.RCPT, "550 5.1.1 no such user")))
	add("MAIL 5xx", "rejected", at1(answers(testsmtp.MAIL, "550 5.1.8 bad sender")))
	add("end 5xx", "rejected", at1(answers(testsmtp.End, "554 5.7.1 spam")))
	add("body 5xx", "rejected", at1(answers(testsmtp.Body, "554 5.6.0 early")))
	add("S13 SIZE offered", onward, func(w *world, _ *direct.Transport) { w.mx(1).Extensions = []string{"SIZE 10"} })
	add("S13 MAIL 5.3.4", onward, at1(answers(testsmtp.MAIL, "552 5.3.4 too big")))
	add("S13 MAIL bare 552", onward, at1(answers(testsmtp.MAIL, "552 too big")))
	add("552 full", "deferred", at1(answers(testsmtp.RCPT, "552 Too much mail data")))
	add("552 5.2.2 full", "rejected", at1(answers(testsmtp.RCPT, "552 5.2.2 over quota")))
	add("end lost", "unknown", at1(at(testsmtp.End, testsmtp.Fault{Close: true})))
	add("end silent", "unknown", at1(at(testsmtp.End, testsmtp.Fault{Silent: true})))
	add("end 250- and EOF", onward, at1(at(testsmtp.End, testsmtp.Fault{Raw: "250-ok\r\n", Continue: true, Close: true})))
	add("MAIL 5xx, then closed", "rejected", at1(func(e testsmtp.Event) *testsmtp.Fault { // pipelined: its reply wins
		switch e.Phase {
		case testsmtp.MAIL:
			return &testsmtp.Fault{Reply: "550 5.7.0 no"}
		case testsmtp.RCPT:
			return &testsmtp.Fault{Close: true}
		}
		return nil
	}))
	play(t, scenes)
}

// TestTwoHosts: what both hosts say together.
func TestTwoHosts(t *testing.T) {
	both := func(on1, on2 func(testsmtp.Event) *testsmtp.Fault) func(*world, *direct.Transport) {
		return func(w *world, _ *direct.Transport) { w.mx(1).On, w.mx(2).On = on1, on2 }
	}
	greylisted := answers(testsmtp.RCPT, "450 4.7.1 greylisted")
	busy := answers(testsmtp.MAIL, "451 4.3.2 busy")
	tooBig := answers(testsmtp.MAIL, "552 5.3.4 too big")
	closed := answers(testsmtp.Greeting, "521 no mail")
	play(t, []scene{
		{name: "MX1 down, MX2 greylists", hosts: 2, relay: true, want: "deferred", path: `
			[0] mx1.y.test:25 192.0.2.1: deferred, the path failed, then next host
			[0] mx2.y.test:25 192.0.2.2: deferred, a verdict, then nothing`,
			set: func(w *world, _ *direct.Transport) {
				w.dead["192.0.2.1"] = "refused"
				w.mx(2).On = greylisted
			}},
		{name: "MX1 4xx, MX2 unreachable", hosts: 2, relay: true, want: "deferred", path: `
			[0] mx1.y.test:25 192.0.2.1: deferred, refused for now, for reasons of the host, then next host
			[0] mx2.y.test:25 192.0.2.2: deferred, refused for now, for reasons of the host, then nothing`,
			set: func(w *world, _ *direct.Transport) {
				w.mx(1).On = busy
				w.dead["192.0.2.2"] = "timeout"
			}},
		{name: "both busy, OnDefer", hosts: 2, relay: true, want: "accepted", set: func(w *world, tr *direct.Transport) {
			w.mx(1).On, w.mx(2).On = busy, busy
			tr.FallbackRules.OnDefer = true
		}},
		{name: "greylisted, OnDefer", hosts: 2, relay: true, want: "deferred", set: func(w *world, tr *direct.Transport) {
			w.mx(1).On = greylisted
			tr.FallbackRules.OnDefer = true
		}},
		{name: "both too small", hosts: 2, relay: true, want: "rejected", set: both(tooBig, tooBig)},
		{name: "one too small, one down", hosts: 2, relay: true, want: "deferred", set: func(w *world, _ *direct.Transport) {
			w.mx(1).On = tooBig
			w.dead["192.0.2.2"] = "refused"
		}},
		{name: "all 521", hosts: 2, relay: true, want: "rejected", err: direct.ErrNullMX, set: both(closed, closed)},
		{name: "521 and down", hosts: 2, relay: true, want: "accepted", set: func(w *world, _ *direct.Transport) {
			w.mx(1).On = closed
			w.dead["192.0.2.2"] = "refused"
		}},
		{name: "busy, then refused", hosts: 2, relay: true, want: "rejected", set: both(busy, answers(testsmtp.RCPT, "550 5.1.1 no"))},
		{name: "all down", hosts: 2, relay: true, want: "accepted", path: `
			[0] mx1.y.test:25 192.0.2.1: deferred, the path failed, then next host
			[0] mx2.y.test:25 192.0.2.2: deferred, the path failed, then fallback
			[0] fallback: accepted, accepted, then nothing`,
			set: func(w *world, _ *direct.Transport) {
				w.dead["192.0.2.1"], w.dead["192.0.2.2"] = "refused", "timeout"
			}},
		{name: "all down, no fallback", hosts: 2, want: "deferred", path: `
			[0] mx1.y.test:25 192.0.2.1: deferred, the path failed, then next host
			[0] mx2.y.test:25 192.0.2.2: deferred, the path failed, then nothing`,
			set: func(w *world, _ *direct.Transport) {
				w.dead["192.0.2.1"], w.dead["192.0.2.2"] = "refused", "timeout"
			}},
		{name: "all down, the relay's final reply lost", hosts: 1, relay: true, want: "unknown", set: func(w *world, _ *direct.Transport) {
			w.dead["192.0.2.1"] = "refused"
			w.relay.On = at(testsmtp.End, testsmtp.Fault{Close: true})
		}},
		{name: "all down, the relay refuses", hosts: 1, relay: true, want: "rejected", set: func(w *world, _ *direct.Transport) {
			w.dead["192.0.2.1"] = "refused"
			w.relay.On = answers(testsmtp.RCPT, "550 5.1.1 no such user")
		}},
		{name: "all down, the relay doesn't know us", hosts: 1, relay: true, want: "deferred", set: func(w *world, tr *direct.Transport) {
			w.dead["192.0.2.1"] = "refused"
			tr.Fallback = refuses{}
		}},
		{name: "all down, a queue as the fallback", hosts: 1, want: "queued", path: `
			[0] mx1.y.test:25 192.0.2.1: deferred, the path failed, then fallback
			[0] fallback: queued, accepted, then nothing`,
			set: func(w *world, tr *direct.Transport) {
				w.dead["192.0.2.1"] = "refused"
				tr.Fallback = delivery.TransportFunc(func(_ context.Context, env *delivery.Envelope, _ delivery.Body) (*delivery.Result, error) {
					res := delivery.NewResult(env)
					res.Recipients[0].Outcome = delivery.Queued
					return res, nil
				})
			}},
		{name: "IPv6 alone, and no source for it", hosts: 1, relay: true, want: "accepted", path: `
			[0] mx1.y.test:25: deferred, the path failed, then fallback
			[0] fallback: accepted, accepted, then nothing`,
			set: func(w *world, tr *direct.Transport) {
				w.names["mx1.y.test"] = dns.Host{Addrs: addrs("2001:db8::1")}
				tr.Source.IPv4 = netip.MustParseAddr("192.0.2.99")
			}},
		{name: "one host doesn't exist", hosts: 2, want: "accepted", path: `
			[0] mx1.y.test:25: deferred, the path failed, then next host
			[0] mx2.y.test:25 192.0.2.2: accepted, accepted, then nothing`,
			set: func(w *world, _ *direct.Transport) { delete(w.names, "mx1.y.test") }},
	})
}

// TestOtherFamily: S-5.7, a host of both families refuses our address in one.
func TestOtherFamily(t *testing.T) {
	dual := func(on6, on4 func(testsmtp.Event) *testsmtp.Fault) func(*world, *direct.Transport) {
		return func(w *world, _ *direct.Transport) {
			w.names["mx1.y.test"] = dns.Host{Addrs: addrs("192.0.2.1", "2001:db8::1", "2001:db8::2")}
			w.at["2001:db8::1"] = &testsmtp.Server{Extensions: pipelined, On: on6}
			w.mx(1).On = on4
		}
	}
	noPTR := answers(testsmtp.End, "550 5.7.25 no PTR record")
	play(t, []scene{
		{name: "the other takes it", hosts: 2, want: "accepted", set: dual(noPTR, nil), path: `
			[0] mx1.y.test:25 2001:db8::1: rejected, refused, maybe for our address, then next address
			[0] mx1.y.test:25 192.0.2.1: accepted, accepted, then nothing`},
		{name: "the other says the same", hosts: 2, relay: true, want: "rejected", set: dual(noPTR, noPTR)},
		{name: "a user is refused in one", hosts: 2, want: "rejected", set: dual(answers(testsmtp.RCPT, "550 5.1.1 no"), nil)},
		{name: "there is no other", hosts: 2, want: "rejected", set: func(w *world, _ *direct.Transport) { w.mx(1).On = noPTR }},
		{name: "the other was tried before", hosts: 2, relay: true, want: "rejected", path: `
			[0] mx1.y.test:25 2001:db8::1: deferred, the path failed, then next address
			[0] mx1.y.test:25 192.0.2.1: rejected, a verdict, then nothing`,
			set: func(w *world, tr *direct.Transport) {
				w.names["mx1.y.test"] = dns.Host{Addrs: addrs("192.0.2.1", "2001:db8::1")}
				w.dead["2001:db8::1"], w.mx(1).On = "unreachable", noPTR
			}},
		{name: "the other can't be reached", hosts: 2, relay: true, want: "rejected", path: `
			[0] mx1.y.test:25 2001:db8::1: rejected, refused, maybe for our address, then next address
			[0] mx1.y.test:25 192.0.2.1: deferred, a verdict, then nothing`,
			set: func(w *world, tr *direct.Transport) {
				dual(noPTR, nil)(w, tr)
				w.dead["192.0.2.1"] = "refused"
			}},
		{name: "the other can't be reached, OnRefusal", hosts: 2, relay: true, want: "accepted",
			set: func(w *world, tr *direct.Transport) {
				dual(noPTR, nil)(w, tr)
				w.dead["192.0.2.1"] = "refused"
				tr.FallbackRules.OnRefusal = func(r *delivery.Reply) bool { return r.Code == 550 }
			}},
		{name: "OnRefusal", hosts: 2, relay: true, want: "accepted", set: func(w *world, tr *direct.Transport) {
			w.mx(1).On = answers(testsmtp.MAIL, "554 5.7.1 your address is on a list")
			tr.FallbackRules.OnRefusal = func(r *delivery.Reply) bool { return r.Code == 554 }
		}},
	})
}
