package htmltext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// link is an a element. Links don't nest.
type link struct {
	url   string
	open  bool
	image bool // it has an image
}

func (r *reader) startLink(href string) {
	r.endLink()
	if url := cleanURL(href); url != "" {
		r.link = link{url: url, open: true}
		r.page.marking = true
	}
}

// endLink writes the URL of the link behind its text. An image without a text of
// its own is replaced by it.
func (r *reader) endLink() {
	if !r.link.open {
		return
	}
	r.link.open = false
	p, url := &r.page, "<"+r.link.url+">"
	if p.marking {
		if p.marking = false; r.link.image {
			p.put([]byte(url))
		}
		return
	}
	text := p.out[min(p.mark, len(p.out)):]
	if !same(string(text), r.link.url) {
		p.append(" " + url)
	}
}

// nowhere are the schemes of URLs that lead nowhere from a text.
var nowhere = []string{"cid:", "mid:", "javascript:", "vbscript:", "data:", "blob:", "about:", "file:"}

// cleanURL returns a URL as it is written between angle brackets, or "" if it
// leads nowhere.
func cleanURL(href string) string {
	// Browsers trim white space and control characters, and ignore line endings
	// and tabs within (WHATWG URL, section 4.4).
	href = strings.TrimFunc(href, func(r rune) bool { return r <= ' ' })
	if strings.ContainsAny(href, "\t\n\r") {
		href = strings.Map(func(r rune) rune {
			if r == '\t' || r == '\n' || r == '\r' {
				return -1
			}
			return r
		}, href)
	}
	if href == "" || href[0] == '#' {
		return ""
	}
	for _, scheme := range nowhere {
		if len(href) >= len(scheme) && strings.EqualFold(href[:len(scheme)], scheme) {
			return ""
		}
	}
	if strings.HasPrefix(href, "//") {
		href = "https:" + href
	}
	return escapeURL(href)
}

// escapeURL percent-encodes what would end a URL in a text: white space, angle
// brackets, controls and, after the host, whatever isn't ASCII.
func escapeURL(s string) string {
	const upperHex = "0123456789ABCDEF"
	path := strings.Index(s, "://") + 3
	if path < 3 {
		path = 0
	}
	if i := strings.IndexAny(s[path:], "/?#"); i >= 0 {
		path += i
	} else if path > 0 {
		path = len(s)
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		keep := r > ' ' && r < 0x7F && r != '<' && r != '>' && r != '"'
		if keep || i < path && r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)) {
			b.WriteString(s[i : i+n])
		} else {
			for _, ch := range []byte(s[i : i+n]) {
				b.Write([]byte{'%', upperHex[ch>>4], upperHex[ch&15]})
			}
		}
		i += n
	}
	return b.String()
}

// same reports whether the text of a link says what its URL says, so that there is
// no need for both.
func same(text, url string) bool {
	text, url = strings.TrimSpace(text), strings.TrimSuffix(url, "/")
	if text == "" {
		return true
	}
	if strings.EqualFold(strings.TrimSuffix(text, "/"), url) {
		return true
	}
	scheme, rest, _ := strings.Cut(url, ":")
	switch strings.ToLower(scheme) {
	case "http", "https":
		return strings.EqualFold(strings.TrimSuffix(text, "/"), strings.TrimPrefix(rest, "//"))
	case "mailto":
		rest, _, _ = strings.Cut(rest, "?")
		return strings.EqualFold(text, rest)
	case "tel":
		return digits(text) == digits(rest)
	}
	return false
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
