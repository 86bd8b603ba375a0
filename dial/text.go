package dial

import (
	"strings"
	"unicode/utf8"
)

// printable makes text safe for logs and terminals: control characters become
// spaces, octets that aren't UTF-8 become U+FFFD.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.TrimRight(text, " ")
}

// cut shortens s to at most n octets without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// isControl reports the control characters of ASCII and Latin-1, and the two
// separators that some software takes for line ends.
func isControl(r rune) bool {
	return r < ' ' || 0x7F <= r && r < 0xA0 || r == 0x2028 || r == 0x2029
}
