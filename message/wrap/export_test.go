package wrap

// Columns returns the width of a line without the spaces at its end, the columns
// that its last character may hang over the edge, and how many characters are
// seen.
func Columns(line string, opt Options) (columns, hang, seen int) {
	col := 0
	for len(line) > 0 {
		c := next(line, &opt)
		if c.class == space {
			col = spaceColumns(line[:c.size], col)
		} else {
			col += c.width
			columns, hang = col, 0
			if c.width > 0 {
				seen++
			}
			if c.is(hangs) {
				hang = c.width
			}
		}
		line = line[c.size:]
	}
	return columns, hang, seen
}

// Characters returns the characters of s.
func Characters(s string) (list []string) {
	for len(s) > 0 {
		c := next(s, &Options{})
		list = append(list, s[:c.size])
		s = s[c.size:]
	}
	return list
}

var HasURL = hasURL
