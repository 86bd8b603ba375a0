package htmltext

import (
	"strings"

	"golang.org/x/net/html"
)

// Text returns the text of an HTML document or a piece of one. It never fails:
// whatever is no HTML is text.
//
// Line endings are LF, with none at the end. No line ends with white space.
// Paragraphs, headings and lists have a blank line around them, other blocks and
// table rows begin a line, br ends one, and there are never more than two blank
// lines in a row outside of pre. Table cells are parted by a tab as long as they
// have one line each. The items of lists begin with "・" or their number, quoted
// lines with "> ", and hr is a line of hyphens. Ruby is written base(reading).
//
// A link is followed by its URL, as in
//
//	注文の確認 <https://example.jp/orders/1>
//
// unless its text says the same, or the URL leads nowhere from a mail (a
// fragment, cid:, javascript: and the like). An image is its alt text. Scripts,
// styles, comments, form fields and what an attribute hides (display:none, as in
// preheaders) are left out.
//
// White space is collapsed as in browsers. A line break in the source vanishes
// between two Japanese or Chinese characters and is a space elsewhere (CSS Text,
// section 4.1.3). A no-break space becomes a plain one; soft hyphens, zero width
// spaces and control characters are dropped.
//
// Elements may nest without limit, but from 256 levels on they have no meaning of
// their own. The time is proportional to the length of source.
func Text(source string) string {
	r := reader{page: page{out: make([]byte, 0, len(source)/2)}}
	z := html.NewTokenizer(strings.NewReader(source))
	renew := false
	for {
		token := z.Next()
		if token == html.ErrorToken {
			break
		}
		size := len(z.Raw())
		source = source[size:]
		raw := false
		switch token {
		case html.TextToken:
			r.text(z.Text())
		case html.StartTagToken, html.SelfClosingTagToken:
			var t tag
			t.read(z, token == html.SelfClosingTagToken)
			if t.name == "noscript" {
				z.NextIsNotRawText() // no mail program runs scripts
			}
			raw = rawText[t.name]
			renew = renew || size > longTag
			r.start(&t)
		case html.EndTagToken:
			name, _ := z.TagName()
			r.end(string(name))
		}
		if renew && !raw {
			// A tokenizer that has seen a tag with many attributes is slow with
			// each tag that follows.
			z = html.NewTokenizer(strings.NewReader(source))
			renew = false
		}
	}
	r.closeTo(0)
	r.endLink()
	return r.page.String()
}

// longTag is the length from which on a tag may have too many attributes.
const longTag = 16 << 10

// rawText holds the elements whose content has no tags.
var rawText = map[string]bool{
	"iframe": true, "noembed": true, "noframes": true, "plaintext": true, "script": true, "style": true,
	"textarea": true, "title": true, "xmp": true,
}

// reader keeps the open elements.
type reader struct {
	page      page
	open      []frame
	beyond    int // elements that are open within the last of maxDepth frames
	link      link
	bracketed bool // the reading of ruby stands in brackets of its author's
}

func (r *reader) text(s []byte) {
	switch top := r.top(); {
	case top.hidden:
	case top.newPre:
		// The first line break in pre is for the eyes of its writer.
		top.newPre = false
		if len(s) > 0 && s[0] == '\n' {
			s = s[1:]
		}
		fallthrough
	default:
		r.page.text(s, top.pre)
	}
}
