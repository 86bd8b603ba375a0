//go:build integration

package integration_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

var updateVerdicts = flag.Bool("update", false, "rewrite the table in docs/postfix.md")

const (
	verdictsFile  = "../../docs/postfix.md"
	verdictsBegin = "<!-- verdicts: begin, written by go test -update -->\n"
	verdictsEnd   = "<!-- verdicts: end -->\n"
)

// TestVerdictsTable: a difference has a reason, and what is no difference has none;
// and we never have mail delivered twice, or take for accepted what nobody has.
func TestVerdictsTable(t *testing.T) {
	seen := map[string]bool{}
	for _, tr := range trials() {
		for _, fault := range tr.faultNames() {
			name := tr.name(fault)
			if seen[name] {
				t.Errorf("%s is there twice", name)
			}
			seen[name] = true
		}
		if differs := tr.postfix != tr.ours; differs != (tr.why != "") {
			t.Errorf("%s: %v and %v, for the reason %q", tr.name(tr.faults), tr.postfix, tr.ours, tr.why)
		}
		if said := tr.ours.String(); strings.Contains(said, "twice") || strings.Contains(said, "lost") {
			t.Errorf("%s: we shouldn't be content with %s", tr.name(tr.faults), said)
		}
	}
}

// TestVerdictsDocument holds docs/postfix.md against the table: it has the same
// lines, and explains each reason under its name and nothing else. After a change
// that is meant, rewrite the lines and read the difference:
//
//	go test -tags integration -run TestVerdictsDocument ./internal/integration -update
func TestVerdictsDocument(t *testing.T) {
	text, err := os.ReadFile(verdictsFile)
	must(t, err)
	before, rest, ok1 := strings.Cut(string(text), verdictsBegin)
	table, after, ok2 := strings.Cut(rest, verdictsEnd)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the table", verdictsFile)
	}
	want := verdictsTable()
	if *updateVerdicts {
		must(t, os.WriteFile(verdictsFile, []byte(before+verdictsBegin+want+verdictsEnd+after), 0o666))
	} else if table != want {
		t.Errorf("the table of %s isn't that of the tests; it should be\n%s", verdictsFile, want)
	}
	used := map[string]bool{}
	for _, tr := range trials() {
		used[tr.why] = true
	}
	delete(used, "")
	for _, m := range regexp.MustCompile(`(?m)^### (.*)$`).FindAllStringSubmatch(after, -1) {
		if !used[m[1]] {
			t.Errorf("%q is explained, which is no reason for anything, or twice", m[1])
		}
		delete(used, m[1])
	}
	for why := range used {
		t.Errorf("%q is not explained", why)
	}
}

// verdictsTable is the table as the document has it, with its sum.
func verdictsTable() string {
	var b strings.Builder
	b.WriteString("| where | what | Postfix | next host | fallback | we | next host | fallback | why |\n|---|---|---|---|---|---|---|---|---|\n")
	faults, different := 0, 0
	for _, tr := range trials() {
		var names []string
		for _, fault := range tr.faultNames() {
			names = append(names, spelled(fault))
		}
		what := strings.Join(names, ", ")
		switch {
		case what == "":
			what = tr.note
		case tr.note != "":
			what += ", " + tr.note
		}
		for word := range strings.FieldsSeq(tr.conf) {
			what += ", with `" + word + "`"
		}
		why := ""
		if tr.why != "" {
			why = fmt.Sprintf("[%s](#%s)", tr.why, anchor(tr.why))
			different += len(names)
		}
		faults += len(names)
		p, o := tr.postfix, tr.ours
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n",
			spelledPhase(tr.phase), what, p.outcome, dash(p.next), p.fallback, o.outcome, dash(o.next), o.fallback, why)
	}
	fmt.Fprintf(&b, "\nThat is %d situations. The two do the same in %d of them and differ in %d.\n", faults, faults-different, different)
	return b.String()
}

var replyName = regexp.MustCompile(`^(\d{1,3}(?: \d\.\d\.\d)?-?)(?: (\d{3}))?( closed)?$`)

// spelled is the name of a fault as the document has it.
func spelled(fault string) string {
	m := replyName.FindStringSubmatch(fault)
	if m == nil {
		return fault
	}
	s := "`" + m[1] + "`"
	if m[2] != "" {
		s += " then `" + m[2] + "`"
	}
	if m[3] != "" {
		s += " then closed"
	}
	return s
}

func spelledPhase(p testsmtp.Phase) string {
	switch p {
	case testsmtp.Handshake:
		return "TLS handshake"
	case testsmtp.Body:
		return "in the message"
	case testsmtp.End:
		return "end of data"
	}
	return string(p)
}

func dash(s string) string {
	if s == notTried {
		return "–"
	}
	return s
}

// anchor is how a headline is linked to.
func anchor(headline string) string {
	return strings.ReplaceAll(strings.ToLower(headline), " ", "-")
}
