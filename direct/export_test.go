package direct

import (
	"net/netip"

	"github.com/qdmail/qdmail/delivery"
)

// Rank returns the order of hosts with these preferences, as indexes.
func Rank(preferences []uint16, intN func(int) int) []int {
	hosts := make([]*host, len(preferences))
	index := map[*host]int{}
	for i, p := range preferences {
		hosts[i] = &host{preference: p}
		index[hosts[i]] = i
	}
	rank(hosts, intN)
	var order []int
	for _, h := range hosts {
		order = append(order, index[h])
	}
	return order
}

// Order returns which addresses of hosts with these are tried, in which order; one
// is preferred.
func Order(hosts [][]netip.Addr, n int, preferred netip.Addr) []netip.Addr {
	var list []*host
	for i, addrs := range hosts {
		list = append(list, &host{addrs: interleave(addrs, i%2 == 0)})
	}
	prefer(list, preferred)
	var order []netip.Addr
	for _, t := range trim(list, n) {
		order = append(order, t.ip)
	}
	return order
}

// Key is equal for two addresses of the same mailbox.
func Key(addr string) (domain, key string, err error) {
	dest, key, err := parseAddress(addr)
	return dest.domain, key, err
}

// Judge says whether a result ends the search for another host, and whether the
// recipient may go to the fallback then.
func Judge(r delivery.RecipientResult, rules FallbackRules) (again, fallback bool, reason delivery.Reason) {
	k := judge(&r)
	var t trail
	e, _ := r.Err.(*delivery.Error)
	t.add(k, e, &rules)
	fallback, _ = t.toFallback(&rules)
	return k.again(), fallback, reasons[k]
}

// URLKeys are the keys of an mx URL, and what each takes.
func URLKeys() (names, values []string) {
	for _, k := range urlKeys() {
		names, values = append(names, k.name), append(values, k.values)
	}
	return names, values
}

// Idle is how many connections are kept.
func (t *Transport) Idle() int {
	t.state.pool.mu.Lock()
	defer t.state.pool.mu.Unlock()
	return t.state.pool.count
}

// Remember makes the transport learn about n addresses and n domains, and returns
// how many of each it knows then.
func (t *Transport) Remember(n int) (addrs, domains int) {
	t.begin()
	m := &t.state.memory
	for i := range n {
		ip := netip.AddrFrom4([4]byte{192, byte(i >> 16), byte(i >> 8), byte(i)})
		m.failed(netip.AddrPortFrom(ip, smtpPort), resolveError("", ErrNoAddress))
		m.setJudge(ip.String(), ip)
	}
	return len(m.down), len(m.judges)
}
