package htmltext

// frame is an element that is open.
type frame struct {
	element
	name   string
	hidden bool // it and all within
	pre    bool // white space stays
	newPre bool // nothing of pre was read yet

	indents int  // of the page around it
	ordered bool // a list whose items are numbered
	count   int  // of them
	parens  bool // brackets around the reading are ours
	last    rune // of the text before a bracket
	row     row  // the one around this row
	sep     bool // whose cell waits for its text
}

// maxDepth is how many elements may have a frame.
const maxDepth = 256

// top returns the innermost element.
func (r *reader) top() *frame {
	if len(r.open) == 0 {
		return &frame{}
	}
	return &r.open[len(r.open)-1]
}

// start opens an element.
func (r *reader) start(t *tag) {
	el := elements[t.name]
	r.closeBefore(el)
	if el.role&list != 0 && r.nearest(list, noScope) >= 0 {
		el.margin = 1 // a list within a list
	}
	outer := r.top()
	outer.newPre = false
	f := frame{
		element: el,
		name:    t.name,
		hidden:  outer.hidden || t.hidden || el.role&unseen != 0,
		pre:     outer.pre || t.pre || el.role&verbatim != 0,
		indents: len(r.page.indents),
	}
	switch {
	case el.role == void && f.hidden:
		return
	case el.role == void:
		r.void(t, el)
		return
	case el.role == anchor && !f.hidden:
		r.startLink(t.href)
		return
	case el.role == inline && !f.hidden && f.pre == outer.pre:
		return // nothing to remember
	case t.selfClosing && f.hidden && (el.role == inline || t.name == "svg"):
		return // of svg
	}
	if !f.hidden {
		r.page.endBlock(el.margin)
	}
	if len(r.open) == maxDepth {
		r.beyond++
		return
	}
	r.open = append(r.open, f)
	if !f.hidden {
		r.enter(t)
	}
}

// void does what an element without content does.
func (r *reader) void(t *tag, el element) {
	p := &r.page
	switch t.name {
	case "br":
		p.br()
	case "hr":
		p.endBlock(el.margin)
		p.put([]byte(hrLine))
		p.endBlock(el.margin)
	case "img", "image":
		r.link.image = true
		p.text([]byte(t.alt), false)
	}
}

const hrLine = "----------------------------------------"

// end closes an element, and those within that have no end tag.
func (r *reader) end(name string) {
	el := elements[name]
	outer := r.top()
	switch {
	case el.role == anchor && !outer.hidden:
		r.endLink()
		return
	case name == "br": // which browsers take for <br>
		if !outer.hidden {
			r.page.br()
		}
		return
	case r.beyond > 0 && (el.role != inline || outer.hidden):
		r.beyond--
		if !outer.hidden {
			r.page.endBlock(el.margin)
		}
		return
	}
	if i := r.find(name, el.role); i >= 0 {
		r.closeTo(i)
	} else if el.role&para != 0 && !outer.hidden {
		r.page.endBlock(el.margin) // browsers make an empty one
	}
}

// find returns the index of the element that an end tag closes, or -1.
func (r *reader) find(name string, is role) int {
	scope := noScope
	switch {
	case is == table:
		scope = template
	case is&tableParts != 0:
		scope = template | table
	case is == inline || is == anchor:
		scope = ^inline &^ anchor
	}
	for i := len(r.open) - 1; i >= 0; i-- {
		switch f := &r.open[i]; {
		case f.name == name:
			return i
		case f.role&scope != 0:
			return -1
		}
	}
	return -1
}

// closeBefore closes what ends where an element begins, though it has no end tag.
func (r *reader) closeBefore(el element) {
	if r.beyond > 0 {
		return
	}
	if el.role&block != 0 || el.role == table || el.role == void && el.margin > 0 {
		r.closeNearest(para, noScope)
		r.leaveSVG()
	}
	switch {
	case el.role&item != 0:
		r.closeNearest(item, noScope|list)
	case el.role&term != 0:
		r.closeNearest(term, noScope|terms)
	case el.role == reading || el.role == paren:
		r.closeNearest(reading|paren, noScope|ruby)
	case el.role == section || el.role == caption:
		r.closeNearest(section, template|table)
		r.closeNearest(tableRow|caption, template|table)
	case el.role == tableRow:
		r.closeNearest(tableRow|caption, template|table)
	case el.role == cell:
		r.closeNearest(caption, template|table)
		r.closeNearest(cell, template|table|tableRow)
		if r.nearest(tableRow, template|table) < 0 && r.nearest(table, template) >= 0 {
			r.start(&tag{name: "tr"}) // its tags may be left out, both
		}
	}
}

// leaveSVG closes svg before HTML that can't be within it, as one that was never
// closed would hide all that follows.
func (r *reader) leaveSVG() {
	for i := len(r.open) - 1; i >= 0 && r.open[i].hidden; i-- {
		if r.open[i].name == "svg" {
			r.closeTo(i)
			return
		}
	}
}

// nearest returns the index of the innermost element that has one of the roles,
// or -1 if there is none within the scope.
func (r *reader) nearest(is, scope role) int {
	for i := len(r.open) - 1; i >= 0; i-- {
		switch f := &r.open[i]; {
		case f.role&is != 0:
			return i
		case f.role&scope != 0:
			return -1
		}
	}
	return -1
}

func (r *reader) closeNearest(is, scope role) {
	if i := r.nearest(is, scope); i >= 0 {
		r.closeTo(i)
	}
}

// closeTo closes elements until n are left.
func (r *reader) closeTo(n int) {
	for len(r.open) > n {
		f := *r.top()
		r.open = r.open[:len(r.open)-1]
		r.beyond = 0
		if !f.hidden {
			r.leave(&f)
		}
	}
}
