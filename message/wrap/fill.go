package wrap

import "unicode/utf8"

// filler fills lines. What can't be broken, a unit, goes on a line as a whole,
// with the spaces that follow it.
type filler struct {
	opt   *Options
	dst   []byte
	eol   string // for new lines
	marks string // quote marks for new lines
	width int    // columns for the text, without the marks

	col   int  // columns in use, spaces included
	blank bool // nothing but spaces on the line so far
}

// unit is a piece of a line with no place for a break but at its end.
type unit struct {
	text   string // without the spaces that follow
	spaces string
	width  int // columns of text
	hang   int // columns of its last character, if that may hang over the edge
}

// line breaks one line.
func (f *filler) line(s string) {
	f.marks = quoteMarks(s)
	f.width = f.opt.Width - len(f.marks)
	f.dst = append(f.dst, f.marks...)
	s = s[len(f.marks):]
	if f.width < f.opt.Width-f.opt.Width/2 {
		f.dst = append(f.dst, s...)
		return
	}
	f.col, f.blank = 0, true

	var (
		b       breaker
		u       unit
		start   int // of the unit
		visible int // where the spaces after it begin
		gap     int // columns of those spaces
	)
	for i := 0; i < len(s); {
		c := next(s[i:], f.opt)
		if b.before(&c) {
			u.text, u.spaces = s[start:visible], s[visible:i]
			f.place(&u)
			u, start, visible, gap = unit{}, i, i, 0
		}
		i += c.size
		if c.class == space {
			gap += spaceColumns(s[i-c.size:i], 0)
			continue
		}
		u.width += gap + c.width // with the spaces at which the line can't be broken
		u.hang = 0
		if c.is(hangs) {
			u.hang = c.width
		}
		visible, gap = i, 0
	}
	u.text, u.spaces = s[start:visible], s[visible:]
	f.place(&u)
}

// place puts a unit on the line, or on the next one if this one has no room.
func (f *filler) place(u *unit) {
	switch {
	case u.width-u.hang <= f.width-f.col:
		f.put(u.text, u.width)
	case u.width-u.hang <= f.width:
		f.newLine()
		f.put(u.text, u.width)
	case f.opt.KeepLongWords || hasURL(u.text):
		if !f.blank {
			f.newLine()
		}
		f.put(u.text, u.width)
	default:
		if !f.blank || f.col >= f.width {
			f.newLine()
		}
		f.cut(u.text)
	}
	f.dst = append(f.dst, u.spaces...)
	f.col = spaceColumns(u.spaces, f.col)
}

func (f *filler) put(text string, width int) {
	if text != "" {
		f.dst = append(f.dst, text...)
		f.col += width
		f.blank = false
	}
}

// cut breaks what doesn't fit on a line wherever a line is full.
func (f *filler) cut(text string) {
	for text != "" {
		c := next(text, f.opt)
		switch {
		case c.class == space:
			f.dst = append(f.dst, text[:c.size]...)
			f.col = spaceColumns(text[:c.size], f.col)
		case f.col > 0 && f.col+c.width > f.width && !(c.is(hangs) && f.col <= f.width):
			f.newLine()
			fallthrough
		default:
			f.put(text[:c.size], c.width)
		}
		text = text[c.size:]
	}
}

func (f *filler) newLine() {
	if f.col == 0 {
		return // a line that has nothing yet is new
	}
	f.dst = append(f.dst, f.eol...)
	f.dst = append(f.dst, f.marks...)
	f.col, f.blank = 0, true
}

// spaceColumns returns the column at which s, which is all spaces, ends if it
// begins at col.
func spaceColumns(s string, col int) int {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch r {
		case '\t':
			col += tabStop - col%tabStop
		case zeroWidthSpace:
		case fullWidthSpace:
			col += 2
		default:
			col++
		}
		i += n
	}
	return col
}

const (
	tabStop        = 8
	zeroWidthSpace = 0x200B
	fullWidthSpace = 0x3000
)
