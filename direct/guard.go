package direct

import "net/netip"

// kept are the blocks of addresses that aren't somebody's host on the Internet,
// beside those that netip knows by name.
var kept = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT (RFC 6598)
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments (RFC 6890)
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays (RFC 7526)
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks (RFC 2544)
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast
	netip.MustParsePrefix("::/96"),           // IPv4-compatible, which nobody uses
	netip.MustParsePrefix("::ffff:0:0:0/96"), // IPv4-translated (RFC 7915)
	netip.MustParsePrefix("64:ff9b:1::/48"),  // NAT64 inside a network (RFC 8215)
	netip.MustParsePrefix("100::/64"),        // discarded (RFC 6666)
	netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo
	netip.MustParsePrefix("fec0::/10"),       // site-local, before there were ULA
	netip.MustParsePrefix("5f00::/16"),       // segment routing (RFC 9602)
}

var (
	nat64  = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
	sixTo4 = netip.MustParsePrefix("2002::/16")    // RFC 3056
)

// PublicAddr reports whether an address is one of a host on the Internet. It is
// false for loopback, private, link-local, carrier-grade NAT, multicast,
// unspecified and reserved addresses, in whatever form of IPv6 an address of IPv4
// is written. Addresses that are set aside for documentation pass, which lead
// nowhere.
func PublicAddr(addr netip.Addr) bool {
	addr = addr.Unmap()
	if !addr.IsValid() || addr.Zone() != "" || !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	for _, block := range kept {
		if block.Contains(addr) {
			return false
		}
	}
	octets := addr.As16()
	switch {
	case nat64.Contains(addr):
		return PublicAddr(netip.AddrFrom4([4]byte(octets[12:])))
	case sixTo4.Contains(addr):
		return PublicAddr(netip.AddrFrom4([4]byte(octets[2:6])))
	}
	return true
}

func (t *Transport) allows(addr netip.Addr) bool {
	if t.AllowAddr != nil {
		return t.AllowAddr(addr)
	}
	return PublicAddr(addr)
}
