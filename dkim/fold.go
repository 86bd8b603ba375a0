package dkim

import "strings"

// maxLine is what RFC 5322 section 2.1.1 recommends, without CRLF.
const maxLine = 78

// fold breaks a field into lines of at most 78 octets, as far as there is white
// space to break at, and ends it with CRLF. It changes nothing but white space, and
// none to none, which relaxed canonicalization doesn't see.
func fold(field string) string {
	var b strings.Builder
	b.Grow(len(field) + 16)
	line := 0
	for word := range strings.FieldsSeq(field) {
		switch {
		case line == 0:
		case line+1+len(word) <= maxLine:
			b.WriteByte(' ')
			line++
		default:
			b.WriteString("\r\n ")
			line = 1
		}
		b.WriteString(word)
		line += len(word)
	}
	b.WriteString("\r\n")
	return b.String()
}
