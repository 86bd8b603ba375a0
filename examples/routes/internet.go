package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// internet is a small one: a DNS with two carriers, their servers, and a relay. The
// addresses are those of RFC 5737, which dial leads to ports of the loopback
// interface.
type internet struct {
	names   dns.Map
	roots   *tls.Config // trusts the carriers
	servers []*testsmtp.Server
	addrs   map[string]string // where they really are
	relay   string            // the URL of the relay
}

func startInternet() (*internet, error) {
	cert, roots := testsmtp.Certificate("mx.carrier.example", "mx.docomo.example", "mx.au.example")
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	at := func(ip string) dns.Host { return dns.Host{Addrs: []netip.Addr{netip.MustParseAddr(ip)}} }
	mx := func(host string) dns.Host { return dns.Host{MX: []dns.MX{{Host: host, Preference: 10}}} }
	n := &internet{
		names: dns.Map{
			"docomo.ne.jp": mx("mx.docomo.example"), "au.com": mx("mx.au.example"), "ezweb.ne.jp": mx("mx.au.example"),
			"mx.carrier.example": at("192.0.2.10"), "mx.docomo.example": at("192.0.2.20"), "mx.au.example": at("192.0.2.30"),
		},
		roots: &tls.Config{RootCAs: roots},
		addrs: map[string]string{},
	}
	for _, s := range []struct {
		addr   string
		server *testsmtp.Server
	}{
		{"192.0.2.10:25", &testsmtp.Server{Name: "mx.carrier.example", TLS: config, On: dedicated}},
		{"192.0.2.20:25", &testsmtp.Server{Name: "mx.docomo.example", TLS: config}},
		{"192.0.2.30:25", &testsmtp.Server{Name: "mx.au.example", TLS: config}},
		{"relay", &testsmtp.Server{Name: "relay.example.net", Users: map[string]string{"shop": "himitsu"}, RequireAuth: true}},
	} {
		at, err := s.server.Listen()
		if err != nil {
			n.close()
			return nil, err
		}
		n.servers = append(n.servers, s.server)
		n.addrs[s.addr] = at
	}
	n.relay = (&url.URL{Scheme: "smtp", User: url.UserPassword("shop", "himitsu"), Host: n.addrs["relay"]}).String()
	return n, nil
}

// dedicated refuses what the host isn't for.
func dedicated(e testsmtp.Event) *testsmtp.Fault {
	if e.Phase == testsmtp.MAIL && !strings.Contains(e.Line, "@news.example.co.jp>") {
		return &testsmtp.Fault{Reply: "550 5.7.1 not the sender that was agreed on"}
	}
	return nil
}

// open opens what the routes name. In a real program this is qdmail.Opener alone; here
// the transport gets another DNS and another network, in which source= means nothing.
func (n *internet) open(rawURL string) (delivery.Transport, error) {
	opened, err := qdmail.Opener(direct.Scheme(qdmail.OpenTransport))(rawURL)
	if err != nil {
		return nil, err
	}
	if t, ok := opened.(*direct.Transport); ok {
		if t.TLSConfig == nil {
			t.TLSConfig = new(tls.Config)
		}
		t.Resolver, t.Dial, t.TLSConfig.RootCAs = n.names, n.dial, n.roots.RootCAs
	}
	return opened, nil
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
	for _, s := range n.servers {
		s.Close()
	}
}
