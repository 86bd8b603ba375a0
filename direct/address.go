package direct

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/domain"
)

// destination is where mail for a recipient goes.
type destination struct {
	domain  string     // in A-labels and lower case; an address literal with its brackets
	literal netip.Addr // what the domain says if it is one
}

// mailbox is one mailbox, and all entries of the envelope that mean it.
type mailbox struct {
	rcpt    delivery.Recipient // the first of them
	indexes []int              // into Envelope.Recipients
	rank    kind               // of what is in the result
	trail   trail

	attempts []delivery.Attempt
}

// parseAddress returns where mail for an addr-spec goes, and a key that is equal
// for two addresses of the same mailbox. What of an address doesn't matter for
// that is looked at when it goes on the wire. A fault is a *Refusal if it lies in
// the domain.
func parseAddress(addr string) (dest destination, key string, err error) {
	at := strings.LastIndexByte(addr, '@')
	if at <= 0 || at == len(addr)-1 {
		return dest, "", errors.New("an address has a local part, @ and a domain")
	}
	if local := addr[:at]; local[0] != '"' && strings.Contains(local, "@") && strings.ContainsAny(local, ",;") {
		return dest, "", errors.New("several addresses where one belongs")
	}
	domain := addr[at+1:]
	if strings.HasPrefix(domain, "[") {
		dest.domain = strings.ToLower(domain)
		dest.literal, err = parseLiteral(domain)
	} else {
		dest.domain, err = asciiDomain(domain)
	}
	if err != nil {
		return dest, "", err
	}
	return dest, unquote(addr[:at]) + "@" + dest.domain, nil
}

// unquote returns what a local part means.
func unquote(local string) string {
	inner, ok := strings.CutPrefix(local, `"`)
	if ok {
		inner, ok = strings.CutSuffix(inner, `"`)
	}
	if !ok || !strings.Contains(inner, `\`) {
		if ok {
			return inner
		}
		return local
	}
	var b strings.Builder
	for i := 0; i < len(inner); i++ {
		if inner[i] == '\\' && i+1 < len(inner) {
			i++
		}
		b.WriteByte(inner[i])
	}
	return b.String()
}

// asciiDomain returns a domain in A-labels and lower case.
func asciiDomain(s string) (string, error) {
	s, err := domain.ASCII(s)
	if err != nil {
		return "", badDomain(err)
	}
	if len(s) > 253 { // which the DNS has no room for
		return "", badDomain(errors.New("domain of more than 253 octets"))
	}
	return strings.ToLower(s), nil
}

// badDomain is a Refusal of what can't be a domain.
func badDomain(err error) error {
	return &Refusal{delivery.EnhancedCode{5, 1, 2}, fmt.Errorf("not a domain name: %w", err)}
}

// parseLiteral reads an address literal (RFC 5321 section 4.1.3).
func parseLiteral(s string) (netip.Addr, error) {
	inner, ok := strings.CutSuffix(s[1:], "]")
	const v6 = "IPv6:"
	six := len(inner) > len(v6) && strings.EqualFold(inner[:len(v6)], v6)
	if six {
		inner = inner[len(v6):]
	}
	addr, err := netip.ParseAddr(inner)
	if !ok || err != nil || addr.Zone() != "" || addr.Is4() == six {
		return netip.Addr{}, errors.New("an address literal is [192.0.2.1] or [IPv6:2001:db8::1]")
	}
	return addr.Unmap(), nil
}

// isHostName reports whether mail can be sent to a host of that name: not if it
// means this machine by definition (RFC 6761 section 6.3), or is an address.
func isHostName(name string) bool {
	top := name[strings.LastIndexByte(name, '.')+1:]
	return top != "localhost" && strings.Trim(top, "0123456789") != ""
}
