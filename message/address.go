package message

import (
	"fmt"
	"net/mail"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/header"
	"github.com/qdmail/qdmail/internal/domain"
)

// Address is a mailbox. It converts from and to net/mail.Address.
type Address struct {
	// Name is the display name; may be empty.
	Name string
	// Address is an addr-spec, such as taro@example.jp, without spaces around
	// it. A local part whose dots aren't where RFC 5322 has them may be raw; it
	// is quoted when it is written. One with other characters has to be quoted,
	// so that a slip of the pen doesn't become another mailbox. The domain may
	// be an internationalized one.
	Address string
}

// String returns the address in the form of a header field in UTF-8. An address
// that isn't valid is shown as it is.
func (a Address) String() string {
	var b header.Builder
	b.Mailbox(a.Name, a.Address, charset.UTF8)
	if b.Err() != nil {
		return fmt.Sprintf("%q <%s>", a.Name, a.Address)
	}
	return strings.ReplaceAll(strings.TrimPrefix(string(b.Bytes()), " "), "\r\n", "")
}

// Mail returns a as a net/mail.Address.
func (a Address) Mail() *mail.Address { return &mail.Address{Name: a.Name, Address: a.Address} }

func (a Address) isZero() bool { return a == Address{} }

// AddressError says why an address was refused.
type AddressError struct {
	// Address is the address, or as much of the input as concerns it.
	Address string
	// Reason says what is wrong.
	Reason string
	// Suggestion is what was probably meant, or empty. It is an offer to show to
	// a person; nothing uses it on its own.
	Suggestion string
	// Rune is the character at fault, or zero, and Offset its position in octets.
	Rune   rune
	Offset int
}

// Error returns the address, the reason and the suggestion.
func (e *AddressError) Error() string {
	s := fmt.Sprintf("address %.200q: %s", e.Address, e.Reason)
	if e.Suggestion != "" {
		s += fmt.Sprintf("; did you mean %q?", e.Suggestion)
	}
	return s
}

const (
	maxLocalPart = 64  // octets, RFC 5321 section 4.5.3.1.1
	maxDomain    = 255 // octets, RFC 5321 section 4.5.3.1.2
)

// wireAddress returns an addr-spec with its domain in A-labels, and whether its
// local part needs SMTPUTF8. Nothing else is changed.
func wireAddress(addr string) (wire string, utf8Local bool, err error) {
	if header.IsPlainAddrSpec(addr) {
		return addr, false, nil
	}
	if addr == "" {
		return "", false, &AddressError{Reason: "it is empty"}
	}
	if err := checkCharacters(addr); err != nil {
		return "", false, err
	}
	at := strings.LastIndexByte(addr, '@')
	if at <= 0 || at == len(addr)-1 {
		return "", false, &AddressError{Address: addr, Reason: "it has no local part or no domain"}
	}
	local, domain := addr[:at], addr[at+1:]
	if len(local) > maxLocalPart {
		return "", false, &AddressError{Address: addr, Reason: "the local part exceeds 64 octets"}
	}
	ascii, err := wireDomain(domain)
	if err != nil {
		return "", false, &AddressError{Address: addr, Reason: err.Error(), Offset: at + 1}
	}
	utf8Local = !isASCII(local)
	if ascii == domain {
		return addr, utf8Local, nil
	}
	return local + "@" + ascii, utf8Local, nil
}

// isASCII looks at eight octets at a time, at the last ones again if need be.
func isASCII(s string) bool {
	const high = 0x8080808080808080
	if len(s) < 8 {
		for i := range len(s) {
			if s[i] >= utf8.RuneSelf {
				return false
			}
		}
		return true
	}
	for i := 0; i < len(s)-8; i += 8 {
		if load(s[i:i+8])&high != 0 {
			return false
		}
	}
	return load(s[len(s)-8:])&high == 0
}

// load makes one number of eight octets.
func load(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// checkCharacters refuses what can't stand in an address, and offers the
// half-width form of full-width characters, which Japanese input methods produce
// by accident.
func checkCharacters(addr string) error {
	for i, r := range addr {
		switch {
		case r >= 0xFF01 && r <= 0xFF5E, r == 0x3000:
			return &AddressError{addr, "it has a full-width character", halfWidth(addr), r, i}
		case r < ' ', r >= 0x7F && r <= 0xA0, r == 0x2028, r == 0x2029, r == 0xFEFF, r >= 0x200B && r <= 0x200F,
			r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
			return &AddressError{addr, "it has an invisible or control character", "", r, i}
		case r == utf8.RuneError:
			return &AddressError{addr, "it is not valid UTF-8", "", r, i}
		}
	}
	if at := strings.LastIndexByte(addr, '@'); at > 0 && addr[0] != '"' {
		for i, r := range addr[:at] {
			if strings.ContainsRune(" \t()<>[]:;,@\\\"", r) {
				e := &AddressError{addr, "the local part has a character that stands there only in quotes", "", r, i}
				if trimmed := strings.TrimSpace(addr); header.IsPlainAddrSpec(trimmed) {
					e.Suggestion = trimmed
				}
				return e
			}
		}
	}
	if trimmed := strings.TrimSpace(addr); trimmed != addr {
		return &AddressError{addr, "it has a space at an end", trimmed, ' ', 0}
	}
	// The quoting is checked where it is written, too; here it gets the field.
	var scratch [512]byte
	if _, err := header.AppendAddrSpec(scratch[:0], addr); err != nil {
		he := err.(*header.Error)
		return &AddressError{addr, "it is not of the form local-part@domain", "", he.Rune, he.Offset}
	}
	return nil
}

func halfWidth(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == 0x3000:
			return -1
		case r >= 0xFF01 && r <= 0xFF5E:
			return r - 0xFF01 + '!'
		}
		return r
	}, s)
}

func wireDomain(name string) (string, error) {
	if name[0] == '[' {
		return name, checkLiteral(name)
	}
	name, err := domain.ToASCII(name)
	if err != nil {
		return "", fmt.Errorf("the domain is no internationalized domain name")
	}
	if len(name) > maxDomain {
		return "", fmt.Errorf("the domain exceeds 255 octets")
	}
	label := 0
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '.' {
			c := name[i]
			alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
			if !alnum && c != '-' && c != '_' {
				return "", fmt.Errorf("the domain can't have %q", c)
			}
			label++
			continue
		}
		if label == 0 || label > 63 || name[i-1] == '-' || name[i-label] == '-' {
			return "", fmt.Errorf("the domain has a label that is empty, too long, or has a hyphen at an end")
		}
		label = 0
	}
	return name, nil
}

// checkLiteral checks an address literal (RFC 5321 section 4.1.3).
func checkLiteral(domain string) error {
	inner, ok := strings.CutSuffix(domain[1:], "]")
	if v6, is6 := strings.CutPrefix(inner, "IPv6:"); ok && is6 {
		if ip, err := netip.ParseAddr(v6); err == nil && ip.Is6() && ip.Zone() == "" {
			return nil
		}
	} else if ip, err := netip.ParseAddr(inner); ok && err == nil && ip.Is4() {
		return nil
	}
	return fmt.Errorf("the address literal is neither [192.0.2.1] nor [IPv6:2001:db8::1]")
}
