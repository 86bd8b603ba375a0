package preflight

import "strings"

// tag is one name=value of a list such as "v=DKIM1; p=..." (RFC 6376 section 3.2).
type tag struct{ name, value string }

const blanks = " \t\r\n"

// parseTags takes a list apart. What isn't a tag, and a tag that was there before, is
// left out and returned among the faults.
func parseTags(s string) (tags []tag, faults []string) {
	seen := map[string]bool{}
	parts := strings.Split(s, ";")
	if last := len(parts) - 1; last > 0 && strings.Trim(parts[last], blanks) == "" {
		parts = parts[:last] // what stands after the final semicolon
	}
	for _, part := range parts {
		name, value, ok := strings.Cut(part, "=")
		name, value = strings.Trim(name, blanks), strings.Trim(value, blanks)
		switch {
		case !ok || !isTagName(name) || !isTagValue(value):
			faults = append(faults, `"`+brief(part)+`" is no tag`)
		case seen[name]:
			faults = append(faults, "there are two "+name+"=")
		default:
			seen[name] = true
			tags = append(tags, tag{name, value})
		}
	}
	return tags, faults
}

func isTagName(s string) bool {
	for i, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '_' && !('0' <= c && c <= '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

func isTagValue(s string) bool {
	for _, c := range []byte(s) {
		if (c < ' ' || c > '~') && !strings.ContainsRune(blanks, rune(c)) {
			return false
		}
	}
	return true
}

// words splits a value such as "sha1:sha256".
func words(value, sep string) []string {
	var list []string
	for w := range strings.SplitSeq(value, sep) {
		list = append(list, strings.Trim(w, blanks))
	}
	return list
}
