package dial

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/qdmail/qdmail/internal/domain"
	"github.com/qdmail/qdmail/internal/show"
)

// splitAddr takes "host", "host:port" or a bare IPv6 address and checks that
// it can stand in a request to a proxy: the host is an IP address or a name in
// ASCII. Without a default the port must be there.
func splitAddr(addr, defaultPort string) (host, port string, err error) {
	if strings.Contains(addr, "@") { // not quoted: it looks like half a URL
		return "", "", errors.New("credentials don't belong into an address")
	}
	host, port = addr, defaultPort
	if _, err := netip.ParseAddr(addr); err != nil && strings.Contains(addr, ":") {
		if host, port, err = net.SplitHostPort(addr); err != nil {
			return "", "", fmt.Errorf("the address isn't host:port: %q", show.Cut(addr, 120))
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("the address has no port, or one that there isn't: %q", show.Cut(addr, 120))
	}
	if host, err = asciiHost(host); err != nil {
		return "", "", fmt.Errorf("%w: %q", err, show.Cut(addr, 120))
	}
	return host, port, nil
}

// asciiHost returns a host name in ASCII, or an IP address as it is.
func asciiHost(host string) (string, error) {
	if _, err := netip.ParseAddr(host); err == nil {
		return host, nil
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r < ' ' || r > '~' }) {
		ascii, err := domain.ToASCII(host)
		if err != nil {
			return "", errors.New("the host name can't be written in ASCII")
		}
		host = ascii
	}
	if name := strings.TrimSuffix(host, "."); name == "" || len(name) > 253 {
		return "", errors.New("a host name has 1 to 253 octets")
	}
	for _, c := range []byte(host) {
		if !isHostOctet(c) {
			return "", errors.New("the host has a character that no name and no IP address has")
		}
	}
	return host, nil
}

func isHostOctet(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' ||
		c == '_' // QUIRK: hosts with underscores exist
}
