package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"

	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// internet is a small one: a DNS with one domain, its two mail exchangers, and a
// relay. The addresses are those of RFC 5737, which dial leads to ports of the
// loopback interface.
type internet struct {
	names           dns.Map
	mx1, mx2, relay *testsmtp.Server
	addrs           map[string]string
	roots           *tls.Config // trusts the mail exchangers
	client          *smtp.Relay // leads to the relay
}

func startInternet() (*internet, error) {
	cert, roots := testsmtp.Certificate("mx1.example.jp", "mx2.example.jp")
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	n := &internet{
		names: dns.Map{
			"example.jp": {MX: []dns.MX{
				{Host: "mx1.example.jp", Preference: 10},
				{Host: "mx2.example.jp", Preference: 20},
			}},
			"mx1.example.jp": {Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
			"mx2.example.jp": {Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.2")}},
		},
		mx1:   &testsmtp.Server{Name: "mx1.example.jp", TLS: config},
		mx2:   &testsmtp.Server{Name: "mx2.example.jp", TLS: config},
		relay: &testsmtp.Server{Name: "relay.example.net", Users: map[string]string{"sales": "himitsu"}, RequireAuth: true},
		addrs: map[string]string{},
		roots: &tls.Config{RootCAs: roots},
	}
	for addr, s := range map[string]*testsmtp.Server{"192.0.2.1:25": n.mx1, "192.0.2.2:25": n.mx2, "relay": n.relay} {
		at, err := s.Listen()
		if err != nil {
			n.close()
			return nil, err
		}
		n.addrs[addr] = at
	}
	n.client = &smtp.Relay{Addr: n.addrs["relay"], Username: "sales", Password: "himitsu"}
	return n, nil
}

// dial connects to what stands for an address.
func (n *internet) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	at, ok := n.addrs[addr]
	if !ok {
		return nil, fmt.Errorf("there is nothing at %s", addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, at)
}

func (n *internet) close() {
	if n.client != nil {
		n.client.Close()
	}
	for _, s := range []*testsmtp.Server{n.mx1, n.mx2, n.relay} {
		s.Close()
	}
}
