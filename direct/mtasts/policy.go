package mtasts

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Mode says what a policy asks of senders (RFC 8461 section 5).
type Mode string

// The modes.
const (
	ModeEnforce Mode = "enforce" // never deliver against the policy
	ModeTesting Mode = "testing" // deliver, and report what doesn't fit
	ModeNone    Mode = "none"    // there is no policy any more
)

const (
	// MaxSize is the size of the largest policy that is read, in octets.
	MaxSize = 64 << 10
	// MaxAge is how long a policy may be kept at most; a max_age above it counts
	// as it.
	MaxAge = 31557600 * time.Second
)

// ErrPolicy is in every error of ParsePolicy.
var ErrPolicy = errors.New("mtasts: invalid policy")

// Policy is what a domain demands of those who send mail to it (RFC 8461 section
// 3.2). It is plain data and goes through JSON unchanged. All methods take a nil
// Policy for the absence of one.
type Policy struct {
	Mode Mode `json:"mode"`
	// MX are the patterns that the names of MX hosts have to match, in lower case:
	// a name, or "*." and a name, which stands for one label before it.
	MX []string `json:"mx,omitempty"`
	// MaxAge is how long the policy may be kept after it was fetched.
	MaxAge time.Duration `json:"max_age"`
}

// ParsePolicy reads the text of a policy. Lines end in LF or CRLF. Fields that
// aren't known are ignored; of fields other than mx, the first counts.
//
// QUIRK: blank lines at the end are let through, which editors leave behind.
func ParsePolicy(text []byte) (*Policy, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%w: it has more than %d octets", ErrPolicy, MaxSize)
	}
	var p Policy
	seen := map[string]bool{}
	n := 0
	for line := range strings.SplitSeq(strings.TrimRight(string(text), " \t\r\n"), "\n") {
		n++
		name, value, err := splitField(strings.TrimSuffix(line, "\r"))
		if err == nil && (name == "mx" || !seen[name]) {
			seen[name] = true
			err = p.set(name, value)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrPolicy, n, err)
		}
	}
	for _, name := range []string{"version", "mode", "max_age"} {
		if !seen[name] {
			return nil, fmt.Errorf("%w: there is no %s", ErrPolicy, name)
		}
	}
	if p.Mode != ModeNone && len(p.MX) == 0 {
		return nil, fmt.Errorf("%w: there is no mx", ErrPolicy)
	}
	return &p, nil
}

// splitField takes "name: value" apart, with blanks after the value.
func splitField(line string) (name, value string, err error) {
	name, value, ok := strings.Cut(line, ":")
	value = strings.Trim(value, " \t")
	if !ok || !isExtensionName(name) || value == "" || !utf8.ValidString(value) ||
		strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", "", fmt.Errorf("%.60q is no field", line)
	}
	return name, value, nil
}

func (p *Policy) set(name, value string) error {
	switch name {
	case "version":
		if value != "STSv1" {
			return fmt.Errorf("the version isn't STSv1 but %.60q", value)
		}
	case "mode":
		p.Mode = Mode(value)
		if p.Mode != ModeEnforce && p.Mode != ModeTesting && p.Mode != ModeNone {
			return fmt.Errorf("there is no mode %.60q", value)
		}
	case "mx":
		pattern := strings.ToLower(value)
		if !isDomain(strings.TrimPrefix(pattern, "*.")) {
			return fmt.Errorf("%.80q is no name of an MX host", value)
		}
		p.MX = append(p.MX, pattern)
	case "max_age":
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil || len(value) > 10 {
			return fmt.Errorf("max_age isn't a number of seconds: %.60q", value)
		}
		p.MaxAge = time.Duration(min(n, uint64(MaxAge/time.Second))) * time.Second
	}
	return nil
}

// isDomain reports whether s, in lower case, is a domain name (RFC 5321 section
// 4.1.2).
//
// QUIRK: "_" is let through, which some operators have in the names of their MX
// hosts.
func isDomain(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	return true
}

// String returns the policy as it is published, with CRLF; empty for nil.
func (p *Policy) String() string {
	if p == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "version: STSv1\r\nmode: %s\r\n", p.Mode)
	for _, mx := range p.MX {
		fmt.Fprintf(&b, "mx: %s\r\n", mx)
	}
	fmt.Fprintf(&b, "max_age: %d\r\n", p.MaxAge/time.Second)
	return b.String()
}

// Enforced reports whether the policy is in force: its MX hosts need STARTTLS and
// a certificate that is valid for their name.
func (p *Policy) Enforced() bool { return p != nil && p.Mode == ModeEnforce }

// Match reports whether the policy names the MX host (RFC 8461 section 4.1),
// whatever its mode is.
func (p *Policy) Match(host string) bool {
	if p == nil {
		return false
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	_, parent, _ := strings.Cut(host, ".")
	return slices.ContainsFunc(p.MX, func(pattern string) bool {
		if suffix, ok := strings.CutPrefix(pattern, "*."); ok {
			return parent == suffix
		}
		return host == pattern
	})
}

// Decision is what a policy means for an MX host.
type Decision uint8

const (
	// Refused: the mail must not be delivered there. It is the zero value.
	Refused Decision = iota
	// Reported: it may, but the policy, which is in testing, doesn't name the
	// host.
	Reported
	// Allowed: it may.
	Allowed
)

var decisionNames = [...]string{Refused: "refused", Reported: "reported", Allowed: "allowed"}

// String returns the decision in lower case, such as "refused".
func (d Decision) String() string {
	if int(d) < len(decisionNames) {
		return decisionNames[d]
	}
	return fmt.Sprintf("Decision(%d)", uint8(d))
}

// Judge says whether mail may be delivered to an MX host. Without a policy it
// may.
func (p *Policy) Judge(host string) Decision {
	switch {
	case p == nil || p.Mode == ModeNone || p.Match(host):
		return Allowed
	case p.Mode == ModeTesting:
		return Reported
	}
	return Refused
}
