package route

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is one word of a line: what it says, without quotes and backslashes, and
// in which column it begins. An option has a key before its value.
type word struct {
	column int
	key    string
	keyed  bool // it has an "=" outside of quotes
	quoted bool // its value is quoted
	value  string
}

// scanner takes a line apart.
type scanner struct {
	rest   string
	column int // of rest, counted in characters from 1
	err    *SyntaxError
}

// words returns the words of a line.
func words(line string) ([]word, *SyntaxError) {
	s := &scanner{rest: line, column: 1}
	var list []word
	for {
		for s.rest != "" && isBlank(s.rest[0]) {
			s.next()
		}
		if s.rest == "" || s.rest[0] == '#' {
			return list, nil
		}
		w := s.word()
		if s.err != nil {
			return nil, s.err
		}
		list = append(list, w)
	}
}

// fail notes the first mistake.
func (s *scanner) fail(column int, format string, args ...any) {
	if s.err == nil {
		s.err = newSyntaxError(column, format, args...)
	}
}

func (s *scanner) next() rune {
	r, n := utf8.DecodeRuneInString(s.rest)
	if !isText(r) || r == utf8.RuneError && n == 1 {
		s.fail(s.column, "a character that can't be here: %+q", s.rest[:n])
	}
	s.rest = s.rest[n:]
	s.column++
	return r
}

// isText reports whether a character may stand in a line: no control character
// and no space that only looks like a blank, such as U+3000.
func isText(r rune) bool {
	return r == '\t' || r == ' ' || !unicode.IsControl(r) && !unicode.IsSpace(r)
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// word reads one word; there is one.
func (s *scanner) word() word {
	w := word{column: s.column}
	var b strings.Builder
	for s.rest != "" && !isBlank(s.rest[0]) && s.err == nil {
		switch c := s.rest[0]; {
		case c == '"' && b.Len() == 0:
			w.value, w.quoted = s.quoted(), true
			return w
		case c == '"':
			s.fail(s.column, `a quotation mark in the middle of a word; write "..." around all of it`)
		case c == '=' && !w.keyed:
			w.key, w.keyed = b.String(), true
			b.Reset()
			s.next()
		default:
			b.WriteRune(s.next())
		}
	}
	w.value = b.String()
	return w
}

// quoted reads a quoted value to its end, which must be that of the word.
func (s *scanner) quoted() string {
	begin := s.column
	s.next()
	var b strings.Builder
	for s.rest != "" {
		switch r := s.next(); {
		case r == '"' && s.rest != "" && !isBlank(s.rest[0]):
			s.fail(s.column, "a blank is missing after the quotation mark")
			return ""
		case r == '"':
			return b.String()
		case r != '\\':
			b.WriteRune(r)
		case s.rest != "" && (s.rest[0] == '"' || s.rest[0] == '\\'):
			b.WriteRune(s.next())
		default:
			s.fail(s.column-1, `after "\" comes a quotation mark or another "\"`)
		}
	}
	s.fail(begin, "the quotation mark is never closed")
	return ""
}

// isWord reports whether s can stand in a line as one word, without quotes and
// without being a comment or an option.
func isWord(s string) bool {
	if s == "" || s[0] == '#' || !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r == '"' || r == '=' || r == ' ' || r == '\t' || !isText(r)
	})
}

// quote writes a value so that it is read again as it is.
func quote(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\"") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
