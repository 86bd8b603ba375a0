package preflight

import (
	"net/netip"
	"strings"
)

// The lines of a zone file that a Finding proposes.

func ptrRecord(addr netip.Addr, name string) string { return arpa(addr) + ". IN PTR " + name + "." }

func addrRecord(name string, addr netip.Addr) string {
	if addr.Is4() {
		return name + ". IN A " + addr.String()
	}
	return name + ". IN AAAA " + addr.String()
}

// txtRecord splits the value into strings of at most 255 octets (RFC 1035 section
// 3.3.14).
func txtRecord(name, value string) string {
	const most = 255
	var b strings.Builder
	b.WriteString(name + ". IN TXT")
	for {
		n := min(len(value), most)
		b.WriteString(` "` + escape(value[:n]) + `"`)
		if value = value[n:]; value == "" {
			return b.String()
		}
	}
}
