package charset

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Clean repairs what text brings along unseen from a Mac, a web page or a
// spreadsheet, so that it goes out in c if a reader sees no difference: it
// composes what is decomposed (NFC), and for a form of ISO-2022-JP it drops the
// invisible characters that would force the mail into UTF-8. It returns the text
// and every change, in order. Text that needs none comes back as it is.
//
// These are the rules. JIS means the forms of ISO-2022-JP. Any other charset can
// carry everything, so there all stays that still has a meaning.
//
//	character                UTF-8     JIS       reason
//	decomposed kana, Latin,  composed  composed  canonically the same; names of files on a Mac are
//	Hangul                                       decomposed, which many mail programs show badly
//	CJK compatibility        kept      kept      NFC takes U+FA19 for U+795E 神: canonically the same,
//	ideographs                                   but another shape, and bearers of a name care; CP50220
//	                                             has some, Transliterate replaces the others and says so
//	U+212B Å                 NFC       kept      JIS X 0208 has it, but not the U+00C5 that NFC makes of it
//	U+FEFF                   dropped   dropped   a byte order mark; otherwise replaced by U+2060 since
//	                                             Unicode 3.2
//	U+2028 U+2029            newline   newline   line breaks by UAX #14, but not to mail programs;
//	U+0085 U+000B                                in CleanLine a space
//	U+200B U+2060 U+00AD     kept      dropped   say where a line may end; programs find that out alone
//	U+034F U+2061–U+2064     kept      dropped   show nothing
//	U+206A–U+206F
//	U+200C U+200D            kept      dropped   but kept between emoji, which they join, and beside a
//	                                             letter of a script that joins or stacks, such as Arabic
//	U+FE00–U+FE0F            kept      dropped   choose a shape of a character that JIS has one of; kept
//	U+E0100–U+E01EF                              behind what JIS lacks (emoji) and in a keycap, with U+20E3
//	U+00A0 U+2000–U+200A     kept      a space   look like one; those as wide as a kanji become U+3000,
//	U+202F U+205F                                which itself stays
//	U+200E U+200F U+061C     kept      dropped   mark a direction, which changes nothing in text that
//	U+202A U+202C U+202D                         runs from left to right, as all of JIS does; macOS and
//	U+2066 U+2068 U+2069                         Windows put them around what they copy
//	U+202B U+2067            kept      kept      move the punctuation even there
//	U+202E, in UTF-8 U+202D  reported  reported  show another text than stands there: "gpj.exe" as exe.jpg
//	other controls, except   reported  reported  nobody sees them, and programs may act on them
//	tab and line ends
//
// A reported character is left where it is; its Change has the same From and To.
// Text that isn't valid UTF-8 is left alone, for [Charset.Append] to refuse: what
// is dropped between two halves of a character would make it whole.
func Clean(c Charset, s string) (string, []Change) { return clean(c, s, "\n") }

// CleanLine is Clean for text of one line, such as a subject, a name or a file
// name: U+2028 and its like become a space. A line feed stays, because in such a
// text it is an error that must not be hidden.
func CleanLine(c Charset, s string) (string, []Change) { return clean(c, s, " ") }

func clean(c Charset, s, newline string) (string, []Change) {
	k := cleaner{edits: edits{s: s}, charset: c, newline: newline}
	if !k.needed() || !utf8.ValidString(s) {
		return s, nil
	}
	for i := k.skip(0); i < len(s); i = k.skip(i) {
		i = k.cluster(i)
	}
	return k.finish()
}

type cleaner struct {
	edits
	charset Charset
	newline string
	buf     []byte // the cluster at hand
	keep    int    // how much of it isn't for NFC
}

// needed reports whether anything in s may have to be changed.
func (k *cleaner) needed() bool {
	normal := true
	for _, r := range k.s {
		if isInert(r) {
			continue
		}
		if k.rule(r) != ruleNone {
			return true
		}
		normal = false
	}
	return !normal && !norm.NFC.IsNormalString(k.s)
}

// skip returns where the first cluster from i on begins that may have to be
// changed: it is one character before the first that isn't inert, which may be a
// mark.
func (k *cleaner) skip(i int) int {
	last := i
	for n, r := range k.s[i:] {
		if !isInert(r) {
			return last
		}
		last = i + n
	}
	return len(k.s)
}

// isInert reports whether r is among the characters that nearly all text is made
// of and that neither a rule nor NFC ever touches, unless a mark comes behind.
func isInert(r rune) bool {
	switch {
	case r < 0x7F:
		return r >= 0x20 || r == '\t' || r == '\n' || r == '\r'
	case r < 0x0300:
		return r > 0xA0 && r != 0xAD
	case r >= 0x3000 && r < 0xA000:
		return (r < 0x302A || r > 0x302F) && r != 0x3099 && r != 0x309A
	}
	return r >= 0x2010 && r <= 0x2027 || r >= 0x2190 && r <= 0x2328 || r >= 0xFF01 && r <= 0xFFEF || r >= 0x1F000 && r <= 0x1FAFF
}

// A cleanRule is a row of the table of Clean.
type cleanRule uint8

const (
	ruleNone      cleanRule = iota
	ruleDrop                // always
	ruleBreak               // becomes a line break
	ruleSpace               // becomes a space
	ruleJoiner              // dropped unless it joins
	ruleVariation           // dropped unless it chooses
	ruleReport              // left, but listed
)

// rule returns the row for r with the charset at hand.
func (k *cleaner) rule(r rune) cleanRule {
	switch {
	case isInert(r):
		return ruleNone
	case r == 0x0B, r == 0x85, r == 0x2028, r == 0x2029:
		return ruleBreak
	case r < 0xA0, r == 0x202E:
		return ruleReport
	case r == 0xFEFF:
		return ruleDrop
	case !k.charset.JIS():
		if r == 0x202D {
			return ruleReport
		}
		return ruleNone
	case r == 0x200C, r == 0x200D:
		return ruleJoiner
	case r >= 0xFE00 && r <= 0xFE0F, r >= 0xE0100 && r <= 0xE01EF:
		return ruleVariation
	case isInvisible(r):
		return ruleDrop
	case r == 0x00A0, r >= 0x2000 && r <= 0x200A, r == 0x202F, r == 0x205F:
		return ruleSpace
	}
	return ruleNone
}

func isInvisible(r rune) bool {
	switch r {
	case 0x00AD, 0x034F, 0x061C, 0x200B, 0x200E, 0x200F, 0x202A, 0x202C, 0x202D, 0x2060, 0x2066, 0x2068, 0x2069:
		return true
	}
	return r >= 0x2061 && r <= 0x2064 || r >= 0x206A && r <= 0x206F
}

// apply returns what stands for the character r at i behind prev, and whether it
// stays as it is.
func (k *cleaner) apply(i int, r, prev rune) (to string, stays bool) {
	switch k.rule(r) {
	case ruleDrop:
		return "", false
	case ruleBreak:
		return k.newline, false
	case ruleSpace:
		return substitute(r), false
	case ruleJoiner:
		next := k.next(i + utf8.RuneLen(r))
		return "", joinsEmoji(prev) && joinsEmoji(next) || inShapedScript(prev) || unicode.IsLetter(next) && inShapedScript(next)
	case ruleVariation:
		return "", k.next(i+utf8.RuneLen(r)) == 0x20E3 || !k.knows(prev)
	}
	return "", true
}

// next returns the first character from i on that isn't certain to be dropped.
func (k *cleaner) next(i int) rune {
	for _, r := range k.s[i:] {
		if k.rule(r) != ruleDrop {
			return r
		}
	}
	return utf8.RuneError
}

// knows reports whether r goes out in the charset, if need be by a substitute.
// Marks count as known, since none has variants.
func (k *cleaner) knows(r rune) bool {
	return r == utf8.RuneError || unicode.Is(unicode.M, r) || k.charset.Encodable(string(r)) || substitute(r) != ""
}

// joinsEmoji reports whether r may stand beside a joiner in a sequence of emoji:
// a symbol, a skin tone, a variation selector.
func joinsEmoji(r rune) bool {
	return r == 0xFE0F || r != utf8.RuneError && unicode.In(r, unicode.So, unicode.Sm, unicode.Sk)
}

// inShapedScript reports whether r is of a script in which neighbours change the
// shape of a letter: any but those known not to.
func inShapedScript(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M) && !unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic,
		unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Common, unicode.Inherited)
}

// cluster cleans the character at i and the marks that NFC may compose with it,
// across characters that are dropped too, and returns where the next one begins.
func (k *cleaner) cluster(i int) int {
	r, n := utf8.DecodeRuneInString(k.s[i:])
	end := i + n
	if to, stays := k.apply(i, r, k.before(i)); !stays {
		k.replace(i, n, to)
		return end
	}
	if k.rule(r) == ruleReport {
		k.report(i, n)
		return end
	}
	k.buf, k.keep = append(k.buf[:0], k.s[i:end]...), 0
	if staysApart(k.charset, r) {
		k.keep = n
	}
	for p := end; p < len(k.s); p += n {
		r, n = utf8.DecodeRuneInString(k.s[p:])
		if k.rule(r) != ruleNone {
			k.compose() // what the rule sees before r is what a second Clean would see
			prev, _ := utf8.DecodeLastRune(k.buf)
			if to, stays := k.apply(p, r, prev); stays || to != "" {
				break
			}
			continue
		}
		if norm.NFC.PropertiesString(k.s[p:]).BoundaryBefore() {
			break
		}
		k.buf = append(k.buf, k.s[p:p+n]...)
		end = p + n
	}
	k.compose()
	if string(k.buf) != k.s[i:end] {
		k.replace(i, end-i, string(k.buf))
	}
	return end
}

// compose brings the cluster into NFC.
func (k *cleaner) compose() {
	if !norm.NFC.IsNormal(k.buf[k.keep:]) {
		k.buf = append(k.buf[:k.keep], norm.NFC.Bytes(k.buf[k.keep:])...)
	}
}

// staysApart reports whether r stays although NFC has another character for it.
func staysApart(c Charset, r rune) bool {
	return r >= 0xF900 && r <= 0xFAFF || r >= 0x2F800 && r <= 0x2FA1F || r == 0x212B && c.JIS()
}
