package delivery

import (
	"fmt"
	"strings"
)

// Report tells what was changed on the way from a message to its Body, so that an
// inbox or a log can show it. A Body that has one offers it by
//
//	interface{ Report() *Report }
type Report struct {
	Notes []Note
}

// NoteKind says what a Note is about.
type NoteKind string

// The kinds of notes.
const (
	// NoteCharset: the charset that was asked for couldn't express the message;
	// From and To are the charsets.
	NoteCharset NoteKind = "charset"
	// NoteFolded: characters that the charset writes as others, such as half-width
	// katakana.
	NoteFolded NoteKind = "folded"
	// NoteCleaned: invisible or decomposed characters were dropped or composed.
	NoteCleaned NoteKind = "cleaned"
	// NoteTransliterated: characters were replaced by what means the same.
	NoteTransliterated NoteKind = "transliterated"
	// NoteSuspicious: a character was left that shows something else than it is.
	NoteSuspicious NoteKind = "suspicious"
	// NoteWrapped: long lines were broken.
	NoteWrapped NoteKind = "wrapped"
	// NoteReencoded: an attachment couldn't go as what it is; From and To are
	// media types.
	NoteReencoded NoteKind = "reencoded"
	// NoteMetaCharset: the HTML announced another charset than its part has, and
	// was corrected.
	NoteMetaCharset NoteKind = "meta charset"
	// NoteUnshown: an inline part that the HTML doesn't show.
	NoteUnshown NoteKind = "unshown"
)

// Note is one change.
type Note struct {
	Kind NoteKind
	// Field and Index name the field of the message, as in message.FieldError.
	Field string
	Index int
	// Offset is where From stood in the field, in octets.
	Offset int
	// From and To are what was replaced and by what.
	From, To string
}

// String returns the note on one line.
func (n Note) String() string {
	s := string(n.Kind)
	if n.Field != "" {
		s += " " + n.Field
		if n.Index >= 0 {
			s += fmt.Sprintf("[%d]", n.Index)
		}
	}
	if n.From != "" || n.To != "" {
		s += fmt.Sprintf(": %q became %q", n.From, n.To)
	}
	return s
}

// Has reports whether there is a note of the kind.
func (r *Report) Has(kind NoteKind) bool {
	for _, n := range r.Notes {
		if n.Kind == kind {
			return true
		}
	}
	return false
}

// String returns all notes, a line each.
func (r *Report) String() string {
	var b strings.Builder
	for _, n := range r.Notes {
		b.WriteString(n.String())
		b.WriteByte('\n')
	}
	return b.String()
}
