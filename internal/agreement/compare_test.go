//go:build integration

package agreement_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// comparison holds what readers saw against what was built. A difference that is
// a quirk of the reader is counted, any other fails the test.
type comparison struct {
	*testing.T
	quirks []int // how often each applied
	total  int   // values compared
	faults int
}

// claim is one value that a reader saw.
type claim struct {
	reader, field string
	want, got     string
	charset       string      // that the value was written in
	quoted        string      // the last address with quotes since the last name
	file          *attachment // that the value belongs to
}

func (c *comparison) check(mail string, v claim) {
	c.total++
	v.got = spell(v.got, v.charset)
	if v.want == v.got {
		return
	}
	for i, q := range quirks {
		if q.of(v) && q.explains(v) {
			c.quirks[i]++
			return
		}
	}
	c.fault("%s: %s reads %s\n got %q\nwant %q", mail, v.reader, v.field, clip(v.got), clip(v.want))
}

func (c *comparison) fault(format string, args ...any) {
	c.Helper()
	if c.faults++; c.faults <= 20 {
		c.Errorf("-seed %d: %s", *seed, fmt.Sprintf(format, args...))
	}
}

// mail compares one message.
func (c *comparison) mail(reader string, want, got *mail) {
	check := func(field, charset, want, have string) {
		c.check(got.File, claim{reader: reader, field: field, charset: charset, want: want, got: have})
	}
	check("defects", "", "", strings.Join(got.Defects, "; "))
	check("subject", want.Charset, want.Subject, got.Subject)
	for _, name := range slices.Sorted(maps.Keys(want.Fields)) {
		check(name, want.Charset, want.Fields[name], got.Fields[name])
	}
	check("fields", "", fmt.Sprint(slices.Sorted(maps.Keys(want.Fields))), fmt.Sprint(slices.Sorted(maps.Keys(got.Fields))))
	lists := got.lists()
	for name, list := range want.lists() {
		c.people(reader, name, want, *list, got.File, *lists[name])
	}
	c.body(reader, "text", want.Text, got.Text, got.File)
	c.body(reader, "HTML", want.HTML, got.HTML, got.File)
	c.files(reader, want, got)
}

func (c *comparison) people(reader, field string, m *mail, want []person, file string, got []person) {
	addresses := func(list []person) string {
		var s []string
		for _, p := range list {
			s = append(s, unquote(p.Address))
		}
		return strings.Join(s, " ")
	}
	v := claim{reader: reader, field: field, want: addresses(want), got: addresses(got)}
	c.check(file, v)
	if len(want) != len(got) {
		return
	}
	quoted := ""
	for i, p := range want {
		c.check(file, claim{reader: reader, field: "name", charset: m.Charset, want: p.Name, got: got[i].Name, quoted: quoted})
		if p.Name != "" {
			quoted = ""
		}
		if strings.HasPrefix(got[i].Address, `"`) {
			quoted = got[i].Address
		}
	}
}

func (c *comparison) body(reader, field string, want, got *body, file string) {
	if want == nil || got == nil {
		if want != got {
			c.fault("%s: %s reads the %s %+v, want %+v", file, reader, field, got, want)
		}
		return
	}
	c.check(file, claim{reader: reader, field: field, charset: want.Charset, want: want.Text, got: got.Text})
	c.check(file, claim{reader: reader, field: field + " charset", want: want.Charset, got: got.Charset})
}

func (c *comparison) files(reader string, want, got *mail) {
	if len(want.Files) != len(got.Files) {
		c.fault("%s: %s finds %d files, want %d", got.File, reader, len(got.Files), len(want.Files))
		return
	}
	for i := range want.Files {
		w, g := &want.Files[i], &got.Files[i]
		for _, v := range []claim{
			{field: "filename", charset: want.Charset, want: w.FileName, got: g.FileName},
			{field: "file name", charset: want.Charset, want: w.Name, got: g.Name},
			{field: "Content-ID", want: w.ID, got: g.ID},
			{field: "content", want: w.SHA256, got: g.SHA256},
		} {
			v.reader, v.file = reader, w
			c.check(got.File, v)
		}
	}
}

// clip shortens what a failure quotes.
func clip(s string) string {
	if r := []rune(s); len(r) > 300 {
		return string(r[:300]) + "..."
	}
	return s
}
