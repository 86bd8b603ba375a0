package message

import (
	"slices"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/encoding/charset"
)

// edit is a function that makes a text fit for a charset, such as charset.Clean.
type edit func(c charset.Charset, s string) (string, []charset.Change)

// cleanUTF8 composes names and file names, which Macs decompose; bodies stay as
// they are, because UTF-8 carries anything.
func cleanUTF8(f textField) edit {
	if f.body {
		return nil
	}
	return charset.CleanLine
}

func cleanJIS(f textField) edit {
	if f.body {
		return charset.Clean
	}
	return charset.CleanLine
}

func transliterate(textField) edit { return charset.Transliterate }

// edited returns m with every text edited for its charset, and a note for each
// change. If there is none it is m itself; m isn't changed in any case.
func (r *renderer) edited(m *Message, choose func(textField) edit, kind delivery.NoteKind) (*Message, []delivery.Note) {
	apply := func(f textField, s string) (string, []charset.Change) {
		c := r.charsetOf(f)
		if do := choose(f); do != nil && s != "" && (c.JIS() || !f.body) { // UTF-8 carries any body
			return do(c, s)
		}
		return s, nil
	}
	any := false
	for f, s := range m.texts {
		if isASCII(s) {
			continue // controls aside, which stay as they are
		}
		if _, changes := apply(f, s); len(changes) > 0 {
			any = true
			break
		}
	}
	if !any {
		return m, nil
	}
	out := m.clone()
	var notes []delivery.Note
	for f, p := range out.textPointers {
		var changes []charset.Change
		*p, changes = apply(f, *p)
		for _, c := range changes {
			k := kind
			if c.From == c.To {
				k = delivery.NoteSuspicious
			}
			notes = append(notes, delivery.Note{Kind: k, Field: f.field, Index: f.index, Offset: c.Offset, From: c.From, To: c.To})
		}
	}
	return out, notes
}

// clone returns a copy of m that shares no slice which holds texts.
func (m *Message) clone() *Message {
	c := *m
	c.ReplyTo = slices.Clone(m.ReplyTo)
	c.To = slices.Clone(m.To)
	c.Cc = slices.Clone(m.Cc)
	c.DispositionNotificationTo = slices.Clone(m.DispositionNotificationTo)
	c.Headers = slices.Clone(m.Headers)
	c.Attachments = slices.Clone(m.Attachments)
	return &c
}

// charsetOf is the charset that a text is written in.
func (r *renderer) charsetOf(f textField) charset.Charset {
	switch {
	case f.field == "HTML":
		return r.htmlCharset
	case f.body:
		return r.charset
	case f.field == "Attachments.Name":
		return r.nameCharset(&r.m.Attachments[f.index])
	}
	return r.headerCharset
}

// folded notes what a form of ISO-2022-JP writes as other characters, each pair
// once per text.
func (r *renderer) folded(m *Message) (notes []delivery.Note) {
	for f, s := range m.texts {
		c := r.charsetOf(f)
		if !c.JIS() {
			continue
		}
		seen := map[string]bool{}
		for i := 0; i < len(s); {
			n := nextCharacter(s[i:])
			from := s[i : i+n]
			if len(from) > 1 && !seen[from] {
				if to := throughCharset(c, from); to != from {
					seen[from] = true
					notes = append(notes, delivery.Note{Kind: delivery.NoteFolded, Field: f.field, Index: f.index, Offset: i, From: from, To: to})
				}
			}
			i += n
		}
	}
	return notes
}

// nextCharacter is the length of a character with the voiced mark that joins it.
func nextCharacter(s string) int {
	runes := 0
	for i, r := range s {
		mark := r == 0x3099 || r == 0x309A || r == 0xFF9E || r == 0xFF9F
		if runes > 0 && !mark || runes == 2 {
			return i
		}
		runes++
	}
	return len(s)
}

func throughCharset(c charset.Charset, s string) string {
	out, err := c.Append(nil, s)
	if err != nil {
		return s
	}
	back, err := c.Decode(out)
	if err != nil {
		return s
	}
	return back
}
