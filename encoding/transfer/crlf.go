package transfer

import "strings"

// AppendCRLF appends s with every line ending (CRLF, LF or CR) made CRLF, as
// text on the wire has to be (RFC 2045 section 2.10). It adds none at the end.
func AppendCRLF(dst []byte, s string) []byte {
	for {
		i := strings.IndexAny(s, "\r\n")
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		dst = append(dst, '\r', '\n')
		if s[i] == '\r' && i+1 < len(s) && s[i+1] == '\n' {
			i++
		}
		s = s[i+1:]
	}
}

// IsCRLF reports whether every line ending of s is CRLF already.
func IsCRLF(s string) bool {
	for {
		i := strings.IndexAny(s, "\r\n")
		if i < 0 {
			return true
		}
		if s[i] == '\n' || i+1 == len(s) || s[i+1] != '\n' {
			return false
		}
		s = s[i+2:]
	}
}
