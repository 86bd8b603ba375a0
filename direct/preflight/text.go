package preflight

import (
	"fmt"
	"strings"
)

// How wide a report is. Records and what can't be broken go beyond it.
const (
	textWidth  = 90
	textIndent = "             "
)

// String returns the report as a text of several lines: how it stands, and one
// paragraph for each finding.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, %d ok, %d not checked\n\n",
		plural(r.Count(Failure), "failure"), plural(r.Count(Warning), "warning"), r.Count(OK), r.Count(NotChecked))
	for _, f := range r.Findings {
		b.WriteString(f.String())
	}
	return b.String()
}

// String returns the finding as a paragraph.
func (f Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s", len(textIndent), f.Severity)
	wrap(&b, len(textIndent), f.subject()+": "+f.Found)
	for _, part := range [...]struct{ label, text string }{{"why:  ", f.Why}, {"mend: ", f.Fix}} {
		if part.text != "" {
			b.WriteString(textIndent + part.label)
			wrap(&b, len(textIndent)+len(part.label), part.text)
		}
	}
	for _, record := range f.Records {
		b.WriteString(textIndent + "      " + record + "\n")
	}
	return b.String()
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprint(n, " ", what)
}

// wrap writes a text in lines, the first of which begins at an indent.
func wrap(b *strings.Builder, indent int, text string) {
	at := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case at == 0:
		case indent+at+1+len(word) > textWidth:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += len(word)
	}
	b.WriteByte('\n')
}
