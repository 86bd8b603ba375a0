package htmltext

import "strconv"

const (
	bullet     = "・"
	quoteMark  = "> "
	termIndent = "  "
	spaces     = "          " // as many as the longest number with its dot has
)

// enter does what the innermost element does where it begins.
func (r *reader) enter(t *tag) {
	f, p := r.top(), &r.page
	switch {
	case f.role&verbatim != 0:
		f.newPre = true
	case f.role&quote != 0:
		p.push(quoteMark, quoteMark)
	case f.role&list != 0:
		f.ordered, f.count = t.name == "ol", t.number(1)-1
	case f.role&item != 0:
		r.enterItem(t)
	case t.name == "dd":
		p.push(termIndent, termIndent)
	case f.role == tableRow:
		f.row, f.sep = p.row, p.sep
		p.row = row{}
	case f.role == cell:
		p.beginCell()
	case f.role == ruby:
		r.bracketed = false
	case f.role == paren:
		r.bracketed, f.last = true, p.last
		p.gap, p.eat = noGap, true
	case f.role == reading:
		if f.parens = !r.bracketed; f.parens {
			p.opening = "("
		}
		p.gap, p.eat = noGap, true
	}
}

// enterItem begins a list item.
func (r *reader) enterItem(t *tag) {
	i := r.nearest(list, noScope)
	if i < 0 || !r.open[i].ordered {
		r.page.push(bullet, "  ") // as wide as the bullet
		return
	}
	l := &r.open[i]
	l.count = t.number(l.count + 1)
	first := strconv.Itoa(l.count) + ". "
	r.page.push(first, spaces[:min(len(first), len(spaces))])
}

// leave does what an element does where it ends.
func (r *reader) leave(f *frame) {
	p := &r.page
	switch {
	case f.role == reading:
		if p.opening != "" {
			p.opening = "" // there was no reading
		} else if f.parens {
			p.append(")")
		}
		r.bracketed = false
		p.gap, p.eat = noGap, true
	case f.role == paren:
		p.last = f.last
		p.gap, p.eat = noGap, true
	case f.role == ruby:
		p.eat = false
	case f.role == cell:
		r.endLink()
	case f.role == tableRow:
		r.endLink()
		p.endRow(f.row, f.sep)
	case f.role&item != 0:
		r.endLink()
	}
	p.pop(f.indents)
	p.endBlock(f.margin)
}
