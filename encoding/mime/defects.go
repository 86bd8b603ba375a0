package mime

import (
	"bytes"
	"slices"
	"strings"
)

// Defects returns what is wrong with this part, each kind once with the first
// place where it is: with its header, its structure, its lines and its content,
// but not with the parts below it. It decodes the content to know.
func (p *Part) Defects() []*Error {
	found := noted(slices.Clone(p.defects))
	if p.composite() {
		found.lines(p.Preamble(), p.body) // which only a multipart has
		found.lines(p.Epilogue(), p.epilogue)
		return found
	}
	if p.Encoding != "binary" {
		found.lines(p.Body(), p.body)
	}
	if p.Encoding == "7bit" {
		found.eightBit(EightBitBody, p.Body(), p.body)
	}
	content, err := p.content()
	found.addError(err)
	if strings.HasPrefix(p.MediaType, "text/") {
		_, err = p.decode(content)
		found.addError(err)
	}
	return found
}

// noted is a list of defects with each kind once.
type noted []*Error

func (n *noted) add(k Kind, offset int, value string) {
	for _, d := range *n {
		if d.Kind == k {
			return
		}
	}
	*n = append(*n, &Error{k, offset, value})
}

func (n *noted) addError(e *Error) {
	if e != nil {
		n.add(e.Kind, e.Offset, e.Value)
	}
}

// longestLine is what RFC 5322 section 2.1.1 allows, without the line ending.
const longestLine = 998

// lines looks at the lines of b, which stands at offset.
func (n *noted) lines(b []byte, offset int) {
	for pos := 0; pos < len(b); {
		line := b[pos:lineEnd(b, pos)]
		content := chomp(line)
		if len(line)-len(content) == 1 {
			n.add(BareLF, offset+pos+len(content), "")
		}
		if i := bytes.IndexByte(content, '\r'); i >= 0 {
			n.add(BareCR, offset+pos+i, "")
		}
		if len(content) > longestLine {
			n.add(LongLine, offset+pos, "")
		}
		pos += len(line)
	}
	if i := bytes.IndexByte(b, 0); i >= 0 {
		n.add(NUL, offset+i, "")
	}
}

// eightBit looks for octets beyond ASCII.
func (n *noted) eightBit(k Kind, b []byte, offset int) bool {
	for i, ch := range b {
		if ch >= 0x80 {
			n.add(k, offset+i, "")
			return true
		}
	}
	return false
}
