package message

import (
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Row is one mail of a mail merge: who gets it and what is filled in.
type Row struct {
	// To is the recipient.
	To Address
	// Values are the texts by key. Keys are compared without case. Beside them,
	// "mail" is the address and "name" the display name of To, unless Values has
	// a text for these keys.
	Values map[string]string
	// Data is what templates are executed with. Default: Values, with "mail" and
	// "name" added.
	Data any
}

// Template is a template of text/template or html/template, or anything else that
// can be executed like one.
type Template interface {
	Execute(w io.Writer, data any) error
}

// Merge says how a message becomes one mail per row. The zero value replaces
// %key% and leaves what it doesn't know.
type Merge struct {
	// Defaults are the texts for keys whose value is empty or missing. Default:
	// none.
	Defaults map[string]string
	// RequireKeys makes a key without value and default an error. Otherwise it
	// stays in the text as it is. Default: false.
	RequireKeys bool
	// Subject, Text and HTML are executed with Row.Data instead of replacing
	// %key% in the field of the same name. HTML should be an html/template, which
	// escapes. Default: nil, the fields of the message.
	Subject, Text, HTML Template
}

// ErrMissingKey: a key of a mail merge has neither a value nor a default.
var ErrMissingKey = errors.New("has a key without value")

// Merge returns a copy of m for one row: addressed to Row.To alone, with %key%
// replaced by the values in Subject, Text and HTML. Replacement is literal: what a
// value contains is not looked at again, and in HTML it is escaped for text and for
// quoted attributes; for URLs and scripts use an html/template. A "%" that begins no
// known key stays. m isn't changed; the copy shares its slices. It has
// neither Cc nor Bcc, nor the MessageID of m, which can only belong to one mail.
//
// The error is Errors.
func (m *Message) Merge(row Row, opt Merge) (*Message, error) {
	out := *m
	out.To = []Address{row.To}
	out.Cc, out.Bcc = nil, nil
	out.MessageID = ""
	values := row.values(opt.Defaults)
	data := row.Data
	if data == nil {
		data = values
	}
	var errs Errors
	for _, f := range []struct {
		name     string
		dst      *string
		template Template
		escape   bool
	}{
		{"Subject", &out.Subject, opt.Subject, false},
		{"Text", &out.Text, opt.Text, false},
		{"HTML", &out.HTML, opt.HTML, true},
	} {
		if f.template != nil {
			var b strings.Builder
			if err := f.template.Execute(&b, data); err != nil {
				errs.add(f.name, -1, err)
			}
			*f.dst = b.String()
			continue
		}
		text, missing := replaceKeys(*f.dst, values, f.escape)
		*f.dst = text
		if opt.RequireKeys {
			for _, k := range missing {
				errs = append(errs, &FieldError{f.name, -1, '%', k.offset, fmt.Errorf("%w: %%%s%%", ErrMissingKey, k.name)})
			}
		}
	}
	if err := errs.err(); err != nil {
		return nil, err
	}
	return &out, nil
}

// values returns what the keys of a row stand for, by key in lower case.
func (r *Row) values(defaults map[string]string) map[string]string {
	values := make(map[string]string, len(r.Values)+len(defaults)+2)
	for k, v := range defaults {
		values[strings.ToLower(k)] = v
	}
	set := func(k, v string) {
		if k = strings.ToLower(k); v != "" || values[k] == "" {
			values[k] = v
		}
	}
	set("mail", r.To.Address)
	set("name", r.To.Name)
	for _, k := range slices.Sorted(maps.Keys(r.Values)) { // two that differ in case only: the last one wins
		set(k, r.Values[k])
	}
	return values
}

type missingKey struct {
	name   string
	offset int
}

const maxKey = 64 // octets

// replaceKeys replaces each %key% of s that has a value, and lists the others.
func replaceKeys(s string, values map[string]string, escape bool) (string, []missingKey) {
	if strings.Count(s, "%") < 2 {
		return s, nil
	}
	var b strings.Builder
	var missing []missingKey
	b.Grow(len(s) + len(s)/4)
	for i := 0; i < len(s); {
		n := strings.IndexByte(s[i:], '%')
		if n < 0 {
			b.WriteString(s[i:])
			break
		}
		b.WriteString(s[i : i+n])
		i += n
		key := keyAt(s[i+1:])
		v, ok := values[strings.ToLower(key)]
		switch {
		case key != "" && ok:
			if escape {
				v = html.EscapeString(v)
			}
			b.WriteString(v)
			i += len(key) + len("%%")
		case key != "":
			missing = append(missing, missingKey{key, i})
			// The second "%" may begin a key: "50%key%".
			b.WriteString(s[i : i+1+len(key)])
			i += 1 + len(key)
		default:
			b.WriteByte('%')
			i++
		}
	}
	return b.String(), missing
}

// keyAt returns the key that s begins with: letters, digits, "_", "-" and "." up to
// a "%". Those that begin with "_" are reserved and none.
func keyAt(s string) string {
	for i := 0; i < len(s) && i <= maxKey; {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '%' && i > 0:
			return s[:i]
		case r == '_' && i == 0:
			return ""
		case !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-' && r != '.' && !unicode.IsMark(r):
			return ""
		}
		i += size
	}
	return ""
}
