package mime

import (
	"bytes"
	"strings"
)

// Header is the fields of a header in their order.
type Header []Field

// Field is a header field as it stands in the input.
type Field struct {
	raw    []byte // with folding and line ending
	name   int    // length of the name; 0 if it is no field
	value  int    // where the value begins, behind the colon
	offset int
}

// Name returns the name as written; empty if this is a line that is no field
// (BadField).
func (f Field) Name() string { return string(f.raw[:f.name]) }

// Raw returns the field as it stands in the input, with its folding and the line
// ending.
func (f Field) Raw() []byte { return f.raw[:len(f.raw):len(f.raw)] }

// RawValue returns what stands behind the colon, with its folding, without the
// line ending.
func (f Field) RawValue() []byte {
	v := chomp(f.raw[f.value:])
	return v[:len(v):len(v)]
}

// Value returns the value unfolded (RFC 5322 section 2.2.3) and without white
// space around it. It has no LF; everything else is as written: encoded-words and
// comments, and CR, NUL and octets that aren't UTF-8 if a hostile or broken
// program put them there.
func (f Field) Value() string {
	v := bytes.Trim(f.raw[f.value:], " \t\r\n")
	if bytes.IndexByte(v, '\n') < 0 {
		return string(v)
	}
	var out strings.Builder
	out.Grow(len(v))
	for pos := 0; pos < len(v); {
		end := lineEnd(v, pos)
		out.Write(chomp(v[pos:end]))
		pos = end
	}
	return out.String()
}

// Offset returns where in the input the field begins.
func (f Field) Offset() int { return f.offset }

// Is reports whether the field has this name, in any case.
func (f Field) Is(name string) bool {
	return len(name) == f.name && f.name > 0 && strings.EqualFold(string(f.raw[:f.name]), name)
}

// Get returns the Value of the first field of this name, in any case; empty if
// there is none.
func (h Header) Get(name string) string {
	f, _ := h.first(name)
	return f.Value()
}

// Values returns the Value of every field of this name.
func (h Header) Values(name string) []string {
	var list []string
	for _, f := range h {
		if f.Is(name) {
			list = append(list, f.Value())
		}
	}
	return list
}

// Text returns the first field of this name as a person reads it: its Value with
// the encoded-words decoded, as DecodeHeader does it. It is for showing. Addresses
// are to be parsed before they are decoded, because a decoded name may look like
// an address.
func (h Header) Text(name string) string { return DecodeHeader(h.Get(name)) }

func (h Header) first(name string) (Field, bool) {
	for _, f := range h {
		if f.Is(name) {
			return f, true
		}
	}
	return Field{}, false
}

// ParseHeader reads the header that b begins with, up to and including the blank
// line, and returns it with its length in octets. It is for content that is made
// of headers, such as message/delivery-status (RFC 3464), text/rfc822-headers, and
// the beginning of a message that Parse refuses. The length is 0 if b begins with
// a line that is no field. The error is an *Error about a limit; the defects are
// not told.
func ParseHeader(b []byte, limits Limits) (Header, int, error) {
	r := headerReader{src: b, limits: limits.orDefaults(), message: true}
	if err := r.read(); err != nil {
		return nil, 0, err
	}
	return r.fields, r.pos, nil
}

// headerReader reads one header.
type headerReader struct {
	src     []byte
	limits  Limits
	message bool // the header of a message, which may begin with a "From " line
	// delimiter reports whether a line, which begins with "--", is a delimiter
	// around this header; nil if there are none.
	delimiter func(start, end int) bool

	pos     int // at first, where the header begins; then, where the body does
	end     int // where the header ends
	fields  Header
	defects noted
}

func (r *headerReader) read() error {
	start := r.pos
	r.byteOrderMark()
	for r.end = r.pos; r.pos < len(r.src); r.end = r.pos {
		next := lineEnd(r.src, r.pos)
		line := r.src[r.pos:next]
		if len(chomp(line)) == 0 {
			r.pos = next
			break
		}
		if !r.line(line) {
			r.defects.add(MissingBlankLine, r.pos, "")
			break
		}
		if next-start > r.limits.HeaderOctets {
			return &Error{Kind: HeaderTooLong, Offset: start + r.limits.HeaderOctets}
		}
		if len(r.fields) > r.limits.Fields {
			return &Error{Kind: TooManyFields, Offset: r.pos}
		}
		r.pos = next
	}
	r.look(start)
	return nil
}

// byteOrderMark takes a UTF-8 byte order mark for a line of its own.
//
// QUIRK: editors on Windows put it before a message that they save.
func (r *headerReader) byteOrderMark() {
	const mark = "\xEF\xBB\xBF"
	if r.pos == 0 && r.message && bytes.HasPrefix(r.src, []byte(mark)) {
		r.noField(r.src[:len(mark)])
		r.pos = len(mark)
	}
}

// line takes a line of the header. It reports false for the first line that is
// none: a delimiter, or text that has no field name before a colon. What comes
// behind it is the body, as Postfix and Sendmail have it.
func (r *headerReader) line(line []byte) bool {
	if r.delimiter != nil && bytes.HasPrefix(line, dashes) && r.delimiter(r.pos, r.pos+len(line)) {
		return false
	}
	first := len(r.fields) == 0
	if isBlank(line[0]) {
		if first {
			r.noField(line)
			return true
		}
		last := &r.fields[len(r.fields)-1]
		from := last.offset
		last.raw = r.src[from : r.pos+len(line)]
		return true
	}
	name, value := splitField(line)
	switch {
	case name > 0:
		r.fields = append(r.fields, Field{line, name, value, r.pos})
	case value > 0, first && r.message && isMbox(line):
		r.noField(line)
	default:
		return false
	}
	return true
}

func (r *headerReader) noField(line []byte) {
	r.defects.add(BadField, r.pos, "")
	r.fields = append(r.fields, Field{line, 0, 0, r.pos})
}

// splitField returns the length of the field name and where the value begins.
// White space before the colon is allowed (RFC 5322 section 4.5). A name of no
// characters with a value is a colon at the beginning; no value is no field.
func splitField(line []byte) (name, value int) {
	for name < len(line) && line[name] > ' ' && line[name] < 0x7F && line[name] != ':' {
		name++
	}
	value = name
	for value < len(line) && isBlank(line[value]) {
		value++
	}
	if value == len(line) || line[value] != ':' {
		return 0, 0
	}
	return name, value + 1
}

// isMbox recognizes the line that mbox files put before a message, also when it
// was quoted.
func isMbox(line []byte) bool {
	return bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From "))
}

// look notes the defects of the octets of the header and its line endings.
func (r *headerReader) look(start int) {
	header := r.src[start:r.end]
	r.defects.lines(r.src[start:r.pos], start)
	if r.defects.eightBit(EightBitHeader, header, start) {
		if i := invalidUTF8(header); i >= 0 {
			r.defects.add(BadUTF8, start+i, "")
		}
	}
	var seen uint32
	for _, f := range r.fields {
		bit := onlyOnce(f)
		if seen&bit != 0 {
			r.defects.add(DuplicateField, f.offset, f.Name())
		}
		seen |= bit
	}
}

// once lists the fields that may stand only once in a header (RFC 5322 section
// 3.6, RFC 2045, RFC 2183).
var once = [...]string{
	"from", "sender", "reply-to", "to", "cc", "bcc", "date", "subject", "message-id",
	"in-reply-to", "references", "mime-version", "content-type", "content-id",
	"content-transfer-encoding", "content-disposition", "content-description",
}

// onlyOnce returns the bit of a field in once, or zero.
func onlyOnce(f Field) uint32 {
	for i, name := range once {
		if f.Is(name) {
			return 1 << i
		}
	}
	return 0
}
