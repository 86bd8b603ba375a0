package dns

import (
	"fmt"
	"net/netip"
	"strings"
)

// canonical returns a name that can be put into a question: in lower case and
// without the final dot.
func canonical(name string) (string, error) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "" || len(name) > 253 {
		return name, ErrName
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return name, ErrName
		}
		for _, c := range []byte(label) {
			// A label may have any octet (RFC 2181 section 11); one that needs
			// escaping is of no use to us.
			if c <= ' ' || c >= 0x7f || c == '\\' || c == '"' {
				return name, ErrName
			}
		}
	}
	return name, nil
}

// isHost reports whether name, which is canonical, can be the name of a host:
// letters, digits and hyphens (RFC 1123 section 2.1), and no IPv4 address.
//
// QUIRK: "_" is let through, which some operators have in the names of their MX
// hosts.
func isHost(name string) bool {
	for _, c := range []byte(name) {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	top := name[strings.LastIndexByte(name, '.')+1:]
	return strings.Trim(top, "0123456789") != ""
}

// reverse returns the name under which the PTR records of an address are; none for
// the zero Addr.
func reverse(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	addr = addr.Unmap()
	octets := addr.AsSlice()
	var b strings.Builder
	for i := len(octets) - 1; i >= 0; i-- {
		if addr.Is4() {
			fmt.Fprintf(&b, "%d.", octets[i])
		} else {
			fmt.Fprintf(&b, "%x.%x.", octets[i]&0xf, octets[i]>>4)
		}
	}
	if addr.Is4() {
		return b.String() + "in-addr.arpa"
	}
	return b.String() + "ip6.arpa"
}
