package sendmail

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/qdmail/qdmail/internal/domain"
)

// The lengths of RFC 5321 section 4.5.3.1.
const (
	maxLocalPart = 64
	maxAddress   = 254 // a path without its angle brackets
	maxDomain    = 255
	maxLabel     = 63
)

// address is an addr-spec in the form in which a program gets it.
type address struct {
	addr   string // local part, quoted if need be, "@" and the domain in ASCII
	key    string // equal for two addresses of the same mailbox
	quoted bool   // the local part is a quoted-string
	utf8   bool   // the local part isn't ASCII
}

// parseAddress takes an addr-spec, whose local part may be quoted or raw, apart at
// the last "@". The local part is quoted exactly when it is no dot-atom; what the
// caller has quoted already stays as it is. Nothing is decoded or repaired.
func parseAddress(s string) (address, error) {
	a, err := splitAddress(s)
	if err == nil {
		err = checkOperand(a.addr)
	}
	if err != nil {
		return address{}, fmt.Errorf("%w: %q", err, cut(s, 120))
	}
	return a, nil
}

func splitAddress(s string) (address, error) {
	if len(s) > 4*maxAddress { // a domain may become shorter as A-labels, but not that much
		return address{}, fmt.Errorf("address of more than %d octets", maxAddress)
	}
	if err := checkText(s); err != nil {
		return address{}, err
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return address{}, errors.New("address without a domain")
	}
	local, meant, err := localPart(s[:at])
	if err != nil {
		return address{}, err
	}
	domain, err := asciiDomain(s[at+1:])
	if err != nil {
		return address{}, err
	}
	a := address{
		addr:   local + "@" + domain,
		key:    meant + "@" + strings.ToLower(domain),
		quoted: local[0] == '"',
		utf8:   !isASCII(local),
	}
	if len(a.addr) > maxAddress {
		return address{}, fmt.Errorf("address of more than %d octets", maxAddress)
	}
	return a, nil
}

// checkOperand is the last look at an address, where it enters an argument list.
func checkOperand(s string) error {
	if s == "" {
		return errors.New("empty address")
	}
	if s[0] == '-' {
		return ErrOption
	}
	return checkText(s)
}

// checkText refuses control characters and what isn't UTF-8.
func checkText(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("address that isn't UTF-8")
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return fmt.Errorf("address with the control character %U", r)
		}
	}
	return nil
}

// localPart returns a local part as a program gets it, and what it means.
func localPart(s string) (written, meant string, err error) {
	written, meant = s, s
	switch {
	case s == "":
		return "", "", errors.New("address without a local part")
	case s[0] == '@':
		return "", "", errors.New("address with a source route")
	case s[0] == '"':
		if meant, err = unquote(s); err != nil {
			return "", "", err
		}
	case strings.Contains(s, "@") && strings.ContainsAny(s, ",;"):
		return "", "", errors.New("several addresses where one belongs")
	case !isDotAtom(s):
		written = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	if len(written) > maxLocalPart {
		return "", "", fmt.Errorf("local part of more than %d octets", maxLocalPart)
	}
	return written, meant, nil
}

// unquote takes a whole quoted-string (RFC 5321 section 4.1.2), which has no
// control characters, apart.
func unquote(s string) (string, error) {
	var b strings.Builder
	i := 1
	for ; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' {
			if i++; i == len(s) || s[i] >= utf8.RuneSelf {
				return "", errors.New("local part with a stray backslash")
			}
		}
		b.WriteByte(s[i])
	}
	switch {
	case i >= len(s):
		return "", errors.New("local part without a closing quote")
	case i < len(s)-1:
		return "", errors.New("local part that goes on after its closing quote")
	case b.Len() == 0:
		return "", errors.New("address without a local part")
	}
	return b.String(), nil
}

// isDotAtom reports a Dot-string (RFC 5321 section 4.1.2, RFC 6531 section 3.3).
func isDotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for _, r := range atom {
			if r < utf8.RuneSelf && !isLetterOrDigit(byte(r)) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r) {
				return false
			}
		}
	}
	return true
}

// asciiDomain returns a domain with A-labels, or an address literal.
func asciiDomain(s string) (string, error) {
	if strings.HasPrefix(s, "[") {
		return s, checkLiteral(s)
	}
	return domain.ASCII(s)
}

// checkLiteral checks an address literal (RFC 5321 section 4.1.3).
func checkLiteral(s string) error {
	inner, closed := strings.CutSuffix(s[1:], "]")
	const v6 = "IPv6:"
	is6 := len(inner) > len(v6) && strings.EqualFold(inner[:len(v6)], v6)
	if is6 {
		inner = inner[len(v6):]
	}
	ip, err := netip.ParseAddr(inner)
	if !closed || err != nil || ip.Is6() != is6 || ip.Zone() != "" {
		return errors.New("address literal is neither [192.0.2.1] nor [IPv6:2001:db8::1]")
	}
	return nil
}

func isLetterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
