package direct_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
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

// TestCrowd: many messages at a time, to hosts that fail at random. Who is accepted
// has one copy, whose outcome is unknown at most one, and everybody else none.
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const domains, messages = 6, 150
		w := newWorld(t, 1)
		rnd := rand.New(rand.NewPCG(3, 4))
		var mu sync.Mutex
		names := make([]string, 0, len(faults))
		for name := range faults {
			names = append(names, name)
		}
		slices.Sort(names)
		phases := []testsmtp.Phase{testsmtp.Greeting, testsmtp.EHLO, testsmtp.MAIL, testsmtp.RCPT, testsmtp.DATA, testsmtp.Body, testsmtp.End}
		fail := func(e testsmtp.Event) *testsmtp.Fault {
			mu.Lock()
			defer mu.Unlock()
			if !slices.Contains(phases, e.Phase) || rnd.IntN(25) > 0 {
				return nil
			}
			name := names[rnd.IntN(len(names))]
			f := faults[name]
			f.Continue = name == "cut 250" && e.Phase == testsmtp.End // otherwise it would be a lie
			return &f
		}
		for d := range domains {
			w.add(fmt.Sprintf("z%d.test", d), 2, 50+2*d)
			w.mx(50+2*d).On, w.mx(51+2*d).On = fail, fail
		}
		tr := w.transport()
		w.addRelay(tr)
		tr.Rand, tr.RecipientsPerTransaction = nil, 2
		results := make([]*delivery.Result, messages)
		var wg sync.WaitGroup
		for i := range messages {
			wg.Go(func() {
				<-time.After(time.Duration(i) * 3 * time.Second)
				env := new(delivery.Envelope)
				for d := range domains {
					for k := range 1 + (i+d)%3 {
						env.Recipients = append(env.Recipients, delivery.Recipient{Address: fmt.Sprintf("m%dr%d@z%d.test", i, k, d)})
					}
				}
				results[i] = send(t, tr, env)
			})
		}
		wg.Wait()
		tr.Close()
		copies, count := w.stored(), map[delivery.Outcome]int{}
		for _, res := range results {
			for _, r := range res.Recipients {
				count[r.Outcome]++
				n := copies[r.Address]
				if n > 1 || n == 1 && !r.Outcome.OK() && r.Outcome != delivery.Unknown || n == 0 && r.Outcome.OK() {
					t.Errorf("%s is %v and has %d copies", r.Address, r.Outcome, n)
				}
			}
		}
		t.Logf("%v, %d by the relay, %d connections", count, len(w.relay.Messages()), len(w.dials))
		if count[delivery.Accepted] == 0 || count[delivery.Unknown] == 0 || count[delivery.Rejected] == 0 || len(w.relay.Messages()) == 0 {
			t.Error("that was no test")
		}
	})
}

// TestTCP: a real network, with nothing replaced but the names.
func TestTCP(t *testing.T) {
	srv := &testsmtp.Server{TLS: serverTLS()}
	defer srv.Close()
	addr, err := srv.Listen()
	if err != nil {
		t.Fatal(err)
	}
	gone := new(testsmtp.Server)
	dead, err := gone.Listen()
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	tr := &direct.Transport{
		Resolver: dns.Map{}, LocalName: "client.test", Hosts: []string{dead, addr},
		Source: direct.Source{IPv4: netip.MustParseAddr("127.0.0.1")},
	}
	defer tr.Close()
	res := send(t, tr, from("a@y.test", "b@z.test"))
	if got := srv.Messages(); outcomes(res) != "accepted, accepted" || len(got) != 2 || !got[0].TLS {
		t.Error(res.Err(), got)
	}
}
