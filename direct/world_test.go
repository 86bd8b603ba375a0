package direct_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// hello is a small message.
var hello = delivery.BytesBody("Subject: hello\r\n\r\nHello.\r\n")

// What servers offer: PIPELINING, and CHUNKING with it.
var (
	pipelined = []string{"PIPELINING", "SIZE 10485760", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"}
	inChunks  = append(pipelined[:len(pipelined):len(pipelined)], "CHUNKING")
)

// world is a small Internet in memory: names, and what is at addresses.
type world struct {
	t     *testing.T
	names dns.Map
	at    map[string]*testsmtp.Server // by IP
	dead  map[string]string           // by IP: refused, unreachable, timeout, local
	relay *testsmtp.Server            // at relay.test

	mu       sync.Mutex
	dials    []string
	attempts []direct.Attempt
	reports  []direct.TLSReport
	blocked  []bool
}

// newWorld returns a world with the domain y.test and its hosts mx1.y.test at
// 192.0.2.1, mx2.y.test at 192.0.2.2 and so on, all of which work. It ends with the
// test.
func newWorld(t *testing.T, hosts int) *world {
	w := &world{t: t, names: dns.Map{}, at: map[string]*testsmtp.Server{}, dead: map[string]string{}}
	w.add("y.test", hosts, 1)
	t.Cleanup(w.close)
	return w
}

// add adds a domain whose hosts are at 192.0.2.n and up.
func (w *world) add(domain string, hosts, n int) {
	var mx []dns.MX
	for i := 1; i <= hosts; i++ {
		name, ip := fmt.Sprintf("mx%d.%s", i, domain), fmt.Sprintf("192.0.2.%d", n+i-1)
		mx = append(mx, dns.MX{Host: name, Preference: uint16(10 * i)})
		w.names[name] = dns.Host{Addrs: addrs(ip)}
		w.at[ip] = &testsmtp.Server{Name: name, Extensions: pipelined}
	}
	w.names[domain] = dns.Host{MX: mx}
}

func (w *world) close() {
	for _, s := range w.at {
		s.Close()
	}
	if w.relay != nil {
		w.relay.Close()
	}
}

// mx is the server at 192.0.2.n.
func (w *world) mx(n int) *testsmtp.Server { return w.at[fmt.Sprintf("192.0.2.%d", n)] }

// transport returns a Transport in this world, which is closed before it ends.
func (w *world) transport() *direct.Transport {
	tr := &direct.Transport{
		Resolver: w.names, LocalName: "client.test", Dial: w.dial,
		Rand: func(n int) int { return n - 1 }, // leaves the order as it is
	}
	tr.Observer = direct.Observer{
		Attempt: func(_ context.Context, a direct.Attempt) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.attempts = append(w.attempts, a)
		},
		TLS: func(_ context.Context, r direct.TLSReport) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.reports = append(w.reports, r)
		},
		Port25: func(_ context.Context, blocked bool) { w.blocked = append(w.blocked, blocked) },
	}
	w.t.Cleanup(func() { tr.Close() })
	return tr
}

func (w *world) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	w.mu.Lock()
	w.dials = append(w.dials, addr)
	w.mu.Unlock()
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		w.t.Errorf("%q is dialled, which is no address", addr)
		return nil, err
	}
	if six := ap.Addr().Is6(); network != map[bool]string{false: "tcp4", true: "tcp6"}[six] {
		w.t.Errorf("%s is dialled on %s", addr, network)
	}
	failed := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	ip := ap.Addr().String()
	switch how := w.dead[ip]; {
	case how == "refused":
		return failed(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	case how == "unreachable":
		return failed(os.NewSyscallError("connect", syscall.ENETUNREACH))
	case how == "local":
		return failed(os.NewSyscallError("bind", syscall.EADDRNOTAVAIL))
	case how == "timeout" || w.at[ip] == nil:
		<-ctx.Done()
		return failed(ctx.Err())
	}
	return w.at[ip].Dial(ctx, network, addr)
}

// dialled are the addresses that were, without their port, in a row.
func (w *world) dialled() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, d := range w.dials {
		ap := netip.MustParseAddrPort(d)
		all = append(all, ap.Addr().String())
	}
	return strings.Join(all, " ")
}

// path is what the observer was told, a line for each attempt.
func (w *world) path() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, a := range w.attempts {
		where := a.Host
		if a.IP.IsValid() {
			where += " " + a.IP.String()
		}
		if a.Fallback {
			where = "fallback"
		}
		fmt.Fprintf(&b, "%v %s: %v, %s, then %s\n", a.Recipients, where, a.Outcome, a.Reason, a.Next)
	}
	return b.String()
}

// stored returns how many copies of the message each recipient has, at all servers
// together, and complains about what servers complain about.
func (w *world) stored() map[string]int {
	copies := map[string]int{}
	servers := map[*testsmtp.Server]bool{}
	for _, s := range w.at {
		servers[s] = true
	}
	if w.relay != nil {
		servers[w.relay] = true
	}
	for s := range servers {
		for _, m := range s.Messages() {
			for _, r := range m.Recipients {
				copies[r.Address]++
			}
		}
		if v := s.Violations(); len(v) > 0 {
			w.t.Error(v)
		}
	}
	return copies
}

// addrs parses addresses.
func addrs(list ...string) []netip.Addr {
	var all []netip.Addr
	for _, s := range list {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

// from is the envelope from a@x.test to these.
func from(rcpts ...string) *delivery.Envelope {
	env := &delivery.Envelope{From: "a@x.test"}
	for _, a := range rcpts {
		env.Recipients = append(env.Recipients, delivery.Recipient{Address: a})
	}
	return env
}

// send sends and checks what every Transport promises.
func send(t *testing.T, tr delivery.Transport, env *delivery.Envelope) *delivery.Result {
	t.Helper()
	return sendCtx(t, t.Context(), tr, env)
}

func sendCtx(t *testing.T, ctx context.Context, tr delivery.Transport, env *delivery.Envelope) *delivery.Result {
	t.Helper()
	before := fmt.Sprintf("%+v", env)
	res, err := tr.Send(ctx, env, hello)
	if after := fmt.Sprintf("%+v", env); after != before {
		t.Errorf("the envelope became %s", after)
	}
	checkResult(t, env, res, err)
	return res
}

func checkResult(t *testing.T, env *delivery.Envelope, res *delivery.Result, err error) {
	t.Helper()
	if len(res.Recipients) != len(env.Recipients) {
		t.Fatalf("%d results for %d recipients", len(res.Recipients), len(env.Recipients))
	}
	ok := len(res.Recipients) > 0
	for i, r := range res.Recipients {
		ok = ok && r.Outcome.OK()
		if r.Address != env.Recipients[i].Address {
			t.Errorf("result %d is for %q", i, r.Address)
		}
		if r.Outcome.OK() != (r.Err == nil) {
			t.Errorf("%s: %v with error %v", r.Address, r.Outcome, r.Err)
		}
		if _, isError := errors.AsType[*delivery.Error](r.Err); r.Err != nil && !isError {
			t.Errorf("%s: the error is %#v", r.Address, r.Err)
		}
	}
	all, isSendError := errors.AsType[*delivery.SendError](err)
	if ok != (err == nil) || err != nil && (!isSendError || all.Result != res) {
		t.Errorf("the error is %v", err)
	}
}

// outcomes are the outcomes of a result in a row, such as "accepted, rejected".
func outcomes(res *delivery.Result) string {
	var all []string
	for _, r := range res.Recipients {
		all = append(all, r.Outcome.String())
	}
	return strings.Join(all, ", ")
}

// at is a fault at one phase.
func at(phase testsmtp.Phase, f testsmtp.Fault) func(testsmtp.Event) *testsmtp.Fault {
	return func(e testsmtp.Event) *testsmtp.Fault {
		if e.Phase == phase {
			return &f
		}
		return nil
	}
}

// answers is a reply at one phase.
func answers(phase testsmtp.Phase, reply string) func(testsmtp.Event) *testsmtp.Fault {
	return at(phase, testsmtp.Fault{Reply: reply})
}

// certificate is for the hosts of y.test; it is made once.
var certificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	return testsmtp.Certificate("mx1.y.test", "mx2.y.test", "relay.test")
})

// other is a certificate for somebody else.
var other = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	return testsmtp.Certificate("other.test")
})

func serverTLS() *tls.Config {
	cert, _ := certificate()
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

func clientTLS() *tls.Config {
	_, pool := certificate()
	return &tls.Config{RootCAs: pool}
}

// refuses is a relay whose credentials are wrong.
type refuses struct{}

func (refuses) Send(_ context.Context, env *delivery.Envelope, _ delivery.Body) (*delivery.Result, error) {
	res := delivery.NewResult(env)
	for i := range res.Recipients {
		res.Recipients[i].Err = &delivery.Error{Op: "smtp", Phase: delivery.PhaseAUTH, Err: delivery.ErrAuthFailed}
	}
	return res, res.Err()
}
