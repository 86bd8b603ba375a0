package charset

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Change is a replacement that [Transliterate], [Clean] or [CleanLine] made. If
// From and To are the same, nothing was replaced: it reports a character that
// shows something else than it is, and leaves it to the caller.
type Change struct {
	Offset int    // where From stands in the input, in octets
	From   string // what stood there
	To     string // what stands there now; empty if it was dropped
}

// Transliterate replaces the characters that c can't express by what a Japanese
// reader takes for the same: ① by (1), ㈱ by (株), ㌔ by キロ, ㍻ by 平成, 髙 by 高, é
// by e. It returns the text and every replacement, in order. What has no such
// substitute (an emoji, Hangul) stays as it is, for the caller to decide about:
// see [Charset.Unencodable].
//
// Only the forms of ISO-2022-JP lack anything; for other charsets, and for text
// that c can express, s comes back as it is. [Clean] goes first: it composes and
// drops what then needs no substitute. Text that is in UTF-8 after all should be
// made of the original, not of the result.
//
// It looks at the neighbours where a plain replacement would make another
// number: 1½ becomes "1 1/2", 10² "10^2", ⅠⅡ "I II".
func Transliterate(c Charset, s string) (string, []Change) {
	if !c.JIS() || hasEach(c, s) {
		return s, nil
	}
	e := edits{s: s}
	found := map[rune]string{} // by substitute, which takes its time
	for i, r := range c.Unencodable(s) {
		n := utf8.RuneLen(r)
		if r == utf8.RuneError {
			continue // U+FFFD has no substitute, and invalid octets even less
		}
		if isAccent(r) && isASCIILetter(e.before(i)) {
			e.replace(i, n, "") // é as e and a combining accent
			continue
		}
		to, ok := found[r]
		if !ok {
			to = substitute(r)
			found[r] = to
		}
		if to == "" {
			continue
		}
		source, _ := utf8.DecodeLastRuneInString(s[:i])
		next, _ := utf8.DecodeRuneInString(s[i+n:])
		if to = fit(r, to, source, e.before(i), next); to != "" {
			e.replace(i, n, to)
		}
	}
	return e.finish()
}

// hasEach reports whether c, a form of ISO-2022-JP, has each character of s by
// itself. That is nearly always enough, and it allocates nothing.
func hasEach(c Charset, s string) bool {
	e := encoder{table: tables(), vendor: c == CP50220}
	for _, r := range s {
		if r < utf8.RuneSelf {
			if r == 0x1B || r == 0x0E || r == 0x0F {
				return false
			}
		} else if e.code(r) == 0 {
			return false
		}
	}
	return true
}

// fit sets off to, which stands for r, from its neighbours: source before it in
// the input, before in the output, next behind it. Empty: it can't be.
func fit(r rune, to string, source, before, next rune) string {
	switch {
	case isSuperscript(r):
		// m² is m2, but 10² isn't 102 and (a+b)² not (a+b)2. The second digit of
		// 10¹² needs nothing any more.
		if (isDigit(before) || strings.ContainsRune(")）]］", before)) && !isSuperscript(source) {
			to = "^" + to
		}
	case isSubscript(r): // H₂O is H2O, but 10₂ isn't 102, and nobody writes it otherwise
		if isSubscript(before) || isDigit(before) && !isSubscript(source) {
			return ""
		}
	case isRoman(r):
		// ⅠⅡ are one and two, ⅩⅠ is eleven.
		if isRoman(source) && !isTensRoman(source) {
			to = " " + to
		}
	case isDigit(rune(to[0])) && isDigit(before): // 1½
		to = " " + to
	}
	if isDigit(rune(to[len(to)-1])) && isDigit(next) { // CO₂2個
		to += " "
	}
	return to
}

// slashes are those of ½ and ㎧.
var slashes = strings.NewReplacer("\u2044", "/", "\u2215", "/")

// framed returns the text of a character in a frame or in a square.
func framed(r rune, how style, number int) string {
	if how == counted {
		return "(" + strconv.Itoa(number) + ")"
	}
	to := slashes.Replace(norm.NFKC.String(string(r)))
	if how == bracketed {
		to = "(" + to + ")"
	}
	return to
}

func isAccent(r rune) bool { return r >= 0x0300 && r <= 0x036F }

func isASCIILetter(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' }

func isDigit(r rune) bool { return r >= '0' && r <= '9' || r >= '０' && r <= '９' }

func isSuperscript(r rune) bool {
	return r == '²' || r == '³' || r == '¹' || r >= 0x2070 && r <= 0x207E
}

func isSubscript(r rune) bool { return r >= 0x2080 && r <= 0x208E }

func isRoman(r rune) bool { return r >= 0x2160 && r <= 0x217F }

// isTensRoman reports whether a further Roman numeral may belong to r.
func isTensRoman(r rune) bool {
	switch r &^ 0x10 { // capital or small
	case 'Ⅹ', 'Ⅼ', 'Ⅽ', 'Ⅾ', 'Ⅿ':
		return true
	}
	return false
}

// edits puts a text together from an old one and replacements. Nothing is
// allocated before the first.
type edits struct {
	s    string
	out  []byte
	done int // how much of s is in out
	list []Change
}

// replace puts to in the place of the n octets at i.
func (e *edits) replace(i, n int, to string) {
	if e.out == nil {
		e.out = make([]byte, 0, len(e.s)+16)
	}
	e.out = append(append(e.out, e.s[e.done:i]...), to...)
	e.done = i + n
	e.list = append(e.list, Change{i, e.s[i : i+n], to})
}

// report lists the n octets at i without replacing them.
func (e *edits) report(i, n int) {
	e.list = append(e.list, Change{i, e.s[i : i+n], e.s[i : i+n]})
}

// before returns the last character of the output up to i, or utf8.RuneError.
func (e *edits) before(i int) rune {
	if e.done < i {
		r, _ := utf8.DecodeLastRuneInString(e.s[e.done:i])
		return r
	}
	r, _ := utf8.DecodeLastRune(e.out)
	return r
}

func (e *edits) finish() (string, []Change) {
	if e.out == nil {
		return e.s, e.list
	}
	return string(append(e.out, e.s[e.done:]...)), e.list
}
