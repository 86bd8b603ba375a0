package wrap

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// char is what a reader takes for one character: a code point with all that
// combines with it (a grapheme cluster, Unicode annex 29, as far as a text for
// mail needs it).
type char struct {
	base  rune
	size  int // octets
	width int // columns; those of a space depend on where it stands
	class class
	rule  rule
}

// is reports whether any of the rules holds.
func (c *char) is(r rule) bool { return c.rule&r != 0 }

// next returns the first character of s.
func next(s string, opt *Options) char {
	if ch := s[0]; ch < utf8.RuneSelf && (len(s) == 1 || s[1] < utf8.RuneSelf) {
		c := char{size: 1, width: 1, rule: rulesASCII[ch], base: rune(ch)}
		if ch == ' ' || ch == '\t' {
			c.class = space
		}
		return c
	}
	r, n := utf8.DecodeRuneInString(s)
	c := char{size: n, base: r}
	if r == utf8.RuneError && n == 1 {
		c.width = 1
	} else {
		c.classify(r, opt)
	}
	if c.class != space && len(s) > n && s[n] >= utf8.RuneSelf {
		c.extend(s)
	}
	return c
}

// classify fills in what follows from the code point alone.
func (c *char) classify(r rune, opt *Options) {
	if r < utf8.RuneSelf {
		c.rule, c.width = rulesASCII[r], 1
		if r == ' ' || r == '\t' {
			c.class = space
		}
		return
	}
	c.rule = rules().of(r)
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		switch {
		case r == fullWidthSpace:
			c.class = space
		case r > fullWidthSpace && r <= lastKanaMark && unicode.Is(unicode.Mn, r):
			c.class = wide
		default:
			c.class, c.width = wide, 2
		}
		return
	case width.EastAsianHalfwidth:
		c.class, c.width = wide, 1
		return
	case width.EastAsianAmbiguous:
		c.width = 2
		if opt.NarrowAmbiguous || r <= lastLatin && unicode.IsLetter(r) {
			c.width = 1
		}
	default:
		c.width = 1
	}
	switch {
	case r == zeroWidthSpace || unicode.Is(unicode.Zs, r) && !c.is(glue):
		c.class = space
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		c.width = 0
	case !c.is(glue) && !unicode.In(r, unicode.L, unicode.Mc, unicode.Nd):
		c.class = symbol
	}
}

// lastLatin is the end of the block Latin Extended-B.
const lastLatin = 0x024F

const (
	nonJoiner    = 0x200C
	joiner       = 0x200D
	emojiStyle   = 0xFE0F // makes an emoji, two columns wide, of the symbol before
	halfVoiced   = 0xFF9E // ﾞ, a column of its own
	halfSemi     = 0xFF9F // ﾟ
	firstMark    = 0x0300 // no combining character comes before
	lastKanaMark = 0x309A // none between this one and firstAfter
	firstAfter   = 0xA000
)

// extend takes in what combines with the base. s begins with the base.
func (c *char) extend(s string) {
	last := c.base
	for c.size < len(s) {
		r, n := utf8.DecodeRuneInString(s[c.size:])
		switch {
		case r < firstMark || r > lastKanaMark && r < firstAfter:
			return
		case r == halfVoiced || r == halfSemi:
			c.width++
		case r == emojiStyle:
			c.width = 2
		case r == joiner || r == nonJoiner:
		case last == joiner && pictographic(c.base) && pictographic(r):
		case regional(c.base) && regional(r) && last == c.base && c.size == n:
			c.width = 2
		case skinTone(r) && pictographic(c.base) || tag(r):
		case jamo(last, r):
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Mc):
		default:
			return
		}
		c.size += n
		last = r
	}
}

// pictographic reports whether r may be part of an emoji made of several.
func pictographic(r rune) bool {
	return r >= 0x1F000 && r <= 0x1FAFF || r >= 0x2190 && r <= 0x3299 && unicode.Is(unicode.S, r)
}

// regional reports whether r is half of a flag.
func regional(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

func skinTone(r rune) bool { return r >= 0x1F3FB && r <= 0x1F3FF }

// tag reports whether r spells the name of a regional flag.
func tag(r rune) bool { return r >= 0xE0020 && r <= 0xE007F }

// jamo reports whether r goes on with the Hangul syllable that prev began.
func jamo(prev, r rune) bool {
	hangul := prev >= 0x1100 && prev <= 0x11FF || prev >= 0xA960 && prev <= 0xA97C || prev >= 0xAC00 && prev <= 0xD7A3
	return hangul && r >= 0x1160 && r <= 0x11FF
}
