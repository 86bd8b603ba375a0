package preflight

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/qdmail/qdmail/internal/domain"
)

// domainOf returns the domain of an address, or the domain that s is, in A-labels
// and lower case.
func domainOf(s string) (string, error) {
	s, err := domain.ASCII(strings.TrimSuffix(s[strings.LastIndexByte(s, '@')+1:], "."))
	if err == nil && len(s) > 253 { // which the DNS has no room for
		err = errors.New("domain of more than 253 octets")
	}
	if err != nil {
		return "", err
	}
	return strings.ToLower(s), nil
}

// parents returns what is above a domain: of a.example.jp, example.jp and jp.
func parents(domain string) []string {
	var list []string
	for {
		_, rest, ok := strings.Cut(domain, ".")
		if !ok {
			return list
		}
		list = append(list, rest)
		domain = rest
	}
}

// reversed returns an address as names in the DNS begin with it: 25.2.0.192.
func reversed(addr netip.Addr) string {
	octets := addr.AsSlice()
	var labels []string
	for i := len(octets) - 1; i >= 0; i-- {
		if addr.Is4() {
			labels = append(labels, fmt.Sprint(octets[i]))
		} else {
			labels = append(labels, fmt.Sprintf("%x.%x", octets[i]&0xf, octets[i]>>4))
		}
	}
	return strings.Join(labels, ".")
}

// arpa returns the name under which the PTR record of an address is.
func arpa(addr netip.Addr) string {
	if addr.Is4() {
		return reversed(addr) + ".in-addr.arpa"
	}
	return reversed(addr) + ".ip6.arpa"
}

// show makes a text that somebody else has written fit for a report: at most 200
// octets, without anything that a terminal would obey.
func show(s string) string { return cut(s, 200) }

// brief is show for a part of a text: at most 40 octets.
func brief(s string) string { return cut(s, 40) }

func cut(s string, most int) string {
	if len(s) > most {
		return fmt.Sprintf("%s... (%d octets)", escape(s[:most]), len(s))
	}
	return escape(s)
}

// escape writes octets that aren't printable ASCII as a zone file does (RFC 1035
// section 5.1).
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03d`, c)
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// list puts names together: "a", "a and b", "a, b and c"; of many, the first few.
func list(names []string) string {
	const most = 5
	switch n := len(names); {
	case n > most:
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", n-most)
	case n > 1:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}
