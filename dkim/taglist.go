package dkim

import "strings"

// tag is one name=value of a tag list (RFC 6376 section 3.2).
type tag struct{ name, value string }

// parseTags reads a tag list. Values keep their inner white space.
func parseTags(s string) ([]tag, error) {
	var tags []tag
	seen := map[string]bool{}
	for spec := range strings.SplitSeq(strings.TrimSuffix(strings.TrimRight(s, whiteSpace), ";"), ";") {
		name, value, ok := strings.Cut(spec, "=")
		name, value = strings.Trim(name, whiteSpace), strings.Trim(value, whiteSpace)
		if !ok || !isTagName(name) || !isTagValue(value) || seen[name] {
			return nil, ErrRecord
		}
		seen[name] = true
		tags = append(tags, tag{name, value})
	}
	return tags, nil
}

const whiteSpace = " \t\r\n"

func isTagName(s string) bool {
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '_')) {
			return false
		}
	}
	return s != ""
}

func isTagValue(s string) bool {
	for _, c := range []byte(s) {
		if (c < ' ' || c > '~') && strings.IndexByte(whiteSpace, c) < 0 {
			return false
		}
	}
	return true
}

// colons splits a list of words, such as "sha1:sha256".
func colons(s string) []string {
	words := strings.Split(s, ":")
	for i, w := range words {
		words[i] = strings.Trim(w, whiteSpace)
	}
	return words
}

// squeeze takes all white space out.
func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }
