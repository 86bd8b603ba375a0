package dns_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	mdns "github.com/miekg/dns"

	"github.com/qdmail/qdmail/direct/dns"
)

// script answers one question; what it leaves alone is NOERROR without records. A
// script that returns nil doesn't answer.
type script func(q *mdns.Msg, network string) *mdns.Msg

// testServer is a name server on a loopback port, over UDP and TCP, that does what
// its script says, and writes down what it was asked.
type testServer struct {
	addr  string
	mu    sync.Mutex
	asked []string // "MX example.test. udp", with " cd" and " plain" where it applies
}

func serve(t *testing.T, s script) *testServer {
	t.Helper()
	srv := &testServer{}
	tcp, udp := listen(t)
	srv.addr = udp.LocalAddr().String()
	handler := mdns.HandlerFunc(func(w mdns.ResponseWriter, q *mdns.Msg) {
		network := w.LocalAddr().Network()
		srv.note(q, network)
		if m := s(q, network); m != nil {
			w.WriteMsg(m)
		}
	})
	for _, server := range []*mdns.Server{{Listener: tcp, Handler: handler}, {PacketConn: udp, Handler: handler}} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		go server.ActivateAndServe()
		<-started
		t.Cleanup(func() { server.Shutdown() })
	}
	return srv
}

// listen finds a port that is free for both.
func listen(t *testing.T) (net.Listener, net.PacketConn) {
	t.Helper()
	for range 20 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err == nil {
			return tcp, udp
		}
		tcp.Close()
	}
	t.Fatal("no port is free")
	return nil, nil
}

func (s *testServer) note(q *mdns.Msg, network string) {
	line := mdns.TypeToString[q.Question[0].Qtype] + " " + q.Question[0].Name + " " + network
	if q.CheckingDisabled {
		line += " cd"
	}
	if opt := q.IsEdns0(); opt == nil || !opt.Do() || !q.AuthenticatedData || !q.RecursionDesired {
		line += " plain"
	}
	s.mu.Lock()
	s.asked = append(s.asked, line)
	s.mu.Unlock()
}

// questions returns what was asked since the last call.
func (s *testServer) questions() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := strings.Join(s.asked, ", ")
	s.asked = nil
	return asked
}

// reply begins an answer as a recursive server gives it, with records in the form
// of a zone file.
func reply(q *mdns.Msg, records ...string) *mdns.Msg {
	m := new(mdns.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true
	for _, s := range records {
		rr, err := mdns.NewRR(s)
		if err != nil || rr == nil {
			panic(fmt.Sprintf("%s: %v", s, err))
		}
		if _, ok := rr.(*mdns.SOA); ok {
			m.Ns = append(m.Ns, rr)
		} else {
			m.Answer = append(m.Answer, rr)
		}
	}
	return m
}

func rcode(q *mdns.Msg, code int) *mdns.Msg {
	m := reply(q)
	m.Rcode = code
	return m
}

// always gives the same answer, whatever is asked.
func always(records ...string) script {
	return func(q *mdns.Msg, _ string) *mdns.Msg { return reply(q, records...) }
}

// zone answers with the records that have the name and the type of the question,
// and with NXDOMAIN for names that it doesn't have.
func zone(records ...string) script {
	return func(q *mdns.Msg, _ string) *mdns.Msg {
		m := reply(q)
		exists := false
		for _, rr := range reply(q, records...).Answer {
			if !strings.EqualFold(rr.Header().Name, q.Question[0].Name) {
				continue
			}
			exists = true
			if rr.Header().Rrtype == q.Question[0].Qtype || rr.Header().Rrtype == mdns.TypeCNAME {
				m.Answer = append(m.Answer, rr)
			}
		}
		if !exists {
			m.Rcode = mdns.RcodeNameError
		}
		return m
	}
}

// client asks the servers; it keeps nothing.
func client(servers ...*testServer) *dns.Client {
	c := &dns.Client{CacheSize: -1}
	for _, s := range servers {
		c.Servers = append(c.Servers, s.addr)
	}
	return c
}
