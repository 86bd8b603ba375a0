package wrap

import "strings"

// hasURL reports whether there is a URL of any scheme or a mail address in s,
// which has no place for a break.
func hasURL(s string) bool {
	for rest := s; ; {
		i := strings.IndexByte(rest, ':')
		if i < 0 {
			break
		}
		scheme, after := rest[:i], rest[i+1:]
		if i > 0 && isAlnum(scheme[i-1]) && strings.HasPrefix(after, "//") || isOpaque(scheme) {
			return true
		}
		rest = after
	}
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '@' && isAlnum(s[i-1]) && isAlnum(s[i+1]) {
			return true
		}
	}
	return false
}

// isOpaque reports whether s ends with a scheme that needs no slashes.
func isOpaque(s string) bool {
	const longest = len("mailto")
	n := 0
	for n < len(s) && n <= longest && isAlpha(s[len(s)-1-n]) {
		n++
	}
	switch strings.ToLower(s[len(s)-n:]) {
	case "mailto", "tel", "sms", "urn", "sip", "sips", "xmpp", "cid", "mid", "news", "geo":
		return true
	}
	return false
}

func isAlpha(ch byte) bool { return ch|0x20 >= 'a' && ch|0x20 <= 'z' }

func isAlnum(ch byte) bool { return isAlpha(ch) || ch >= '0' && ch <= '9' }
