package dkim

import (
	"strings"

	"github.com/qdmail/qdmail/internal/domain"
)

const (
	maxDomain = 253
	maxLabel  = 63
)

// hostname returns a domain in lower case and A-labels, without a final dot.
func hostname(s string) (string, error) {
	s = strings.TrimSuffix(s, ".")
	s, err := domain.ToASCII(s)
	if err != nil {
		return "", ErrInvalid
	}
	// QUIRK: domains with underscores exist and send mail.
	return labels(strings.ToLower(s), "_")
}

// selector returns a selector in lower case, as the DNS takes no heed of it.
func selector(s string) (string, error) { return labels(strings.ToLower(s), "") }

// labels checks a name of letters, digits, hyphens and what else is allowed.
func labels(s, also string) (string, error) {
	if len(s) > maxDomain {
		return "", ErrInvalid
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return "", ErrInvalid
		}
		for _, c := range []byte(label) {
			if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || strings.IndexByte(also, c) >= 0) {
				return "", ErrInvalid
			}
		}
	}
	return s, nil
}

// identity checks an i=, which has to be below the domain that signs (RFC 6376
// section 3.5). Characters that would have to be encoded there are refused.
func identity(s, domain string) (string, error) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return "", ErrInvalid
	}
	for _, c := range []byte(s[:at]) {
		if c <= ' ' || c > '~' || strings.IndexByte(`;=@"\(),:<>[]`, c) >= 0 {
			return "", ErrInvalid
		}
	}
	host, err := hostname(s[at+1:])
	if err != nil || host != domain && !strings.HasSuffix(host, "."+domain) {
		return "", ErrInvalid
	}
	return s[:at+1] + host, nil
}
