package preflight_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/direct/preflight"
)

func TestText(t *testing.T) {
	report := &preflight.Report{Findings: []preflight.Finding{
		{Check: "a", Severity: preflight.OK, Code: "c", Found: "fine"},
		{Check: "b", About: "x", Code: "c", Found: strings.Repeat("word ", 20), Fix: "now"},
		{Check: "c", About: "y", Severity: preflight.Failure, Code: "c", Found: strings.Repeat("x", 100), Why: strings.Repeat("because ", 12),
			Fix: "publish", Records: []string{"y. IN A 192.0.2.1", "y. IN A 192.0.2.2"}},
		{Check: "d", Severity: preflight.Warning, Code: "c", Found: "so-so"},
		{Check: "e", Severity: preflight.Warning, Code: "c"},
	}}
	want := `1 failure, 2 warnings, 1 ok, 1 not checked

ok           a: fine
not checked  b x: word word word word word word word word word word word word word word
             word word word word word word
             mend: now
failure      c y:
             xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
             why:  because because because because because because because because because
                   because because because
             mend: publish
                   y. IN A 192.0.2.1
                   y. IN A 192.0.2.2
warning      d: so-so
warning      e:
`
	if got := report.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := preflight.Severity(9).String(); got != "Severity(9)" {
		t.Errorf("got %s", got)
	}
}

func TestShow(t *testing.T) {
	for s, want := range map[string]string{
		"v=spf1 -all":               "v=spf1 -all",
		"a\x1b[31m\r\n\x00\x7f\xff": `a\027[31m\013\010\000\127\255`,
		`"\`:                        `\"\\`,
		strings.Repeat("x", 10_000): strings.Repeat("x", 200) + "... (10000 octets)",
		"":                          "",
	} {
		if got := preflight.Show(s); got != want {
			t.Errorf("%.30q: got %s, want %s", s, got, want)
		}
	}
}

// All checks and codes are in the documentation, since programs lean on them.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/preflight.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	word := regexp.MustCompile(`(?:set\(\w+, |(?:Check|Code)[A-Z]\w*\s+= )"([a-z0-9-]+)"`)
	words := map[string]bool{}
	for _, result := range []string{"none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"} { // of SPF
		words[result] = true
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(file, "_test.go") {
			for _, m := range word.FindAllStringSubmatch(string(src), -1) {
				words[m[1]] = true
			}
		}
	}
	if len(words) < 50 {
		t.Errorf("only %d words were found", len(words))
	}
	for w := range words {
		if !strings.Contains(string(doc), "`"+w+"`") {
			t.Errorf("docs/preflight.md doesn't have `%s`", w)
		}
	}
}
