package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net"
	"net/netip"

	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/preflight"
	"github.com/qdmail/qdmail/dkim"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// internet is a small one: a DNS with a good and a bad domain, and a server that
// stands for the mail exchangers of others.
type internet struct {
	names dns.Map
	keys  []preflight.Key // those of example.jp
	mx    *testsmtp.Server
	addr  string // where mx really is
}

func startInternet() (*internet, error) {
	n := &internet{names: names(), mx: &testsmtp.Server{Name: "mx.example.com"}}
	if err := n.publishKeys(); err != nil {
		return nil, err
	}
	addr, err := n.mx.Listen()
	n.addr = addr
	return n, err
}

// names are what is in the DNS. The addresses are those of RFC 5737 and RFC 3849.
func names() dns.Map {
	addrs := func(list ...string) []netip.Addr {
		var parsed []netip.Addr
		for _, s := range list {
			parsed = append(parsed, netip.MustParseAddr(s))
		}
		return parsed
	}
	return dns.Map{
		// The good host and its domain.
		"25.2.0.192.in-addr.arpa": {PTR: []string{"mail.example.jp"}},
		"5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": {PTR: []string{"mail.example.jp"}},

		"mail.example.jp": {Addrs: addrs("192.0.2.25", "2001:db8::25"), TXT: []string{"v=spf1 a -all"}},
		"example.jp": {
			MX:  []dns.MX{{Host: "mail.example.jp", Preference: 10}},
			TXT: []string{"v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 -all"},
		},
		"_dmarc.example.jp": {TXT: []string{"v=DMARC1; p=quarantine; rua=mailto:dmarc@example.jp"}},

		// The bad ones.
		"7.100.51.198.in-addr.arpa":      {PTR: []string{"7.pool.cloud.test"}},
		"7.pool.cloud.test":              {Addrs: addrs("198.51.100.7")},
		"vm-1234.cloud.test":             {Addrs: addrs("198.51.100.7")},
		"startup.test":                   {TXT: []string{"v=spf1 include:spf.relay.test ~all"}},
		"spf.relay.test":                 {TXT: []string{"v=spf1 ip4:203.0.113.0/24 -all"}},
		"news.startup.test":              {TXT: []string{"v=spf1 mx -all", "v=spf1 a -all"}, MX: []dns.MX{{Host: "."}}},
		"s1._domainkey.startup.test":     {TXT: []string{"v=DKIM1; k=rsa; p="}},
		"s2._domainkey.startup.test":     {Fail: map[dns.Type]dns.Status{dns.TypeTXT: dns.Temporary}},
		"_dmarc.startup.test":            {TXT: []string{"v=DMARC1; p=none; rua=dmarc@startup.test"}},
		"7.100.51.198.bl.example.net":    {Addrs: addrs("127.0.0.10"), TXT: []string{"a pool of addresses that send no mail"}},
		"7.100.51.198.other.example.net": {Addrs: addrs("127.255.255.254")},
		"2.0.0.127.bl.example.net":       {Addrs: addrs("127.0.0.2")},
		"7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.other.example.net": {Addrs: addrs("127.255.255.254")},
		"mx.example.com": {Addrs: addrs("203.0.113.1", "2001:db8::1")},
		"mx.example.net": {Addrs: addrs("203.0.113.2", "2001:db8::2")},
		"example.com":    {MX: []dns.MX{{Host: "mx.example.com", Preference: 10}}},
		"example.net":    {MX: []dns.MX{{Host: "mx.example.net", Preference: 10}}},
		"arpa":           {Secure: true},
	}
}

// publishKeys makes the keys of example.jp, and puts them into the DNS.
func (n *internet) publishKeys() error {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	for _, key := range []dkim.Key{
		{Domain: "example.jp", Selector: "r202601", Private: rsaKey},
		{Domain: "example.jp", Selector: "e202601", Private: edKey},
	} {
		record, err := key.Record()
		if err != nil {
			return err
		}
		n.names[record.Name] = dns.Host{TXT: []string{record.Value}}
		n.keys = append(n.keys, preflight.Key{Domain: key.Domain, Selector: key.Selector, Public: key.Private.Public()})
	}
	return nil
}

// dial connects to the one server, whatever the address.
func (n *internet) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", n.addr)
}

// dialNowhere is what happens where a provider blocks port 25, without the waiting.
func (n *internet) dialNowhere(_ context.Context, network, addr string) (net.Conn, error) {
	return nil, fmt.Errorf("%s %s: %w", network, addr, context.DeadlineExceeded)
}

func (n *internet) close() { n.mx.Close() }
