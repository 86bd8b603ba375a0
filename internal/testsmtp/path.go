package testsmtp

import (
	"net/netip"
	"strings"
	"unicode/utf8"
)

// cutPath splits "<path> params" behind the closing bracket, which a quoted
// local part may contain as well. A source route is dropped, as RFC 5321
// section 4.1.1.3 asks for.
func cutPath(s string) (path, params string, ok bool) {
	if !strings.HasPrefix(s, "<") {
		return "", "", false
	}
	end, quoted := -1, false
	for i := 1; i < len(s) && end < 0; i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '>' && !quoted:
			end = i
		}
	}
	if end < 0 {
		return "", "", false
	}
	path, params = s[1:end], s[end+1:]
	if params != "" {
		if params, ok = strings.CutPrefix(params, " "); !ok || params == "" {
			return "", "", false
		}
	}
	if strings.HasPrefix(path, "@") {
		_, path, ok = strings.Cut(path, ":")
		return path, params, ok
	}
	return path, params, true
}

// isMailbox reports whether s is a Mailbox of RFC 5321 section 4.1.2, extended
// by RFC 6531 if smtputf8 is set.
func isMailbox(s string, smtputf8 bool) bool {
	if len(s) > 254 || !utf8.ValidString(s) || !smtputf8 && !isASCII(s) {
		return false
	}
	var local, domain string
	if strings.HasPrefix(s, `"`) {
		end := endOfQuoted(s)
		if end < 0 || !strings.HasPrefix(s[end:], "@") {
			return false
		}
		local, domain = s[:end], s[end+1:]
	} else {
		var ok bool
		if local, domain, ok = strings.Cut(s, "@"); !ok || !isDotString(local) {
			return false
		}
	}
	return len(local) <= 64 && (isDomain(domain, smtputf8) || isLiteral(domain))
}

// endOfQuoted returns the index behind the quoted string that s starts with, or
// -1 if there is none.
func endOfQuoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return i + 1
		case s[i] == '\\':
			if i++; i < len(s) && (s[i] < ' ' || s[i] > '~') {
				return -1
			}
		case s[i] < ' ' || s[i] == 0x7f:
			return -1
		}
	}
	return -1
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

func isAlnum(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func isAtext(r rune) bool {
	return isAlnum(r) || r >= utf8.RuneSelf || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

func isDotString(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool { return !isAtext(r) }) {
			return false
		}
	}
	return true
}

// isDomain reports whether s is a Domain, with U-labels if wanted.
func isDomain(s string, uLabels bool) bool {
	if len(s) > 255 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		bad := strings.ContainsFunc(label, func(r rune) bool {
			return !isAlnum(r) && r != '-' && !(uLabels && r >= utf8.RuneSelf)
		})
		if bad || label == "" || len(label) > 63 && isASCII(label) || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

// isLiteral reports whether s is an IPv4 or IPv6 address literal.
func isLiteral(s string) bool {
	s, open := strings.CutPrefix(s, "[")
	s, shut := strings.CutSuffix(s, "]")
	if !open || !shut {
		return false
	}
	v6 := len(s) > 5 && strings.EqualFold(s[:5], "IPv6:")
	if v6 {
		s = s[5:]
	}
	addr, err := netip.ParseAddr(s)
	return err == nil && addr.Zone() == "" && addr.Is4() != v6
}
