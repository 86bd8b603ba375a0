package htmltext

// role is what an element does to the text.
type role uint32

const (
	inline   role = 0
	block    role = 1 << iota
	para          // p, which any block ends
	list          // ul, ol
	item          // li
	terms         // dl
	term          // dt, dd
	quote         // blockquote
	verbatim      // pre
	table
	section // of a table
	tableRow
	cell
	caption
	ruby
	reading  // rt
	paren    // rp
	anchor   // a
	unseen   // not shown
	template // not shown, and its content has no effect outside
	void     // has no content
)

const (
	tableParts = section | tableRow | cell | caption
	noScope    = template | table | cell | caption // an end tag has no effect beyond
)

// element is a kind of element. The margin is how many line endings are at least
// around it: 2 for a blank line.
type element struct {
	role   role
	margin int
}

// elements holds all that aren't inline.
var elements = map[string]element{
	"p":  {para | block, 2},
	"h1": {block, 2}, "h2": {block, 2}, "h3": {block, 2}, "h4": {block, 2}, "h5": {block, 2}, "h6": {block, 2},
	"blockquote": {quote | block, 2},
	"pre":        {verbatim | block, 2}, "listing": {verbatim | block, 2}, "xmp": {verbatim | block, 2}, "plaintext": {verbatim | block, 1},
	"figure": {block, 2},

	"ul": {list | block, 2}, "ol": {list | block, 2}, "menu": {list | block, 2}, "dir": {list | block, 2},
	"li": {item | block, 1},
	"dl": {terms | block, 2}, "dt": {term | block, 1}, "dd": {term | block, 1},

	"address": {block, 1}, "article": {block, 1}, "aside": {block, 1}, "body": {block, 1}, "center": {block, 1},
	"details": {block, 1}, "dialog": {block, 1}, "div": {block, 1}, "fieldset": {block, 1}, "figcaption": {block, 1},
	"footer": {block, 1}, "form": {block, 1}, "header": {block, 1}, "hgroup": {block, 1}, "html": {block, 1},
	"legend": {block, 1}, "main": {block, 1}, "nav": {block, 1}, "search": {block, 1}, "section": {block, 1},
	"summary": {block, 1},

	"table": {table, 1}, "caption": {caption, 1},
	"thead": {section, 1}, "tbody": {section, 1}, "tfoot": {section, 1},
	"tr": {tableRow, 1}, "td": {cell, 0}, "th": {cell, 0},

	"ruby": {ruby, 0}, "rt": {reading, 0}, "rp": {paren, 0},
	"a": {anchor, 0},

	"script": {unseen, 0}, "style": {unseen, 0}, "title": {unseen, 0}, "iframe": {unseen, 0},
	"noembed": {unseen, 0}, "noframes": {unseen, 0}, "svg": {unseen, 0}, "select": {unseen, 0},
	"datalist": {unseen, 0}, "textarea": {unseen, 0}, "template": {template | unseen, 0},

	"br": {void, 0}, "hr": {void, 1}, "img": {void, 0}, "image": {void, 0}, "wbr": {void, 0}, "input": {void, 0},
	"area": {void, 0}, "base": {void, 0}, "basefont": {void, 0}, "bgsound": {void, 0}, "col": {void, 0},
	"embed": {void, 0}, "frame": {void, 0}, "keygen": {void, 0}, "link": {void, 0}, "meta": {void, 0},
	"param": {void, 0}, "source": {void, 0}, "track": {void, 0},
}
