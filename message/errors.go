package message

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/qdmail/qdmail/encoding/charset"
	"github.com/qdmail/qdmail/encoding/header"
)

// The reasons that a FieldError has beside those of the encoding packages.
var (
	ErrRequired  = errors.New("is required")
	ErrDuplicate = errors.New("is used twice")
	ErrReserved  = errors.New("is not for Headers: Message has a field for it, or the library writes it")
	ErrInvalid   = errors.New("is not valid")
)

// FieldError is one fault of a Message.
type FieldError struct {
	// Field is the path of the Go field, such as "Subject" or "To.Address".
	Field string
	// Index is the position in the list that the first element of Field names;
	// -1 if that is no list.
	Index int
	// Rune is the character at fault and Offset its position in octets. Rune is
	// zero if no single character is to blame.
	Rune   rune
	Offset int
	// Err is the reason.
	Err error
}

// Error returns the path, the reason and the place, such as
// `To[2].Address: ...`.
func (e *FieldError) Error() string {
	name := e.Field
	if e.Index >= 0 {
		first, rest, ok := strings.Cut(e.Field, ".")
		name = first + "[" + strconv.Itoa(e.Index) + "]"
		if ok {
			name += "." + rest
		}
	}
	s := name + ": " + reason(e.Err)
	switch {
	case e.Rune == utf8.RuneError:
		s += fmt.Sprintf(" (at octet %d)", e.Offset)
	case e.Rune != 0:
		s += fmt.Sprintf(" (%q, %U, at octet %d)", e.Rune, e.Rune, e.Offset)
	}
	return s
}

// Unwrap returns the reason.
func (e *FieldError) Unwrap() error { return e.Err }

// reason leaves out what the FieldError says itself.
func reason(err error) string {
	var ce *charset.Error
	if errors.As(err, &ce) {
		if ce.Rune == utf8.RuneError {
			return "invalid " + ce.Charset.String()
		}
		return "not in " + ce.Charset.String()
	}
	var he *header.Error
	if errors.As(err, &he) {
		return he.Err.Error()
	}
	return err.Error()
}

// Errors is everything that is wrong with a Message, in the order of its fields.
type Errors []*FieldError

// maxShown is how many faults Error tells of.
const maxShown = 20

// Error returns the first 20 of them, separated by semicolons.
func (e Errors) Error() string {
	var b strings.Builder
	b.WriteString("message: ")
	for i, fe := range e {
		if i > 0 {
			b.WriteString("; ")
		}
		if i == maxShown && len(e) > maxShown+1 {
			fmt.Fprintf(&b, "and %d more", len(e)-i)
			break
		}
		b.WriteString(fe.Error())
	}
	return b.String()
}

// Unwrap returns them one by one, for errors.Is and errors.As.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, fe := range e {
		out[i] = fe
	}
	return out
}

// add appends err, which may carry the character and its place.
func (e *Errors) add(field string, index int, err error) {
	fe := &FieldError{Field: field, Index: index, Err: err}
	var he *header.Error
	var ce *charset.Error
	var ae *AddressError
	switch {
	case errors.As(err, &he):
		fe.Rune, fe.Offset = he.Rune, he.Offset
	case errors.As(err, &ce):
		fe.Rune, fe.Offset = ce.Rune, ce.Offset
	case errors.As(err, &ae):
		fe.Rune, fe.Offset = ae.Rune, ae.Offset
	}
	*e = append(*e, fe)
}

// addValue appends that a field has a value that isn't one of its constants.
func (e *Errors) addValue(field string, v uint8) {
	e.add(field, -1, fmt.Errorf("%w: %d", ErrInvalid, v))
}

// err returns e as an error, or nil if it is empty.
func (e Errors) err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}
