package dns

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"
)

const (
	confFile   = "/etc/resolv.conf"
	confPeriod = time.Minute
	maxServers = 3 // as libc has it
)

// server is one recursive server.
type server struct {
	addr    netip.AddrPort
	trusted bool // its AD bit is believed
}

func (s server) String() string { return s.addr.String() }

// Check reports whether the servers' addresses can be read. Every question makes
// the same check.
func (c *Client) Check() error {
	_, err := c.servers()
	return err
}

// servers returns whom to ask.
func (c *Client) servers() ([]server, error) {
	if len(c.Servers) == 0 {
		return c.systemServers(), nil
	}
	list := make([]server, len(c.Servers))
	for i, s := range c.Servers {
		addr, err := netip.ParseAddrPort(s)
		if err != nil {
			ip, err := netip.ParseAddr(s)
			if err != nil {
				return nil, fmt.Errorf("%w: %q is no address", ErrNoServers, s)
			}
			addr = netip.AddrPortFrom(ip, 53)
		}
		list[i] = server{addr, c.TrustAD || addr.Addr().Unmap().IsLoopback()}
	}
	return list, nil
}

// systemServers reads /etc/resolv.conf, if it is time for that. A file that can't
// be read at the moment leaves everything as it is.
func (c *Client) systemServers() []server {
	c.confMu.Lock()
	defer c.confMu.Unlock()
	now := time.Now()
	if c.conf != nil && now.Sub(c.confTime) < confPeriod {
		return c.conf
	}
	text, err := os.ReadFile(confFile)
	if err == nil || c.conf == nil && errors.Is(err, fs.ErrNotExist) {
		c.conf, c.confTime = parseResolvConf(string(text), c.TrustAD), now
	} else if c.conf == nil {
		return parseResolvConf("", c.TrustAD)
	}
	return c.conf
}

// parseResolvConf reads what resolv.conf(5) describes, as far as it concerns us:
// the first three servers, and whether to trust them. Without any, the machine
// itself is meant.
func parseResolvConf(text string, trust bool) []server {
	var addrs []netip.Addr
	for line := range strings.Lines(text) {
		if i := strings.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		words := strings.Fields(line)
		switch {
		case len(words) < 2:
		case words[0] == "nameserver":
			if addr, err := netip.ParseAddr(words[1]); err == nil && len(addrs) < maxServers {
				addrs = append(addrs, addr)
			}
		case words[0] == "options":
			for _, o := range words[1:] {
				trust = trust || o == "trust-ad"
			}
		}
	}
	if len(addrs) == 0 {
		addrs = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	}
	list := make([]server, len(addrs))
	for i, addr := range addrs {
		list[i] = server{netip.AddrPortFrom(addr, 53), trust || addr.Unmap().IsLoopback()}
	}
	return list
}
