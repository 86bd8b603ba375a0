package direct

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct/mtasts"
)

// host is one host that may take the mail of a domain.
type host struct {
	name       string // in lower case and without the final dot
	port       uint16
	preference uint16
	fixed      bool // named in Transport.Hosts, so AllowAddr isn't asked
	addrs      []netip.Addr
	canonical  string          // where its CNAMEs lead
	secure     bool            // DNSSEC vouches for its addresses
	err        *delivery.Error // why it has no address to connect to

	asked  bool // want and wantErr are known; see demand.go
	want   *demand
	unable *delivery.Error
}

// addr is how reports name the host.
func (h *host) addr() string { return net.JoinHostPort(h.name, strconv.Itoa(int(h.port))) }

// plan is how to get the mail of a domain delivered: its hosts, and in what order
// their addresses are tried.
type plan struct {
	domain   string         // in A-labels
	expanded string         // where its CNAMEs lead
	secure   bool           // DNSSEC vouches for the names of the hosts
	policy   *mtasts.Policy // nil if there is none
	hosts    []*host
	targets  []target
}

// target is one address of a host.
type target struct {
	*host
	ip netip.Addr
}

func (t target) dialled() string { return netip.AddrPortFrom(t.ip, t.port).String() }

// What follows is the order in which hosts and addresses are tried. It does no
// I/O.

// rank sorts hosts by preference, and shuffles those of the same one, so that they
// share the load (RFC 5321 section 5.1). intN returns a number from 0 to n-1.
func rank(hosts []*host, intN func(n int) int) {
	for i := len(hosts) - 1; i > 0; i-- { // Fisher and Yates
		j := intN(i + 1)
		hosts[i], hosts[j] = hosts[j], hosts[i]
	}
	slices.SortStableFunc(hosts, func(a, b *host) int { return cmp.Compare(a.preference, b.preference) })
}

// truncate drops the hosts that are this one, and all that aren't better: mail
// that goes there comes back (RFC 5321 section 5.1).
func truncate(hosts []*host, own func(*host) bool) []*host {
	for _, h := range hosts {
		if own(h) {
			n := slices.IndexFunc(hosts, func(other *host) bool { return other.preference >= h.preference })
			return hosts[:n]
		}
	}
	return hosts
}

// prefer puts an address that has judged a message of the domain before others of
// the same preference, since a host that greylists has to see the same sender
// again.
func prefer(hosts []*host, ip netip.Addr) {
	for i, h := range hosts {
		k := slices.Index(h.addrs, ip)
		if k < 0 {
			continue
		}
		first := slices.IndexFunc(hosts, func(other *host) bool { return other.preference == h.preference })
		copy(hosts[first+1:i+1], hosts[first:i])
		hosts[first] = h
		copy(h.addrs[1:k+1], h.addrs[:k])
		h.addrs[0] = ip
		return
	}
}

// interleave lets the families take turns, as long as there are addresses of both.
func interleave(addrs []netip.Addr, sixFirst bool) []netip.Addr {
	var families [2][]netip.Addr
	for _, a := range addrs {
		k := 0
		if a.Is4() == sixFirst {
			k = 1
		}
		families[k] = append(families[k], a)
	}
	mixed := make([]netip.Addr, 0, len(addrs))
	for i := range addrs {
		for _, f := range families {
			if i < len(f) {
				mixed = append(mixed, f[i])
			}
		}
	}
	return mixed
}

// trim returns at most n addresses to try, host by host. Who has the most
// addresses loses some first, and the hosts begin with different families, so
// that neither one host nor one family uses up what can be tried.
func trim(hosts []*host, n int) []target {
	keep := make([]int, len(hosts))
	total := 0
	for i, h := range hosts {
		keep[i] = len(h.addrs)
		total += keep[i]
	}
	for ; total > n; total-- {
		most := 0
		for i := range keep {
			if keep[i] > 0 && keep[i] >= keep[most] {
				most = i
			}
		}
		keep[most]--
	}
	var targets []target
	for i, h := range hosts {
		for _, ip := range h.addrs[:keep[i]] {
			targets = append(targets, target{h, ip})
		}
	}
	return targets
}

// splitHost takes "host" or "host:port" of Transport.Hosts apart.
func splitHost(s string) (name string, port uint16, err error) {
	name, port = s, smtpPort
	if h, p, e := net.SplitHostPort(s); e == nil {
		n, e := strconv.ParseUint(p, 10, 16)
		if e != nil || n == 0 {
			return "", 0, badDomain(strconv.ErrRange)
		}
		name, port = h, uint16(n)
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return name, port, nil
	}
	name, err = asciiDomain(strings.TrimSuffix(name, "."))
	return name, port, err
}

const smtpPort = 25
