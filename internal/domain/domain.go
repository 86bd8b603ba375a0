// Package domain writes domain names as the wire and the DNS have them: the one
// profile of IDNA, and the one idea of what a domain of mail may look like, for all
// rooms that need them.
package domain

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// The lengths of RFC 5321 section 4.5.3.1.2 and RFC 1035 section 2.3.4.
const (
	maxDomain = 255
	maxLabel  = 63
)

// lookup is the profile for domains that are about to be looked up (RFC 5891
// section 5). QUIRK: underscores are let pass; domains with them exist and have mail.
var lookup = idna.New(
	idna.MapForLookup(),
	idna.BidiRule(),
	idna.Transitional(false),
	idna.StrictDomainName(false),
)

// ToASCII returns a name with A-labels for what isn't ASCII. One in ASCII stays as
// it is and isn't checked.
func ToASCII(s string) (string, error) {
	if isASCII(s) {
		return s, nil
	}
	if len(s) > 4*maxDomain { // it may become shorter, but not that much
		return "", tooLong()
	}
	if !utf8.ValidString(s) {
		return "", errors.New("domain that isn't UTF-8")
	}
	ascii, err := lookup.ToASCII(s)
	if err != nil {
		return "", fmt.Errorf("domain that can't be written in ASCII (%v)", err)
	}
	return ascii, nil
}

// ASCII is ToASCII for a domain of mail, which it checks: labels of 1 to 63 letters,
// digits, hyphens and underscores, 255 octets in all. Upper case stays.
func ASCII(s string) (string, error) {
	s, err := ToASCII(s)
	if err != nil {
		return "", err
	}
	if len(s) > maxDomain {
		return "", tooLong()
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel {
			return "", fmt.Errorf("domain with an empty label or one of more than %d octets", maxLabel)
		}
		for _, c := range []byte(label) {
			if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return "", fmt.Errorf("domain with the character %q", c)
			}
		}
	}
	return s, nil
}

func tooLong() error { return fmt.Errorf("domain of more than %d octets", maxDomain) }

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
