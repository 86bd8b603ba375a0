package wrap

import "strings"

// DefaultWidth is the width if none is given: 45 full-width characters.
const DefaultWidth = 90

// Options say how to wrap. The zero value is ready to use.
type Options struct {
	// Width is how many columns a line may have. A full-width character takes
	// two columns, an ASCII one takes one, a tab reaches to the next multiple of
	// eight. Default: 90.
	Width int
	// NarrowAmbiguous gives one column to the characters that are full-width in
	// Japanese fonts and half-width in others: ○, →, ※, Greek, Cyrillic (East
	// Asian Width "A"). Accented Latin letters take one column either way.
	// Default: two columns.
	NarrowAmbiguous bool
	// KeepLongWords leaves words whole that are wider than a line. Default: they
	// begin a line and are cut where it is full; URLs and mail addresses are
	// left whole in any case.
	KeepLongWords bool
	// Keep reports whether a line, which comes without its line ending, is to be
	// left as it is. Default: none.
	Keep func(line string) bool
}

// Text breaks the lines of s that are wider than opt.Width.
//
// Existing line endings (LF, CRLF or CR) stay, and a new one is of the kind that
// the line has. The spaces at which a line is broken stay at its end and don't
// count; so does one closing 。 or 、, which hangs over the edge. A line that is
// wider nevertheless has a URL or a mail address for which there is no room.
//
// A quoted line, one that begins with ">", gives its quote marks to each new
// line. If they take more than half of the width the line is left as it is.
//
// The time is proportional to the length of s.
func Text(s string, opt Options) string {
	if opt.Width <= 0 {
		opt.Width = DefaultWidth
	}
	if !overlong(s, opt.Width) {
		return s
	}
	f := filler{opt: &opt, eol: "\n", dst: make([]byte, 0, len(s)+len(s)/16)}
	for s != "" {
		line, eol := cutLine(s)
		s = s[len(line)+len(eol):]
		if eol != "" {
			f.eol = eol
		}
		if !overlong(line, opt.Width) || opt.Keep != nil && opt.Keep(line) {
			f.dst = append(f.dst, line...)
		} else {
			f.line(line)
		}
		f.dst = append(f.dst, eol...)
	}
	return string(f.dst)
}

// overlong reports whether some line of s may be wider than width. No character
// but the tab has more columns than octets.
func overlong(s string, width int) bool {
	if strings.IndexByte(s, '\t') >= 0 {
		return true
	}
	for len(s) > width {
		end := strings.LastIndexAny(s[:width+1], "\r\n")
		if end < 0 {
			return true
		}
		s = s[end+1:]
	}
	return false
}

// cutLine returns the first line of s and its line ending.
func cutLine(s string) (line, eol string) {
	i := strings.IndexAny(s, "\r\n")
	if i < 0 {
		return s, ""
	}
	if strings.HasPrefix(s[i:], "\r\n") {
		return s[:i], "\r\n"
	}
	return s[:i], s[i : i+1]
}

// quoteMarks returns the quote marks that line begins with: ">" and the spaces
// between and after them, one each at most.
func quoteMarks(line string) string {
	n := 0
	for n < len(line) && line[n] == '>' {
		if n++; n < len(line) && line[n] == ' ' {
			n++
		}
	}
	return line[:n]
}
