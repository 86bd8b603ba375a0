package header

import "bytes"

// Fixed is what a Builder wrote once, to be written many times: whole fields, such
// as those that all parts of one kind have.
type Fixed struct{ text string }

// Fixed returns what was written so far. It is the zero Fixed if there was an error
// or the last field isn't ended.
func (b *Builder) Fixed() Fixed {
	if b.err != nil || !bytes.HasSuffix(b.buf, []byte("\r\n")) {
		return Fixed{}
	}
	return Fixed{string(b.buf)}
}

// Put appends f. That is an error within a field, and if f is the zero Fixed.
func (b *Builder) Put(f Fixed) {
	if f.text == "" || b.column() != 0 {
		b.fail(&Error{Err: ErrFieldName})
	}
	if b.err != nil {
		return
	}
	b.buf = append(b.buf, f.text...)
	b.line = len(b.buf)
}
