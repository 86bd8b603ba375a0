package htmltext

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// tag is a start tag with the attributes that matter.
type tag struct {
	name        string
	href, alt   string
	ordinal     string // of a list or an item
	hidden      bool
	pre         bool // white space stays
	selfClosing bool
}

// read reads the tag on which z stands.
func (t *tag) read(z *html.Tokenizer, selfClosing bool) {
	name, more := z.TagName()
	t.name, t.selfClosing = string(name), selfClosing
	var key, val []byte
	for more {
		key, val, more = z.TagAttr()
		switch string(key) {
		case "href":
			t.href = string(val)
		case "alt":
			t.alt = string(val)
		case "start", "value":
			t.ordinal = string(val)
		case "hidden":
			t.hidden = true
		case "style":
			hidden, pre := style(string(val))
			t.hidden, t.pre = t.hidden || hidden, pre
		}
	}
}

// number returns the number of a list or an item, or def if it has none that
// makes sense.
func (t *tag) number(def int) int {
	const most = 99999
	if n, err := strconv.Atoi(strings.TrimSpace(t.ordinal)); err == nil && n >= -most && n <= most {
		return n
	}
	return def
}

// style reads the declarations of a style attribute and reports whether they hide
// the element, and whether they keep its white space.
func style(s string) (hidden, pre bool) {
	var flat, cut bool
	for decl := range strings.SplitSeq(strings.ToLower(s), ";") {
		property, value, _ := strings.Cut(decl, ":")
		value, _, _ = strings.Cut(value, "!")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(property) {
		case "display":
			hidden = value == "none"
		case "visibility":
			hidden = hidden || value == "hidden" || value == "collapse"
		case "max-height":
			flat = value == "0" || value == "0px"
		case "overflow":
			cut = value == "hidden"
		case "white-space":
			pre = value == "pre" || value == "pre-wrap" || value == "break-spaces"
		}
	}
	return hidden || flat && cut, pre
}
