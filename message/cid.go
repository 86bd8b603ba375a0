package message

import (
	"errors"
	"fmt"
	"html"
	"net/url"
	"strings"
)

// ErrNoPart: the HTML shows a "cid:" that no attachment has.
var ErrNoPart = errors.New("is shown by the HTML, and no attachment has it as its ContentID")

// contentIDs yields the offset and the Content-ID of every "cid:" URL (RFC 2392)
// that stands in an attribute or a style of the HTML.
func contentIDs(s string, yield func(offset int, cid string) bool) {
	const scheme = "cid:"
	inTag, seen := false, 0 // whether s[:seen] ends within a tag
	for from := 0; ; {
		i := indexFold(s[from:], scheme)
		if i < 0 {
			return
		}
		at := from + i
		from = at + len(scheme)
		if angle := strings.LastIndexAny(s[seen:at], "<>"); angle >= 0 {
			inTag = s[seen+angle] == '<'
		}
		seen = at
		if at == 0 || !strings.ContainsRune("\"'(= \t\r\n", rune(s[at-1])) || !inValue(s[max(0, at-lookBack):at], inTag) {
			continue
		}
		end := strings.IndexAny(s[from:], "\"'() <>\t\r\n")
		if end < 0 {
			end = len(s) - from
		}
		cid := html.UnescapeString(s[from : from+end])
		if u, err := url.PathUnescape(cid); err == nil {
			cid = u
		}
		if !yield(at, cid) {
			return
		}
		from += end
	}
}

// lookBack is how far before a value the name of its attribute may begin.
const lookBack = 256

// inValue reports whether what follows before is the beginning of the value of an
// attribute of a tag that loads something, or of a url() in a style.
func inValue(before string, inTag bool) bool {
	before = strings.TrimRight(before, "\"' \t\r\n")
	if n := len(before); n >= 4 && strings.EqualFold(before[n-4:], "url(") {
		return true
	}
	before, ok := strings.CutSuffix(before, "=")
	if !ok {
		return false
	}
	before = strings.TrimRight(before, " \t\r\n")
	start := strings.LastIndexAny(before, " \t\r\n\"'/") + 1
	switch strings.ToLower(before[start:]) {
	case "src", "background", "poster", "data", "xlink:href":
		return inTag
	}
	return false
}

// indexFold is strings.Index without regard to the case of ASCII.
func indexFold(s, lower string) int {
	for i := 0; i+len(lower) <= len(s); i++ {
		if s[i]|0x20 == lower[0] && strings.EqualFold(s[i:i+len(lower)], lower) {
			return i
		}
	}
	return -1
}

// checkContentIDs reports every "cid:" of the HTML that no part has.
func (m *Message) checkContentIDs(errs *Errors) {
	if m.HTML == "" {
		return
	}
	var have map[string]bool
	contentIDs(m.HTML, func(offset int, cid string) bool {
		if have == nil {
			have = make(map[string]bool, len(m.Attachments))
			for _, a := range m.Attachments {
				have[a.ContentID] = true
			}
		}
		if cid == "" || !have[cid] {
			*errs = append(*errs, &FieldError{"HTML", -1, 0, offset, fmt.Errorf("%.100q %w", cid, ErrNoPart)})
		}
		return true
	})
}

// unshown returns the indexes of the inline parts that the HTML doesn't show.
func (m *Message) unshown() []int {
	shown := map[string]bool{}
	contentIDs(m.HTML, func(_ int, cid string) bool {
		shown[cid] = true
		return true
	})
	var list []int
	for i, a := range m.Attachments {
		if a.ContentID != "" && !shown[a.ContentID] {
			list = append(list, i)
		}
	}
	return list
}
