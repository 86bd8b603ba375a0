package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/qdmail/qdmail/internal/domain"
)

// patternKind is where a pattern looks; the lower goes first.
type patternKind uint8

const (
	kindDomain patternKind = iota
	kindBelow
	kindMX
	kindMXBelow
	kindAny
)

// pattern is one of a Route.Pattern that was understood. It is the key under which its
// routes are found.
type pattern struct {
	kind patternKind
	name string // a domain in lower case and ASCII
}

// parsePatterns reads a Route.Pattern, which is one pattern or several.
func parsePatterns(s string) ([]pattern, error) {
	var list []pattern
	for one := range strings.SplitSeq(s, ",") {
		p, err := parsePattern(one)
		if err != nil {
			return nil, err
		}
		if slices.Contains(list, p) {
			return nil, fmt.Errorf("the pattern is there twice: %.60q", one)
		}
		list = append(list, p)
	}
	return list, nil
}

func parsePattern(s string) (p pattern, err error) {
	if s == "*" {
		return pattern{kind: kindAny}, nil
	}
	name, mx := strings.CutPrefix(s, "mx:")
	name, below := strings.CutPrefix(name, ".")
	if mx {
		p.kind += kindMX
	}
	if below {
		p.kind += kindBelow
	}
	p.name, err = domainName(name)
	if err != nil {
		return p, fmt.Errorf("the pattern is %w: %.60q", err, s)
	}
	return p, nil
}

// parseSender reads an entry of Route.From.
func parseSender(s string) (pattern, error) {
	if s == "<>" {
		return pattern{kind: kindAny}, nil // the sender that has no domain
	}
	name, below := strings.CutPrefix(s, ".")
	p := pattern{}
	if below {
		p.kind = kindBelow
	}
	var err error
	if p.name, err = domainName(name); err != nil {
		return p, fmt.Errorf("the sender is %w: %.60q", err, s)
	}
	return p, nil
}

var errDomain = errors.New("no domain name")

// domainName returns a domain in lower case and in A-labels.
//
// QUIRK: "_" is let through, which some operators have in the names of hosts.
func domainName(s string) (string, error) {
	name := strings.ToLower(s)
	name, err := domain.ToASCII(name)
	if err != nil {
		return "", errDomain
	}
	if len(name) > 253 {
		return "", errDomain
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return "", errDomain
		}
		for _, c := range []byte(label) {
			if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return "", errDomain
			}
		}
	}
	return name, nil
}

// domainOf returns the domain of an address, after the last "@"; empty if it has
// none by which there could be a pattern.
func domainOf(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return ""
	}
	name, err := domainName(strings.TrimSuffix(address[at+1:], "."))
	if err != nil {
		return ""
	}
	return name
}

// index finds routes by their patterns: the numbers of the routes that have a
// pattern, in the order of the table.
type index map[pattern][]int

// enter notes the patterns of a route, which are good ones. It is not ok if a route
// before it takes all mail of one of them.
func (x index) enter(i int, routes []Route) (before int, ok bool) {
	patterns, _ := parsePatterns(routes[i].Pattern)
	for _, p := range patterns {
		for _, before := range x[p] {
			if len(routes[before].From) == 0 {
				return before, false
			}
		}
	}
	for _, p := range patterns {
		x[p] = append(x[p], i)
	}
	return 0, true
}

// whole is the rank of a pattern that is the name itself; of others, it is their
// length.
const whole = 1 << 16

// find returns the routes of the longest pattern for a name: itself, or what it is
// below. The kind is kindDomain or kindMX.
func (x index) find(kind patternKind, name string) (routes []int, rank int) {
	if list := x[pattern{kind, name}]; list != nil {
		return list, whole
	}
	for {
		_, parent, ok := strings.Cut(name, ".")
		if !ok {
			return nil, 0
		}
		if list := x[pattern{kind + kindBelow, parent}]; list != nil {
			return list, len(parent)
		}
		name = parent
	}
}

// findMX returns the routes of the longest pattern for one of the hosts.
func (x index) findMX(hosts []string) []int {
	var best []int
	most := 0
	for _, host := range hosts {
		host, err := domainName(strings.TrimSuffix(host, "."))
		if err != nil {
			continue
		}
		if list, rank := x.find(kindMX, host); rank > most {
			best, most = list, rank
		}
	}
	return best
}

// hasMX reports whether a pattern asks for MX hosts.
func (x index) hasMX() bool {
	for p := range x {
		if p.kind == kindMX || p.kind == kindMXBelow {
			return true
		}
	}
	return false
}

// senders are those that Route.From permits.
type senders []pattern

func (list senders) permit(from string) bool {
	if len(list) == 0 {
		return true
	}
	domain := domainOf(from)
	for _, p := range list {
		switch p.kind {
		case kindAny:
			if from == "" {
				return true
			}
		case kindDomain:
			if domain == p.name {
				return true
			}
		case kindBelow:
			if strings.HasSuffix(domain, "."+p.name) {
				return true
			}
		}
	}
	return false
}
