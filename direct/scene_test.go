package direct_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// scene is one message to b@y.test, or to others, in a world with hosts mx1 and up
// for y.test.
type scene struct {
	name  string
	hosts int
	rcpts string                               // default: b@y.test
	set   func(w *world, tr *direct.Transport) // what is unlike a world that works
	want  string                               // the outcomes
	path  string                               // what the observer is told; empty: not compared
	err   error                                // is in the error of the first recipient
	relay bool                                 // with a relay as the fallback
}

// play plays scenes, each in a bubble of its own. Nobody ever has a message that
// isn't accepted, or twice.
func play(t *testing.T, scenes []scene) {
	t.Helper()
	for _, c := range scenes {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, c.play)
		})
	}
}

func (c scene) play(t *testing.T) {
	w := newWorld(t, c.hosts)
	tr := w.transport()
	if c.relay {
		w.addRelay(tr)
	}
	if c.set != nil {
		c.set(w, tr)
	}
	rcpts := strings.Fields(c.rcpts)
	if len(rcpts) == 0 {
		rcpts = []string{"b@y.test"}
	}
	res := send(t, tr, from(rcpts...))
	if got := outcomes(res); got != c.want {
		t.Errorf("%s: %v", got, res.Err())
	}
	if c.err != nil && !errors.Is(res.Recipients[0].Err, c.err) {
		t.Errorf("the error is %v", res.Recipients[0].Err)
	}
	want := strings.ReplaceAll(strings.TrimSpace(c.path), "\t", "")
	if got := strings.TrimSpace(w.path()); want != "" && got != want {
		t.Errorf("the path was\n%s", got)
	}
	w.checkAttempts(t, res)
	stored := w.stored()
	for _, r := range res.Recipients {
		most := 0
		if r.Outcome == delivery.Accepted || r.Outcome == delivery.Unknown {
			most = 1
		}
		if n := stored[r.Address]; n > most || r.Outcome == delivery.Accepted && n == 0 {
			t.Errorf("%s is %v and has %d copies", r.Address, r.Outcome, n)
		}
	}
}

// addRelay makes relay.test the fallback.
func (w *world) addRelay(tr *direct.Transport) {
	w.relay = &testsmtp.Server{Name: "relay.test", Extensions: pipelined}
	relay := &smtp.Relay{Addr: "localhost", LocalName: "client.test", Dial: w.relay.Dial, Pool: smtp.Pool{IdleTimeout: -1}}
	tr.Fallback = relay
	w.t.Cleanup(func() { relay.Close() })
}
