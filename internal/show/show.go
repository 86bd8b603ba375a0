// Package show makes what others have written fit for errors, logs and terminals.
package show

import (
	"strings"
	"unicode/utf8"
)

// Text returns s on one line that no terminal obeys: control characters become
// spaces, octets that aren't UTF-8 become U+FFFD, and blanks at the end are left out.
func Text(s string) string {
	if !isPrintableASCII(s) {
		s = strings.Map(func(r rune) rune {
			if IsControl(r) {
				return ' '
			}
			return r
		}, strings.ToValidUTF8(s, "\uFFFD"))
	}
	return strings.TrimRight(s, " ")
}

// Cut shortens s to at most n octets without splitting a character.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// IsControl reports the control characters of ASCII and Latin-1, and the two
// separators that some software takes for line ends.
func IsControl(r rune) bool {
	return r < ' ' || 0x7F <= r && r < 0xA0 || r == 0x2028 || r == 0x2029
}

func isPrintableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
