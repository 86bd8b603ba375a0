package message

import "strings"

// metaLook is how much of an HTML text is searched for its charset; browsers look
// at 1024 octets.
const metaLook = 4096

// correctMeta makes the charset that the HTML announces in a meta element the one
// that its part has, because programs exist that believe the HTML. It returns what
// stood there, or nothing if nothing had to be changed.
func correctMeta(s, label string) (corrected, was string) {
	from := 0
	for {
		i := indexFold(s[from:min(len(s), metaLook)], "<meta")
		if i < 0 {
			return s, ""
		}
		from += i
		end := strings.IndexByte(s[from:], '>')
		if end < 0 {
			return s, ""
		}
		tag := s[from : from+end]
		if start, length := charsetIn(tag); length > 0 {
			was = tag[start : start+length]
			if strings.EqualFold(was, label) {
				return s, ""
			}
			start += from
			return s[:start] + label + s[start+length:], was
		}
		from += end
		if from >= metaLook {
			return s, ""
		}
	}
}

// charsetIn returns where the value of "charset=" stands in a tag.
func charsetIn(tag string) (start, length int) {
	const key = "charset"
	for from := 0; ; {
		i := indexFold(tag[from:], key)
		if i < 0 {
			return 0, 0
		}
		from += i + len(key)
		rest := strings.TrimLeft(tag[from:], " \t\r\n")
		if !strings.HasPrefix(rest, "=") {
			continue
		}
		rest = strings.TrimLeft(rest[1:], " \t\r\n\"'")
		start = len(tag) - len(rest)
		length = strings.IndexAny(rest, " \t\r\n\"';/")
		if length < 0 {
			length = len(rest)
		}
		return start, length
	}
}
