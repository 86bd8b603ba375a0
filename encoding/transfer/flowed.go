package transfer

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

const (
	// MaxFlowed is the number of columns that a line of flowed text may have
	// (RFC 3676 section 4.2).
	MaxFlowed = 78

	signature = "-- " // above a signature (RFC 3676 section 4.3)
)

// AppendFlowed appends text as text/plain with format=flowed (RFC 3676). A line
// of text is a paragraph, ended by LF, CRLF or CR. One that is wider than width
// columns is written as several lines which the reader joins again; the others
// are written as they are. All lines end with CRLF, the last one only if text
// ends with a line ending. A width of 0 or less, or of more than [MaxFlowed],
// stands for MaxFlowed. Full-width characters take two columns, and what is added
// counts: quote marks, stuffing, the space at the end.
//
// A line is broken after a space. With delSp, which the field has to announce as
// DelSp=yes, it is also broken beside Japanese characters, though never so that
// the new line begins with a closing mark or the old one ends with an opening
// one. Words and URLs are never broken, and neither is Japanese without delSp: a
// line that has no place for a break is longer than width.
//
// Spaces at the end of a line are dropped, for they would make it flow (section
// 4.2); "-- " above a signature keeps its own. Lines that begin with ">" are
// quoted, as deep as there are marks without a space in between, and stay so.
func AppendFlowed(dst []byte, text string, width int, delSp bool) []byte {
	if width <= 0 || width > MaxFlowed {
		width = MaxFlowed
	}
	f := flower{dst: dst, width: width, delSp: delSp}
	for text != "" {
		i := strings.IndexAny(text, "\r\n")
		if i < 0 {
			f.paragraph(text)
			break
		}
		f.paragraph(text[:i])
		f.dst = append(f.dst, '\r', '\n')
		if strings.HasPrefix(text[i:], "\r\n") {
			i++
		}
		text = text[i+1:]
	}
	return f.dst
}

// Unflow joins the lines of a text/plain body that has format=flowed (RFC 3676
// section 4.1), so that a line of the result is a paragraph. Line endings become
// LF. delSp tells whether the field says DelSp=yes. Quoted lines keep their marks,
// and where the quote depth changes a paragraph ends whatever its last line says.
//
// What AppendFlowed made of a text becomes that text again, apart from line
// endings and from spaces at the end of lines.
func Unflow(text string, delSp bool) string {
	var b strings.Builder
	b.Grow(len(text))
	open, depth, held := false, 0, ""
	for text != "" {
		line, ending := text, ""
		if i := strings.IndexAny(text, "\r\n"); i >= 0 {
			line, ending = text[:i], "\n"
			if strings.HasPrefix(text[i:], "\r\n") {
				i++
			}
			text = text[i+1:]
		} else {
			text = ""
		}
		q := quoteDepth(line)
		content := strings.TrimPrefix(line[q:], " ")
		if join := open && q == depth && content != signature; join || q == 0 {
			if !join {
				b.WriteString(held)
			}
			line = content
		} else {
			b.WriteString(held)
		}
		// What stands between this line and the next one, unless they are joined.
		open, depth, held = strings.HasSuffix(content, " ") && content != signature, q, ending
		if open && delSp {
			line, held = line[:len(line)-1], " "+ending
		}
		b.WriteString(line)
	}
	b.WriteString(held)
	return b.String()
}

func quoteDepth(line string) int {
	return len(line) - len(strings.TrimLeft(line, ">"))
}

// flower writes paragraphs.
type flower struct {
	dst   []byte
	width int
	delSp bool
}

// paragraph writes a line of text without its line ending.
func (f *flower) paragraph(line string) {
	depth := quoteDepth(line)
	// The first line keeps the quote marks as they are, and the space after them
	// if there is one.
	marks, rest := line[:depth], line[depth:]
	if depth > 0 {
		rest = strings.TrimPrefix(rest, " ")
	}
	if rest == signature {
		f.dst = append(f.dst, line...)
		return
	}
	rest = strings.TrimRight(rest, " ")
	if depth > 0 && rest != "" {
		marks = line[:len(strings.TrimRight(line, " "))-len(rest)]
	}
	if depth > f.width/2 {
		f.dst = append(append(f.dst, marks...), rest...)
		return
	}
	for first := true; ; first = false {
		stuffed := marks
		switch {
		case depth > 0 && !first:
			stuffed = line[:depth] + " "
		case depth == 0 && needsStuffing(rest):
			stuffed = " "
		}
		f.dst = append(f.dst, stuffed...)
		n := f.cut(rest, f.width-len(stuffed))
		f.dst = append(f.dst, rest[:n]...)
		if rest = rest[n:]; rest == "" {
			return
		}
		if f.delSp {
			f.dst = append(f.dst, ' ')
		}
		f.dst = append(f.dst, '\r', '\n')
	}
}

// needsStuffing reports whether a line that isn't quoted has to begin with a
// space of its own (RFC 3676 section 4.4).
func needsStuffing(line string) bool {
	return line != "" && (line[0] == ' ' || line[0] == '>') || strings.HasPrefix(line, "From ")
}

// cut returns how much of a paragraph goes on a line of the given columns: all
// of it if it fits, otherwise up to the last place for a break that leaves room,
// and if there is none up to the first one.
func (f *flower) cut(s string, columns int) int {
	marker := 0 // columns of the space that will be deleted
	if f.delSp {
		marker = 1
	}
	var prev rune
	col, best := 0, 0
	for i, r := range s {
		if i > 0 && f.mayPart(prev, r) && !isSignature(s[:i], f.delSp) {
			if col+marker <= columns || best == 0 {
				best = i
			}
			if col+marker > columns {
				return best
			}
		}
		prev = r
		if col += runeColumns(r); col > columns && best > 0 {
			return best
		}
	}
	return len(s)
}

// isSignature reports whether line, made to flow, would be taken for the
// signature separator.
func isSignature(line string, delSp bool) bool {
	return line == signature || delSp && line == signature[:2]
}

// mayPart reports whether a line may be broken between a and b.
func (f *flower) mayPart(a, b rune) bool {
	if a == ' ' {
		return true
	}
	if !f.delSp || b == ' ' || !isWide(a) && !isWide(b) {
		return false
	}
	return maySide(a) && maySide(b) && !noEnd(a) && !noStart(b)
}

// maySide reports whether r may stand at a break: a Japanese character, an ASCII
// letter or a digit.
func maySide(r rune) bool {
	if r < utf8.RuneSelf {
		return r|0x20 >= 'a' && r|0x20 <= 'z' || r >= '0' && r <= '9'
	}
	return isWide(r)
}

// The readers that know nothing of flowed text show the lines as they are, so
// those look better if they obey JIS X 4051. Missing here is what isn't wide,
// since there is no break beside it anyway.

// noStart reports whether r may not begin a line: what JIS X 4051 forbids, and what
// combines with the character before.
func noStart(r rune) bool {
	switch r {
	case '、', '。', '，', '．', '・', '：', '；', '？', '！', '％', '\u3000',
		'）', '］', '｝', '〕', '〉', '》', '」', '』', '】', '｠', '〙', '〗', '〟',
		'゛', '゜', 'ヽ', 'ヾ', 'ゝ', 'ゞ', '々', '〻', 'ー', '〜', '～',
		'ぁ', 'ぃ', 'ぅ', 'ぇ', 'ぉ', 'っ', 'ゃ', 'ゅ', 'ょ', 'ゎ', 'ゕ', 'ゖ',
		'ァ', 'ィ', 'ゥ', 'ェ', 'ォ', 'ッ', 'ャ', 'ュ', 'ョ', 'ヮ', 'ヵ', 'ヶ':
		return true
	}
	ainu := r >= 'ㇰ' && r <= 'ㇿ'             // small katakana
	skinTone := r >= 0x1F3FB && r <= 0x1F3FF // a part of the emoji before
	return ainu || skinTone || unicode.Is(unicode.M, r)
}

// noEnd reports whether r may not end a line.
func noEnd(r rune) bool {
	switch r {
	case '（', '［', '｛', '〔', '〈', '《', '「', '『', '【', '｟', '〘', '〖', '〝', '￥', '＄', '￡', '＃':
		return true
	}
	return false
}

func isWide(r rune) bool {
	if r < 0x1100 {
		return false
	}
	k := width.LookupRune(r).Kind()
	return k == width.EastAsianWide || k == width.EastAsianFullwidth
}

// runeColumns returns the columns that r takes at most.
func runeColumns(r rune) int {
	if r < utf8.RuneSelf {
		return 1
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth, width.EastAsianAmbiguous:
		return 2
	}
	return 1
}
