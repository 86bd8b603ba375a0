package smtp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/qdmail/qdmail/internal/domain"
	"github.com/qdmail/qdmail/internal/show"
)

// The lengths of RFC 5321 section 4.5.3.1.
const (
	maxLocalPart = 64
	maxPath      = 256 // with its angle brackets
	maxDomain    = 255
	maxLabel     = 63
)

// path is an addr-spec in the form that goes between angle brackets.
type path struct {
	addr string // local part, quoted if need be, "@" and the domain in ASCII
	key  string // equal for two addresses of the same mailbox
	raw  string // addr without the quotes, if it needs them only for its dots
	utf8 bool   // the local part isn't ASCII
}

// parsePath takes an addr-spec, whose local part may be quoted or raw, apart at
// the last "@" and checks both halves. The local part is quoted exactly when it
// is no dot-atom; what the caller has quoted already stays as it is. Nothing is
// decoded or repaired.
func parsePath(s string) (path, error) {
	if len(s) > 4*maxPath { // a domain may become shorter as A-labels, but not that much
		return path{}, fmt.Errorf("address of more than %d octets: %q", maxPath, show.Cut(s, 120))
	}
	if err := checkText(s); err != nil {
		return path{}, fmt.Errorf("address %q: %w", show.Cut(s, 120), err)
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return path{}, fmt.Errorf("address without a domain: %q", show.Cut(s, 120))
	}
	local, raw, err := localPart(s[:at])
	if err != nil {
		return path{}, fmt.Errorf("%w: %q", err, show.Cut(s, 120))
	}
	domain, err := asciiDomain(s[at+1:])
	if err != nil {
		return path{}, fmt.Errorf("%w: %q", err, show.Cut(s, 120))
	}
	p := path{addr: s, key: s, utf8: !isPrintableASCII(local)}
	if local != s[:at] || domain != s[at+1:] {
		p.addr = local + "@" + domain
	}
	if low := strings.ToLower(domain); local != raw || low != s[at+1:] {
		p.key = raw + "@" + low
	}
	if local != raw && isDotAtom("x"+strings.ReplaceAll(raw, ".", "")+"x", true) {
		p.raw = raw + "@" + domain
	}
	if len(p.addr)+len("<>") > maxPath {
		return path{}, fmt.Errorf("address of more than %d octets: %q", maxPath, show.Cut(s, 120))
	}
	return p, nil
}

// localPart returns a local part as it goes on the wire, and what it means.
func localPart(s string) (wire, raw string, err error) {
	switch {
	case s == "":
		return "", "", errors.New("address without a local part")
	case s[0] == '@':
		return "", "", errors.New("address with a source route")
	case s[0] == '"':
		if raw, err = unquote(s); err != nil {
			return "", "", err
		}
		if wire = s; raw == "" {
			return "", "", errors.New("address without a local part")
		}
	case strings.Contains(s, "@") && strings.ContainsAny(s, ",;"):
		return "", "", errors.New("several addresses where one belongs")
	case isDotAtom(s, true):
		wire, raw = s, s
	default:
		wire, raw = quote(s), s
	}
	if len(wire) > maxLocalPart {
		return "", "", fmt.Errorf("local part of more than %d octets", maxLocalPart)
	}
	return wire, raw, nil
}

// quote makes a quoted-string of s (RFC 5321 section 4.1.2).
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		if c == '"' || c == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	b.WriteByte('"')
	return b.String()
}

// unquote takes a whole quoted-string, without control characters, apart.
func unquote(s string) (string, error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' && i == len(s)-1:
			return b.String(), nil
		case c == '"':
			return "", errors.New("local part that goes on after its closing quote")
		case c == '\\':
			if i++; i == len(s) || s[i] >= utf8.RuneSelf {
				return "", errors.New("local part with a stray backslash")
			}
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", errors.New("local part without a closing quote")
}

// isDotAtom reports a Dot-string of RFC 5321 section 4.1.2, with the letters
// that RFC 6531 section 3.3 adds if international is set.
func isDotAtom(s string, international bool) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for _, c := range []byte(atom) {
			if c >= utf8.RuneSelf {
				if !international {
					return false
				}
			} else if !isLetterOrDigit(c) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", rune(c)) {
				return false
			}
		}
	}
	return true
}

// asciiDomain returns a domain or an address literal as it goes on the wire,
// with A-labels for what isn't ASCII.
func asciiDomain(s string) (string, error) {
	if strings.HasPrefix(s, "[") {
		return s, checkLiteral(s)
	}
	return domain.ASCII(s)
}

// checkLiteral checks an address literal (RFC 5321 section 4.1.3).
func checkLiteral(s string) error {
	inner, ok := strings.CutSuffix(s[1:], "]")
	var ip netip.Addr
	var err error
	if v6 := "IPv6:"; len(inner) > len(v6) && strings.EqualFold(inner[:len(v6)], v6) {
		ip, err = netip.ParseAddr(inner[len(v6):])
		ok = ok && ip.Is6() && ip.Zone() == ""
	} else {
		ip, err = netip.ParseAddr(inner)
		ok = ok && ip.Is4()
	}
	if !ok || err != nil {
		return errors.New("address literal is neither [192.0.2.1] nor [IPv6:2001:db8::1]")
	}
	return nil
}

func isLetterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || isDigit(c)
}
