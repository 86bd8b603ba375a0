package mime

import "bytes"

// A line here ends in LF or CRLF, as programs on a disk and servers write it. A CR
// alone ends none: no server takes it for a line ending, and what a header is must
// not depend on the reader.

// lineEnd returns where the line that begins at pos ends, its ending included.
func lineEnd(b []byte, pos int) int {
	if i := bytes.IndexByte(b[pos:], '\n'); i >= 0 {
		return pos + i + 1
	}
	return len(b)
}

// chomp cuts the line ending off.
func chomp(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
		if n > 1 && line[n-2] == '\r' {
			line = line[:n-2]
		}
	}
	return line
}

// before returns where the line ending before pos begins; pos itself if there is
// none.
func before(b []byte, pos int) int {
	if pos > 0 && b[pos-1] == '\n' {
		pos--
		if pos > 0 && b[pos-1] == '\r' {
			pos--
		}
	}
	return pos
}

func isBlank(ch byte) bool { return ch == ' ' || ch == '\t' }
