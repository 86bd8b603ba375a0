package htmltext

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// page is the text that is being written. What stands between two pieces of text
// is held back until the second one comes, so no line ends with white space.
type page struct {
	out []byte

	// What is held back.
	pending int    // line endings
	sep     bool   // a tab between cells instead
	gap     gap    // white space within a line
	lead    []byte // spaces at the beginning of a line
	opening string // a bracket

	eat     bool // drop white space until something else comes
	last    rune // of the text
	indents []indent
	common  int // how many indents the last line and the next one share
	row     row
	marking bool // note where the text of a link begins
	mark    int  // there
}

type gap uint8

const (
	noGap gap = iota
	spaceGap
	lineGap // with a line break
)

// indent is what lines begin with inside of a list item or a quotation.
type indent struct {
	first, rest string
	used        bool // first is written
}

// row tells what has become of a table row so far.
type row struct {
	started bool // it has text
	fresh   bool // that began a line
	broken  bool // it has more than a line
}

const (
	maxIndents = 8
	maxBreaks  = 3 // line endings for any number of br
)

// text writes the text of an element.
func (p *page) text(s []byte, pre bool) {
	start := 0 // of what has to be written yet
	for i := 0; i < len(s); {
		if s[i] > ' ' && s[i] < 0x7F {
			i++
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		m := meaningOf(r, n)
		if m == ordinary {
			i += n
			continue
		}
		p.put(s[start:i])
		i += n
		start = i
		switch {
		case m == dropped:
		case m == broken:
			p.put([]byte("\uFFFD"))
		case m == fixed && r == fullWidthSpace:
			p.fixed("\u3000")
		case m == fixed:
			p.fixed(" ")
		case pre:
			p.preSpace(r)
		case !p.eat && (r == '\n' || r == '\r'):
			p.gap = lineGap
		case !p.eat:
			p.gap = max(p.gap, spaceGap)
		}
	}
	p.put(s[start:])
}

type meaning uint8

const (
	ordinary meaning = iota
	white            // may be collapsed
	fixed            // a space that stays
	dropped
	broken // no UTF-8
)

const fullWidthSpace = 0x3000

func meaningOf(r rune, size int) meaning {
	switch r {
	case ' ', '\t', '\n', '\f', '\r', 0x2028, 0x2029:
		return white
	case 0xA0, 0x2007, 0x202F, fullWidthSpace:
		return fixed
	case 0xAD, 0x200B, 0xFEFF: // soft hyphen, zero width space and no-break space
		return dropped
	case utf8.RuneError:
		if size == 1 {
			return broken
		}
	}
	if unicode.Is(unicode.Cc, r) {
		return dropped
	}
	return ordinary
}

// fresh reports whether the next text begins a line or a cell.
func (p *page) fresh() bool { return len(p.out) == 0 || p.pending > 0 || p.sep }

// fixed writes a space that isn't collapsed.
func (p *page) fixed(s string) {
	if !p.fresh() {
		p.put([]byte(s))
		return
	}
	if p.gap != noGap && len(p.lead) > 0 {
		p.lead = append(p.lead, ' ')
	}
	p.gap = noGap
	p.lead = append(p.lead, s...)
}

// preSpace writes white space inside of pre.
func (p *page) preSpace(r rune) {
	switch {
	case r == '\n':
		if p.lead = p.lead[:0]; !p.sep {
			p.pending++
		}
	case r == '\t':
		p.fixed("\t")
	case r == ' ':
		p.fixed(" ")
	}
}

// put writes text that has no white space to collapse, after all that was held
// back.
func (p *page) put(s []byte) {
	if len(s) == 0 {
		return
	}
	first, _ := utf8.DecodeRune(s)
	newLine := len(p.out) == 0 || p.pending > 0 && !p.sep
	switch {
	case newLine:
		p.breakLine()
		p.begin(true)
	case p.sep:
		p.out = append(p.trimmed(), '\t')
		p.begin(false)
	case p.gap == spaceGap, p.gap == lineGap && !vanishes(p.last, first):
		p.out = append(p.out, ' ')
	}
	if len(p.lead) > 0 {
		p.out = append(p.out, p.lead...)
		if p.gap != noGap {
			p.out = append(p.out, ' ')
		}
	}
	if !p.row.started {
		p.row = row{started: true, fresh: newLine}
	} else if newLine {
		p.row.broken = true
	}
	p.pending, p.sep, p.gap, p.lead, p.eat = 0, false, noGap, p.lead[:0], false
	p.out = append(p.out, p.opening...)
	p.opening = ""
	if p.marking {
		p.marking, p.mark = false, len(p.out)
	}
	p.out = append(p.out, s...)
	p.last = lastRune(s)
}

// breakLine writes the line endings, with what blank lines begin with.
func (p *page) breakLine() {
	if len(p.out) == 0 {
		return
	}
	p.out = p.trimmed()
	var blank []byte
	for _, in := range p.indents[:p.common] {
		blank = append(blank, in.rest...)
	}
	blank = bytes.TrimRight(blank, " ")
	for range p.pending - 1 {
		p.out = append(p.out, '\n')
		p.out = append(p.out, blank...)
	}
	p.out = append(p.out, '\n')
}

// begin writes what the line begins with, or in a cell the bullet of an item.
func (p *page) begin(line bool) {
	for i := range p.indents {
		switch in := &p.indents[i]; {
		case !in.used:
			p.out = append(p.out, in.first...)
			in.used = true
		case line:
			p.out = append(p.out, in.rest...)
		}
	}
	p.common = len(p.indents)
}

// trimmed returns the text without white space at its end.
func (p *page) trimmed() []byte { return bytes.TrimRight(p.out, " \t\u3000") }

// endBlock ends the line; with a margin of 2 a blank line follows.
func (p *page) endBlock(margin int) {
	if margin == 0 || p.sep {
		return
	}
	if len(p.lead) > 0 { // a line of nothing but spaces, which is a blank one
		p.lead = p.lead[:0]
		p.pending = min(p.pending+1, maxBreaks)
	}
	p.pending = max(p.pending, margin)
	p.gap = noGap
}

// br ends the line.
func (p *page) br() {
	p.lead, p.gap = p.lead[:0], noGap
	if !p.sep && p.pending < maxBreaks {
		p.pending++
	}
}

// push adds an indent to the lines that follow.
func (p *page) push(first, rest string) {
	if len(p.indents) < maxIndents {
		p.indents = append(p.indents, indent{first: first, rest: rest})
	}
}

// pop takes indents off until n are left.
func (p *page) pop(n int) {
	p.indents = p.indents[:n]
	p.common = min(p.common, n)
}

// beginCell begins a table cell.
func (p *page) beginCell() {
	switch {
	case !p.row.started:
	case p.row.broken:
		p.endBlock(1)
	default:
		p.sep = true
		p.lead, p.gap = p.lead[:0], noGap
	}
}

// endRow ends a table row. outer is what has become of the row around it, and sep
// whether a cell of that one waits for its text.
func (p *page) endRow(outer row, sep bool) {
	inner := p.row
	if p.sep {
		p.lead = p.lead[:0]
	}
	p.sep = sep && !inner.started
	if inner.started {
		outer.broken = outer.broken || inner.broken || outer.started && inner.fresh
		outer.fresh = outer.fresh || !outer.started && inner.fresh
		outer.started = true
	}
	p.row = outer
}

// append writes right behind the text, before all that is held back.
func (p *page) append(s string) { p.out = append(p.trimmed(), s...) }

// String returns the text.
func (p *page) String() string { return string(p.trimmed()) }

// vanishes reports whether a line break between a and b is no space.
func vanishes(a, b rune) bool {
	ka, kb := joins(a), joins(b)
	return ka+kb > 2
}

// joins returns 2 for a character of a script without spaces, 1 for a symbol that
// such scripts use as well, and 0 for others.
func joins(r rune) int {
	if r < 0x80 {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth, width.EastAsianHalfwidth:
		if !unicode.Is(unicode.Hangul, r) {
			return 2
		}
	case width.EastAsianAmbiguous:
		if !unicode.IsLetter(r) {
			return 1
		}
	}
	return 0
}

// lastRune returns the last character of s that is no combining mark.
func lastRune(s []byte) rune {
	for len(s) > 0 {
		r, n := utf8.DecodeLastRune(s)
		if !unicode.Is(unicode.M, r) {
			return r
		}
		s = s[:len(s)-n]
	}
	return 0
}
