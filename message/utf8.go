package message

import "unicode/utf8"

// utf8Checker is a writer that finds out whether what is written to it is UTF-8.
type utf8Checker struct {
	rest []byte // the beginning of a character
	bad  bool
}

// Write looks at p, however the text is cut into pieces.
func (u *utf8Checker) Write(p []byte) (int, error) {
	n := len(p)
	for len(u.rest) > 0 && len(p) > 0 && !utf8.FullRune(u.rest) {
		u.rest = append(u.rest, p[0])
		p = p[1:]
	}
	if len(u.rest) > 0 && utf8.FullRune(u.rest) {
		u.bad = u.bad || !utf8.Valid(u.rest)
		u.rest = u.rest[:0]
	}
	end := len(p)
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if c := p[len(p)-i:]; utf8.RuneStart(c[0]) {
			if !utf8.FullRune(c) {
				end = len(p) - i
			}
			break
		}
	}
	u.bad = u.bad || !utf8.Valid(p[:end])
	u.rest = append(u.rest, p[end:]...)
	return n, nil
}

func (u *utf8Checker) valid() bool { return !u.bad && len(u.rest) == 0 }
