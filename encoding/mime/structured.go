package mime

import (
	"strings"

	"github.com/qdmail/qdmail/encoding/header"
)

// structured is a value with parameters, as Content-Type has it (RFC 2045 section
// 5.1).
type structured struct {
	head    string // before the first semicolon, in lower case
	params  map[string]string
	fault   Kind   // the first thing wrong with it; 0 if nothing is
	culprit string // what the fault is about
}

// parseStructured reads a value. Whatever can't be read is left out and is a
// BadParameter; more than limit parameters are TooManyParams.
func parseStructured(s string, limit int) structured {
	var v structured
	var list []param
	v.head, s = head(s)
	v.head = strings.ToLower(v.head)
	rest, clean := toSemicolon(s)
	if !clean {
		v.bad(s[:len(s)-len(rest)])
	}
	for rest != "" {
		s = rest[1:]
		var p param
		if p, rest, clean = nextParam(s); !clean {
			v.bad(s[:len(s)-len(rest)])
		}
		if p.name == "" {
			continue
		}
		if len(list) == limit {
			return structured{fault: TooManyParams}
		}
		list = append(list, p)
	}
	v.join(list)
	return v
}

func (v *structured) bad(culprit string) { v.note(BadParameter, culprit) }

func (v *structured) note(k Kind, culprit string) {
	if v.fault == 0 {
		v.fault, v.culprit = k, strings.TrimSpace(culprit)
	}
}

// head returns what stands before the first semicolon, white space or comment,
// and the rest. It is empty if the value begins with a parameter.
func head(s string) (string, string) {
	s = skipSpace(s)
	n := strings.IndexAny(s, " \t\r\n;(")
	if n < 0 {
		n = len(s)
	}
	if strings.IndexByte(s[:n], '=') >= 0 {
		return "", ";" + s
	}
	return s[:n], s[n:]
}

// skipSpace skips white space and comments, which nest (RFC 5322 section 3.2.2).
// A comment without its end is as long as the value.
func skipSpace(s string) string {
	depth, i := 0, 0
	for ; i < len(s); i++ {
		switch ch := s[i]; {
		case ch == '(':
			depth++
		case depth == 0 && ch != ' ' && ch != '\t' && ch != '\r' && ch != '\n':
			return s[i:]
		case ch == ')':
			depth--
		case ch == '\\' && depth > 0:
			i++
		}
	}
	return ""
}

// toSemicolon skips what is left of a parameter, and reports whether that is
// white space and comments only.
func toSemicolon(s string) (rest string, clean bool) {
	for clean = true; ; clean = false {
		s = skipSpace(s)
		switch {
		case s == "" || s[0] == ';':
			return s, clean
		case s[0] == '"':
			_, s, _ = quoted(s)
		default:
			s = s[1:]
		}
	}
}

// nextParam reads a parameter and returns what stands behind it, from the
// semicolon on. Its name is empty if there is none.
func nextParam(s string) (p param, rest string, clean bool) {
	s = skipSpace(s)
	n := strings.IndexAny(s, "=;")
	if n < 0 || s[n] == ';' {
		rest, clean = toSemicolon(s)
		return param{}, rest, clean
	}
	key := strings.ToLower(strings.TrimSpace(s[:n]))
	if s = strings.TrimLeft(s[n+1:], " \t\r\n"); !takesAll(key) {
		s = skipSpace(s)
	}
	var value string
	switch {
	case strings.HasPrefix(s, `"`):
		var closed bool
		value, rest, closed = quoted(s)
		rest, clean = toSemicolon(rest)
		clean = clean && closed
	case takesAll(key):
		if n = strings.IndexByte(s, ';'); n < 0 {
			n = len(s)
		}
		value, rest = strings.TrimSpace(s[:n]), s[n:]
		clean = header.IsToken(value)
	default:
		if n = strings.IndexAny(s, " \t\r\n;("); n < 0 {
			n = len(s)
		}
		value = s[:n]
		rest, clean = toSemicolon(s[n:])
		clean = clean && header.IsToken(value)
	}
	p, ok := newParam(key, value)
	return p, rest, clean && ok
}

// takesAll names the parameters whose value goes on to the semicolon if it isn't
// quoted.
//
// QUIRK: mail programs write name=my file (1).pdf and boundary=a=b without the
// quotes that RFC 2045 wants.
func takesAll(key string) bool {
	base, _, _ := strings.Cut(key, "*")
	return base == "name" || base == "filename" || base == "boundary"
}

// quoted reads the quoted string that s begins with.
//
// QUIRK: a backslash escapes only a quote and a backslash. Before anything else it
// is itself, because of programs that write filename="C:\dir\file.txt".
func quoted(s string) (value, rest string, closed bool) {
	var out strings.Builder
	from := 1
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			out.WriteString(s[from:i])
			return out.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			out.WriteString(s[from:i])
			i++
			from = i
		}
	}
	out.WriteString(s[from:])
	return out.String(), "", false
}
