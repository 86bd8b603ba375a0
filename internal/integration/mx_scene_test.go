//go:build integration

package integration_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/mtasts"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/smtp"
)

// scene is one scenario: a Transport with everything that it may need, the relay
// too, so that what isn't used isn't used by choice.
type scene struct {
	*internet
	transport *direct.Transport
	dns       *dns.Client
	sinks     map[string]*realserver.Sink // by the name of the host

	mu       sync.Mutex
	at       map[string]int // where addresses of the zones lead
	dialled  []string       // those that were connected to
	attempts []direct.Attempt
	reports  []direct.TLSReport
}

// scene returns a scene in which no address leads anywhere yet.
func (in *internet) scene(t *testing.T) *scene {
	t.Helper()
	s := &scene{
		internet: in,
		dns:      &dns.Client{Servers: []string{in.resolver}},
		sinks:    map[string]*realserver.Sink{}, at: map[string]int{},
	}
	s.at["203.0.113.80:443"] = in.policies
	s.transport = &direct.Transport{
		Resolver:  s.dns,
		Fallback:  relayTo(t, in.relay.Submission, loggedIn(t, realserver.Sender, smtp.TLSStartTLS, in.relay.CAFile)),
		LocalName: "client.test",
		TLSConfig: &tls.Config{RootCAs: in.roots},
		Timeouts:  smtp.InteractiveTimeouts(),
		Dial:      s.dial,
		Rand:      func(n int) int { return n - 1 },        // leaves the order as it is
		Limits:    direct.Limits{IdleTimeout: time.Minute}, // longer than servers are asked for a mail
		MTASTS: &mtasts.Client{Resolver: s.dns, HTTP: &http.Client{Transport: &http.Transport{
			DialContext: s.dialWeb, TLSClientConfig: &tls.Config{RootCAs: in.roots}, DisableKeepAlives: true,
		}}},
	}
	s.transport.Observer = direct.Observer{
		Attempt: func(_ context.Context, a direct.Attempt) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.attempts = append(s.attempts, a)
		},
		TLS: func(_ context.Context, r direct.TLSReport) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.reports = append(s.reports, r)
		},
	}
	t.Cleanup(func() { must(t, s.transport.Close()) })
	return s
}

// dial connects to where an address leads. It is the one thing that isn't as in
// production.
func (s *scene) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	s.mu.Lock()
	to := s.at[addr]
	s.dialled = append(s.dialled, addr)
	s.mu.Unlock()
	if to == 0 {
		return nil, fmt.Errorf("nothing was expected to go to %s", addr)
	}
	return new(net.Dialer).DialContext(ctx, "tcp4", local(to))
}

// dialWeb finds a policy host by its name.
func (s *scene) dialWeb(ctx context.Context, network, addr string) (net.Conn, error) {
	name, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	a := s.dns.Addrs(ctx, name)
	if a.Status != dns.OK {
		return nil, fmt.Errorf("%s: %v: %w", name, a.Status, a.Err)
	}
	return s.dial(ctx, network, net.JoinHostPort(a.Records[0].String(), port))
}

// host has the address of mx1, mx2 and so on lead to a port.
func (s *scene) host(n, port int) { s.at[fmt.Sprintf("203.0.113.%d:25", n)] = port }

// sink starts an smtp-sink as mx1, mx2 and so on.
func (s *scene) sink(t *testing.T, n int, line string, flags ...string) *realserver.Sink {
	t.Helper()
	sink := startedSink(t, line, flags...)
	s.sinks[fmt.Sprint("mx", n)] = sink
	s.host(n, sink.Port)
	return sink
}

// verdict is all that is to be judged about a message.
type verdict struct {
	outcome delivery.Outcome
	host    string                // who decided
	phase   delivery.Phase        // of the error; empty: there is none
	is      error                 // the error matches it; nil: whatever
	policy  string                // of the *direct.PolicyError
	code    delivery.EnhancedCode // of the *direct.Refusal
	reply   int                   // the code of the reply that decided
	path    []string              // what the observer was told, as line puts it
	reports []string              // about TLS, as reported puts it; nil: whatever
	stored  map[string]int        // how many times who has kept the mail
}

// deliver sends a mail to one recipient and judges.
func (s *scene) deliver(t *testing.T, rcpt string, want verdict) post {
	t.Helper()
	p := newPost("hello\r\n")
	s.judge(t, p, s.send(t, p, rcpt).Recipients[0], want)
	return p
}

// send sends a mail and forgets what was before.
func (s *scene) send(t *testing.T, p post, rcpts ...string) *delivery.Result {
	t.Helper()
	s.mu.Lock()
	s.attempts, s.reports, s.dialled = nil, nil, nil
	s.mu.Unlock()
	env := envelope(rcpts...)
	res, err := s.transport.Send(within(t), env, p.body)
	if len(res.Recipients) != len(rcpts) || (err == nil) != (res.Count(delivery.Accepted) == len(rcpts)) {
		t.Fatalf("%d outcomes for %d recipients, and the error %v", len(res.Recipients), len(rcpts), err)
	}
	s.sameStory(t, res)
	return res
}

// sameStory wants the result to say the same about each recipient as the observer
// was told.
func (s *scene) sameStory(t *testing.T, res *delivery.Result) {
	t.Helper()
	for i, r := range res.Recipients {
		var told, says []string
		for _, a := range s.attempts {
			if slices.Contains(a.Recipients, i) {
				told = append(told, s.line(a.Attempt))
			}
		}
		for _, a := range r.Attempts {
			says = append(says, s.line(a))
		}
		if !slices.Equal(told, says) {
			t.Errorf("%s: the observer was told %q, the result says %q", r.Address, told, says)
		}
	}
}

// judge compares what became of a mail, and how, with what should have.
func (s *scene) judge(t *testing.T, p post, r delivery.RecipientResult, want verdict) {
	t.Helper()
	got := verdict{outcome: r.Outcome, host: s.label(r.Host)}
	if got.outcome != want.outcome || got.host != want.host {
		t.Errorf("%v by %q, want %v by %q: %v", got.outcome, got.host, want.outcome, want.host, r.Err)
	}
	if e, _ := errors.AsType[*delivery.Error](r.Err); e != nil {
		got.phase = e.Phase
	}
	if got.phase != want.phase || (r.Err == nil) != (want.phase == "") || want.is != nil && !errors.Is(r.Err, want.is) {
		t.Errorf("error in phase %q, want %v in %q: %v", got.phase, want.is, want.phase, r.Err)
	}
	if e, _ := errors.AsType[*direct.PolicyError](r.Err); e != nil {
		got.policy = e.Policy
	}
	if e, _ := errors.AsType[*direct.Refusal](r.Err); e != nil {
		got.code = e.Code
	}
	if got.policy != want.policy || got.code != want.code {
		t.Errorf("policy %q and code %v, want %q and %v: %v", got.policy, got.code, want.policy, want.code, r.Err)
	}
	if r.Reply != nil {
		got.reply = r.Reply.Code
	}
	if got.reply != want.reply {
		t.Errorf("reply %v, want code %d", r.Reply, want.reply)
	}
	if path := s.path(); !slices.Equal(path, want.path) {
		t.Errorf("the path was\n\t%s\nwant\n\t%s", strings.Join(path, "\n\t"), strings.Join(want.path, "\n\t"))
		for _, a := range s.attempts {
			t.Log(a.Attempt)
		}
	}
	if reports := s.reported(); want.reports != nil && !slices.Equal(reports, want.reports) {
		t.Errorf("reports\n\t%s\nwant\n\t%s", strings.Join(reports, "\n\t"), strings.Join(want.reports, "\n\t"))
	}
	if stored := s.stored(t, p.id); !maps.Equal(stored, want.stored) {
		t.Errorf("%v have the mail, want %v", stored, want.stored)
	}
	if t.Failed() {
		t.FailNow()
	}
}

// path is what the observer was told, a line for each attempt.
func (s *scene) path() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, a := range s.attempts {
		lines = append(lines, s.line(a.Attempt))
	}
	return lines
}

// line is an attempt in short, such as "mx1: deferred at dial because the path
// failed → next host".
func (s *scene) line(a delivery.Attempt) string {
	line := s.label(a.Host)
	if a.Reused {
		line += " again"
	}
	if a.Security != "" {
		line += " " + string(a.Security)
	}
	line += ": " + a.Outcome.String()
	if a.Phase != "" {
		line += " at " + string(a.Phase)
	}
	if a.Outcome != delivery.Accepted || a.Reason != delivery.BecauseAccepted {
		line += " because " + string(a.Reason)
	}
	if a.Next != delivery.NextNone {
		line += " → " + string(a.Next)
	}
	return line
}

// reported are the reports about TLS, a line for each.
func (s *scene) reported() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, r := range s.reports {
		line := r.PolicyType + " " + r.Domain
		if r.Host != "" {
			line += " " + s.label(r.Host)
		}
		if r.Result != "" {
			line += ": " + string(r.Result)
		}
		if r.Enforced {
			line += ", enforced"
		}
		lines = append(lines, line)
	}
	return lines
}

// label is the first part of a host's name.
func (s *scene) label(host string) string {
	switch name, _, _ := strings.Cut(host, "."); {
	case host == "":
		return "nobody"
	case host == s.transport.Fallback.(*smtp.Relay).Addr:
		return "relay"
	default:
		return name
	}
}

// connected returns how many connections were made to mx1, mx2 and so on.
func (s *scene) connected(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := 0
	for _, addr := range s.dialled {
		if addr == fmt.Sprintf("203.0.113.%d:25", n) {
			k++
		}
	}
	return k
}
