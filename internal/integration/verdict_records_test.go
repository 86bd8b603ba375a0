//go:build integration

package integration_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
)

// zoneOf is what the DNS has of the domain of a message.
type zoneOf struct {
	records []string     // in the form of a zone file; @ stands for the domain
	rcode   int          // in place of any answer, if it isn't 0
	silent  bool         // there is no answer at all
	own     []netip.Addr // what our Transport takes for its own addresses
	served  bool         // the scripted server is at 127.0.0.1, and the other host at nextIP
	allowed bool         // our Transport may connect to them
}

// nextIP is the address of the other host where hosts are found by the DNS, which
// has no ports.
const nextIP = "127.0.0.2"

// startRecords answers for the domains of all messages, over UDP and TCP. A libc
// asks port 53 and no other, so the address is a random one of the many that a
// machine has for itself.
func startRecords(t *testing.T, all []*hearing) (addr string) {
	t.Helper()
	zones := map[string]*zoneOf{}
	for _, h := range all {
		if h.trial.zone != nil {
			zones[h.domain+"."] = h.trial.zone
		}
	}
	handler := mdns.HandlerFunc(func(w mdns.ResponseWriter, q *mdns.Msg) {
		if m := answerFrom(zones, q); m != nil {
			w.WriteMsg(m)
		}
	})
	udp, tcp := listenDNS(t)
	for _, s := range []*mdns.Server{{PacketConn: udp, Handler: handler}, {Listener: tcp, Handler: handler}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go s.ActivateAndServe()
		<-started
		t.Cleanup(func() { s.Shutdown() })
	}
	return udp.LocalAddr().String()
}

func listenDNS(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 20 {
		addr := fmt.Sprintf("127.%d.%d.%d:53", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
		udp, err := net.ListenPacket("udp4", addr)
		if err != nil {
			continue
		}
		if tcp, err := net.Listen("tcp4", addr); err == nil {
			return udp, tcp
		}
		udp.Close()
	}
	t.Fatal("no address is free")
	return nil, nil
}

// answerFrom answers as a recursive server does.
func answerFrom(zones map[string]*zoneOf, q *mdns.Msg) *mdns.Msg {
	name := strings.ToLower(q.Question[0].Name)
	labels := mdns.SplitDomainName(name)
	domain := strings.Join(labels[max(0, len(labels)-2):], ".") + "."
	m := new(mdns.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true
	z := zones[domain]
	switch {
	case z == nil:
		m.Rcode = mdns.RcodeNameError
		return m
	case z.silent:
		return nil
	case z.rcode != 0:
		m.Rcode = z.rcode
		return m
	}
	m.Rcode = mdns.RcodeNameError
	for _, text := range z.records {
		rr, err := mdns.NewRR(strings.ReplaceAll(text, "@", domain))
		if err != nil || rr.Header().Name != name {
			continue
		}
		m.Rcode = mdns.RcodeSuccess
		if rr.Header().Rrtype == q.Question[0].Qtype {
			m.Answer = append(m.Answer, rr)
		}
	}
	return m
}
