package direct_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// dotted is a message that needs care on the wire.
var dotted = delivery.BytesBody("Subject: dots\r\n\r\n.\r\n..a\r\n.end\r\n")

// play sends the message of a cell and judges what came of it. Leaks of goroutines
// and connections are found by synctest.
func (c cell) play(t *testing.T) {
	w := newWorld(t, len(strings.Fields(c.hosts)))
	tr := w.transport()
	c.arrange(w, tr)
	env := from(strings.Fields(rcpts(c.rcpts))...)
	var talk strings.Builder
	ctx := delivery.WithHooks(t.Context(), &delivery.Hooks{
		Command: func(_ context.Context, line string) { talk.WriteString(line + "\n") },
		Reply:   func(_ context.Context, reply *delivery.Reply) { talk.WriteString(reply.String() + "\n") },
		TLS:     func(_ context.Context, version, suite string) { talk.WriteString(version + suite + "\n") },
	})
	begin := time.Now()
	res, err := tr.Send(ctx, env, dotted)
	took := time.Since(begin)
	tr.Close()
	checkResult(t, env, res, err) // I1
	if took > time.Hour {         // I8
		t.Errorf("it took %v", took)
	}
	if err != nil {
		talk.WriteString(err.Error())
	}
	talk.WriteString(w.path())
	for _, secret := range []string{"pa55", "cGE1NS13b3Jk", "AHVzZXIA"} { // I9
		if strings.Contains(talk.String(), secret) {
			t.Errorf("a credential is told: %s", talk.String())
		}
	}
	w.checkAttempts(t, res)
	c.check(t, w, res)
	if t.Failed() {
		t.Log(w.path())
		for _, s := range w.at {
			t.Log(s.Transcript())
		}
	}
}

// arrange makes the world of the cell.
func (c cell) arrange(w *world, tr *direct.Transport) {
	w.secure(tr)
	tr.TLS, tr.RecipientsPerTransaction = c.tls, c.rcpts
	tr.Limits.MaxTime = 45 * time.Minute
	for n := range w.at {
		s := w.at[n]
		if c.chunks {
			s.Extensions = inChunks
		}
		if c.isBad(int(n[len(n)-1] - '0')) {
			s.On = c.inject()
		}
	}
	if c.fallback {
		w.relay = &testsmtp.Server{Name: "relay.test", Users: map[string]string{"user": "pa55-word"}, RequireAuth: true}
		relay := &smtp.Relay{
			Addr: "localhost", LocalName: "client.test", Username: "user", Password: "pa55-word",
			Dial: w.relay.Dial, Pool: smtp.Pool{IdleTimeout: -1},
		}
		tr.Fallback = relay
		w.t.Cleanup(func() { relay.Close() })
	}
	switch h := w.names["y.test"]; c.fault {
	case "SERVFAIL":
		w.names["y.test"] = dns.Host{Fail: map[dns.Type]dns.Status{dns.TypeANY: dns.Temporary}}
	case "bogus":
		w.names["y.test"] = dns.Host{Fail: map[dns.Type]dns.Status{dns.TypeANY: dns.Bogus}}
	case "NXDOMAIN":
		delete(w.names, "y.test")
		for i := range h.MX {
			delete(w.names, h.MX[i].Host)
		}
	case "null MX":
		w.names["y.test"] = dns.Host{MX: []dns.MX{{Host: "."}}}
	case "refused", "unreachable", "timeout", "local":
		for i := range h.MX {
			if c.isBad(i + 1) {
				w.dead[fmt.Sprintf("192.0.2.%d", i+1)] = c.fault
			}
		}
	}
}

// check holds the results against what is wanted, and against what the servers
// have.
func (c cell) check(t *testing.T, w *world, res *delivery.Result) {
	last, others := c.meets()
	copies := w.stored()
	for i, got := range res.Recipients {
		host := others
		if i == c.rcpts-1 {
			host = last
		}
		want, holder := c.want(host)
		if got.Outcome.String() != want {
			t.Errorf("recipient %d: %v, not %s: %v", i, got.Outcome, want, got.Err)
		}
		if named, _ := errors.AsType[*direct.PolicyError](got.Err); (named != nil) != (host == forbidden && want == "deferred") {
			t.Errorf("recipient %d: the policy in %v", i, got.Err)
		}
		// I2: accepted means once, unknown at most once, everything else never.
		most := map[delivery.Outcome]int{delivery.Accepted: 1, delivery.Unknown: 1}[got.Outcome]
		if n := copies[got.Address]; n > most || got.Outcome == delivery.Accepted && n == 0 {
			t.Errorf("recipient %d is %v, and there are %d copies", i, got.Outcome, n)
		}
		c.checkPlaces(t, w, got, holder)
	}
	for _, m := range w.messages() {
		if string(m.Data) != string(dotted) { // I5
			t.Errorf("stored: %q", m.Data)
		}
	}
	for _, s := range w.at {
		for _, conn := range s.Connections() {
			for _, line := range conn.Commands {
				if strings.HasPrefix(line, "MAIL") && !conn.TLS && c.tls == direct.TLSVerified { // I6
					t.Error("a message in clear")
				}
			}
		}
	}
}

// checkPlaces looks where a recipient was named: nobody else may have heard of one
// who is refused or may have the message already.
func (c cell) checkPlaces(t *testing.T, w *world, got delivery.RecipientResult, holder string) {
	named := map[string]bool{}
	servers := map[string]*testsmtp.Server{"mx1": w.mx(1), "mx2": w.mx(2), "relay": w.relay}
	for name, s := range servers {
		if s == nil {
			continue
		}
		for _, conn := range s.Connections() {
			for _, line := range conn.Commands {
				named[name] = named[name] || strings.HasPrefix(line, "RCPT TO:<"+got.Address+">")
			}
		}
		for _, m := range s.Messages() {
			for _, r := range m.Recipients {
				if r.Address == got.Address && name != holder {
					t.Errorf("%s has the message of %s, not %s", name, got.Address, holder)
				}
			}
		}
	}
	switch got.Outcome {
	case delivery.Rejected, delivery.Unknown, delivery.NotSent: // I3 and I4
		if named["mx2"] || named["relay"] {
			t.Errorf("%s is %v, and others were asked: %v", got.Address, got.Outcome, named)
		}
	case delivery.Deferred:
		if named["relay"] {
			t.Errorf("%s is %v, and the relay was asked", got.Address, got.Outcome)
		}
	}
}

// messages are what all servers have.
func (w *world) messages() []testsmtp.Message {
	var all []testsmtp.Message
	for _, s := range w.at {
		all = append(all, s.Messages()...)
	}
	if w.relay != nil {
		all = append(all, w.relay.Messages()...)
	}
	return all
}
