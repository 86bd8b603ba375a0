package dns_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/qdmail/qdmail/direct/dns"
)

// splitQuestions returns the names of what a server was asked.
func splitQuestions(asked string) []string {
	var names []string
	for q := range strings.SplitSeq(asked, ", ") {
		names = append(names, strings.Fields(q)[1])
	}
	return names
}

// oneAnswer is a connection on which the same octets answer each question, with
// its ID and over TCP with their length.
type oneAnswer struct {
	net.Conn
	octets  []byte
	network string
	id      [2]byte
	unread  []byte
}

func (c *oneAnswer) Write(p []byte) (int, error) {
	q, n := p, len(p)
	if c.network == "tcp" {
		q = q[2:]
	}
	copy(c.id[:], q)
	answer := append(c.id[:], c.octets...)
	if c.network == "tcp" {
		answer = append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)
	}
	c.unread = answer
	return n, nil
}

func (c *oneAnswer) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		return 0, net.ErrClosed
	}
	n := copy(p, c.unread)
	if c.unread = c.unread[n:]; c.network == "udp" {
		c.unread = nil
	}
	return n, nil
}

func (c *oneAnswer) Close() error                     { return nil }
func (c *oneAnswer) SetDeadline(time.Time) error      { return nil }
func (c *oneAnswer) SetReadDeadline(time.Time) error  { return nil }
func (c *oneAnswer) SetWriteDeadline(time.Time) error { return nil }

// FuzzAnswer lets a server answer anything. Every kind of question comes to an
// end, and what comes out is sound: records if and only if it is OK, names that
// can be asked for, limits kept, nothing secure without the AD bit.
func FuzzAnswer(f *testing.F) {
	q := new(mdns.Msg).SetQuestion("a.test.", mdns.TypeMX)
	for _, m := range []*mdns.Msg{
		reply(q, "a.test. 60 MX 5 b.test.", "a.test. 60 MX 0 ."),
		reply(q, "a.test. 60 CNAME b.test.", "b.test. 60 CNAME a.test."),
		reply(q, "a.test. 60 MX 5 192.0.2.1.", `a.test. 60 MX 5 b\.c.test.`),
		reply(q, "test. 60 SOA ns.test. a.test. 1 2 3 4 5"),
		extended(q, mdns.ExtendedErrorCodeDNSBogus),
		rcode(q, mdns.RcodeNameError),
	} {
		octets, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(octets[2:])
	}
	for typ, s := range map[uint16]string{
		mdns.TypeA:     "a.test. 60 A 192.0.2.1",
		mdns.TypeAAAA:  "a.test. 60 AAAA 2001:db8::1",
		mdns.TypeTXT:   `a.test. 60 TXT "a\"\200" "b"`,
		mdns.TypeTLSA:  "a.test. 60 TLSA 3 1 1 00ff",
		mdns.TypeCNAME: "a.test. 60 CNAME b.test.",
	} {
		octets, err := reply(new(mdns.Msg).SetQuestion("a.test.", typ), s).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(octets[2:])
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		if len(octets) > 60_000 {
			return
		}
		c := &dns.Client{Servers: []string{"127.0.0.1"}, Dial: func(_ context.Context, network, _ string) (net.Conn, error) {
			return &oneAnswer{octets: octets, network: network}, nil
		}}
		ad := len(octets) > 1 && octets[1]&0x20 != 0
		ctx := t.Context()
		host := func(name string) bool {
			a := dns.Map{}.CNAME(ctx, name)
			return a.Err == nil && name == strings.ToLower(name)
		}
		mx := c.MX(ctx, "a.test")
		sound(t, mx, ad, func(mx dns.MX) bool {
			_, err := netip.ParseAddr(mx.Host)
			return mx.Null() || host(mx.Host) && err != nil
		})
		if len(mx.Records) > 1 && slices.ContainsFunc(mx.Records, dns.MX.Null) {
			t.Errorf("null MX among %v", mx.Records)
		}
		sound(t, c.Addrs(ctx, "a.test"), ad, netip.Addr.IsValid)
		sound(t, c.TLSA(ctx, "a.test"), ad, func(dns.TLSA) bool { return true })
		sound(t, c.TXT(ctx, "a.test"), ad, func(string) bool { return true })
		sound(t, c.CNAME(ctx, "a.test"), ad, host)
	})
}

func sound[T any](t *testing.T, a dns.Answer[T], ad bool, good func(T) bool) {
	t.Helper()
	if (a.Status == dns.OK) != (len(a.Records) > 0) || len(a.Records) > 200 {
		t.Errorf("%v with %d records", a.Status, len(a.Records))
	}
	if (a.Status == dns.Temporary || a.Status == dns.Bogus) && (a.Err == nil || a.Secure) {
		t.Errorf("%v, secure %v, without a reason", a.Status, a.Secure)
	}
	if a.Secure && !ad {
		t.Error("secure without AD")
	}
	if a.Err == nil && (a.TTL <= 0 || a.TTL > time.Hour) {
		t.Errorf("TTL %v", a.TTL)
	}
	for _, r := range a.Records {
		if !good(r) {
			t.Errorf("%v %v", a.Name, r)
		}
	}
}
