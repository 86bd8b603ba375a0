package qdmail_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms is the table of the house: each room with the rooms that it may import.
// A room holds its folder and all folders below that are no room themselves;
// what is in one room may import each other. "encoding/*" are all rooms below
// encoding, "qdmail" is the root, "anything" is every room.
var rooms = []struct{ name, mayImport string }{
	{"qdmail", "delivery message dial smtp direct sendmail route smime dkim"},
	{"delivery", ""},
	{"message", "delivery encoding/* internal/domain"},
	{"encoding/charset", ""},
	{"encoding/header", "encoding/charset"},
	{"encoding/transfer", ""},
	{"encoding/mime", "encoding/*"},
	{"smime", ""},
	{"dkim", "internal/domain"},
	{"dial", "internal/domain internal/ctxerr internal/show"},
	{"smtp", "delivery encoding/header internal/domain internal/ctxerr internal/show"},
	{"direct", "delivery dial smtp direct/dns direct/mtasts direct/dane internal/domain internal/ctxerr"},
	{"direct/dns", ""},
	{"direct/mtasts", "direct/dns"},
	{"direct/dane", "direct/dns"},
	{"direct/preflight", "delivery dial smtp direct direct/dns internal/domain"},
	{"route", "delivery internal/domain"},
	{"sendmail", "delivery internal/domain internal/ctxerr"},
	{"inbox", "delivery message encoding/* smime dkim internal/testsmtp"},
	{"mailtest", "delivery message inbox encoding/* internal/testsmtp"},
	{"bounce", "delivery encoding/*"},
	{"suppress", "delivery bounce"},
	{"queue", "delivery message bounce suppress inbox direct/dns qdmail"},
	{"internal/domain", ""},
	{"internal/ctxerr", ""},
	{"internal/show", ""},
	{"internal/testsmtp", ""},
	{"cmd/qdmail", "anything"},
	{"examples", "anything"},

	// Beside the house: what checks it, which no room imports.
	{"internal/integration", "anything"},
	{"internal/agreement", "anything"},
	{"internal/api", ""},
	{"bench", "anything"},
}

const modulePath = "github.com/qdmail/qdmail"

// Of x/text and x/net only the light packages may be linked; others cost too much
// in a binary. Tests may use a few more.
var (
	light = map[string][]string{
		"golang.org/x/text/": {"encoding/japanese", "unicode/norm", "width"},
		"golang.org/x/net/":  {"idna", "html"},
	}
	lightInTests = []string{"golang.org/x/text/encoding", "golang.org/x/text/transform"}
)

const maxLines = 400

// TestArchitecture holds every Go file of the tree, in all modules, against the
// table and the rules of the house.
func TestArchitecture(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if base := d.Name(); name != "." && (base[0] == '.' || base[0] == '_' || base == "testdata" || base == "vendor") {
				return filepath.SkipDir
			}
			return nil
		case path.Ext(name) != ".go":
			return nil
		}
		files++
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, fault := range check(filepath.ToSlash(name), src) {
			t.Error(fault)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Errorf("only %d files were found", files)
	}
}

// TestArchitectureObjects feeds the checker one offender for each rule, and
// some that look alike and are fine.
func TestArchitectureObjects(t *testing.T) {
	const fine = ""
	for _, c := range []struct{ name, src, want string }{
		{"smtp/a.go", imports(modulePath + "/delivery"), fine},
		{"smtp/a.go", imports(modulePath + "/message"), "smtp may not import message"},
		{"smtp/a.go", imports(modulePath), "smtp may not import qdmail"},
		{"delivery/a.go", imports(modulePath + "/smtp"), "delivery may not import smtp"},
		{"a.go", imports(modulePath + "/dkim"), fine},
		{"a.go", imports(modulePath + "/queue"), "qdmail may not import queue"},
		{"message/htmltext/a.go", imports(modulePath + "/encoding/charset"), fine},
		{"message/a.go", imports(modulePath + "/message/htmltext"), fine},
		{"direct/a.go", imports(modulePath + "/direct/dane"), fine},
		{"direct/preflight/a.go", imports(modulePath + "/direct"), fine},
		{"direct/dns/a.go", imports(modulePath + "/direct"), "direct/dns may not import direct"},
		{"cellar/a.go", "package cellar", "cellar is in no room"},
		{"smtp/a.go", imports(modulePath + "/cellar"), "cellar, which is in no room"},
		{"internal/testsmtp/a.go", imports(modulePath + "/delivery"), "internal/testsmtp may not import delivery"},
		{"message/a.go", imports(modulePath + "/internal/testsmtp"), "message may not import internal/testsmtp"},
		{"message/a_test.go", imports(modulePath + "/internal/testsmtp"), fine},
		{"smtp/a_test.go", imports(modulePath + "/encoding/charset"), fine}, // below, by way of encoding/header
		{"smtp/a_test.go", imports(modulePath + "/message"), "smtp may not import message"},
		{"route/a_test.go", imports(modulePath + "/mailtest"), fine},
		{"examples/a/a.go", imports(modulePath + "/mailtest"), "only tests import mailtest"},
		{"smtp/a.go", imports("testing"), "testing is for tests"},
		{"mailtest/a.go", imports("testing"), fine},
		{"encoding/charset/a.go", imports("golang.org/x/text/encoding/japanese"), fine},
		{"encoding/charset/a.go", imports("golang.org/x/text/encoding/htmlindex"), "encoding/htmlindex is too heavy"},
		{"encoding/charset/a.go", imports("golang.org/x/text/transform"), "transform is too heavy"},
		{"encoding/charset/a_test.go", imports("golang.org/x/text/transform"), fine},
		{"direct/a.go", imports("golang.org/x/net/publicsuffix"), "publicsuffix is too heavy"},
		{"smtp/a.go", "package smtp\nfunc init() {}", "has an init function"},
		{"smtp/a.go", "package smtp\ntype T struct{}\nfunc (T) init() {}", fine},
		{"examples/a/a.go", "package main\nfunc init() {}", fine},
		{"smtp/a.go", "package smtp\n" + strings.Repeat("// x\n", 400), "has 401 lines"},
		{"smtp/a_test.go", "package smtp_test\n" + strings.Repeat("// x\n", 400), fine},
		{"smtp/a_test.go", "package smtp", "smtp_test"},
		{"smtp/export_test.go", "package smtp", fine},
		{"smtp/a_test.go", "package smtp_test\nimport \"testing\"\nfunc TestA(b *testing.T) { b.Skip() }", "skips a test"},
		{"smtp/a_test.go", "package smtp_test\nfunc f(p parser) { p.Skip() }", fine},
		{"smtp/a_test.go", "package smtp_test\nimport clock \"time\"\nfunc f() { clock.Sleep(1) }", "sleeps"},
		{"smtp/a_test.go", "package smtp_test\nfunc f(clock fake) { clock.Sleep(1) }", fine},
		{"smtp/a.go", "pakcage", "expected 'package'"},
	} {
		got := strings.Join(check(c.name, []byte(c.src)), "\n")
		if c.want == fine && got != fine || !strings.Contains(got, c.want) {
			t.Errorf("%s:\n%s\nsaid %q, want %q", c.name, c.src, got, c.want)
		}
	}
}

// imports is a source file of the smallest kind, of whichever package.
func imports(pkg string) string { return "package x_test\nimport _ " + strconv.Quote(pkg) }

// TestLinkedPackages asks the go command what importing a room really brings
// along.
func TestLinkedPackages(t *testing.T) {
	for rooms, unwanted := range map[string][]string{
		"./message ./smtp": {"testing", modulePath, modulePath + "/dial", modulePath + "/direct", modulePath + "/smime", modulePath + "/dkim"},
		"./direct":         {"testing", modulePath, modulePath + "/direct/preflight", "blitiri.com.ar/go/spf"},
		".":                {"testing", modulePath + "/direct", modulePath + "/inbox", modulePath + "/mailtest", modulePath + "/internal/testsmtp"},
	} {
		args := append([]string{"list", "-deps"}, strings.Fields(rooms)...)
		out, err := exec.Command("go", args...).Output()
		if err != nil {
			t.Fatal(err)
		}
		linked := strings.Fields(string(out))
		for _, pkg := range unwanted {
			if slices.Contains(linked, pkg) {
				t.Errorf("importing %s links %s", rooms, pkg)
			}
		}
	}
}

// source is one file that is being checked.
type source struct {
	name   string
	room   string
	test   bool
	ast    *ast.File
	faults []string
}

// check returns what is wrong with a file; name is its path from the root of the
// tree, with slashes.
func check(name string, src []byte) []string {
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil {
		return []string{err.Error()}
	}
	s := &source{name: name, test: strings.HasSuffix(name, "_test.go"), ast: f}
	folder := path.Dir(name)
	if s.room = roomOf(folder); s.room == "" {
		return []string{fmt.Sprintf("%s: the folder %s is in no room of the table", name, folder)}
	}
	for _, spec := range f.Imports {
		pkg, _ := strconv.Unquote(spec.Path.Value)
		s.checkImport(pkg)
	}
	if s.test {
		s.checkTest()
		return s.faults
	}
	if lines := strings.Count(string(src), "\n"); lines > maxLines && !ast.IsGenerated(f) {
		s.fault("has %d lines, more than %d: give it one job", lines, maxLines)
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" && s.library() {
			s.fault("has an init function")
		}
	}
	return s.faults
}

func (s *source) fault(format string, args ...any) {
	s.faults = append(s.faults, s.name+": "+fmt.Sprintf(format, args...))
}

// library tells rooms that end up in other people's programs.
func (s *source) library() bool {
	return !slices.Contains([]string{"examples", "cmd/qdmail", "internal/integration", "internal/api"}, s.room)
}

func (s *source) checkImport(pkg string) {
	if pkg == "testing" && !s.test && s.library() && s.room != "mailtest" {
		s.fault("testing is for tests")
	}
	for prefix, allowed := range light {
		if rest, ok := strings.CutPrefix(pkg, prefix); ok && !slices.Contains(allowed, rest) &&
			!(s.test && slices.Contains(lightInTests, pkg)) {
			s.fault("%s is too heavy", pkg)
		}
	}
	folder, ours := strings.CutPrefix(pkg+"/", modulePath+"/")
	if !ours {
		return
	}
	folder = path.Clean(folder)
	room := roomOf(folder)
	switch {
	case room == "":
		s.fault("imports %s, which is in no room of the table", folder)
	case room == "mailtest" && !s.test && s.room != "mailtest":
		s.fault("only tests import mailtest")
	case room == s.room, mayImport(s.room)[room]:
	case s.test && (below(s.room)[room] || room == "internal/testsmtp" || room == "mailtest"):
	default:
		s.fault("%s may not import %s", s.room, room)
	}
}

func (s *source) checkTest() {
	pkg := s.ast.Name.Name
	if !strings.HasSuffix(pkg, "_test") && pkg != "main" && path.Base(s.name) != "export_test.go" {
		s.fault("tests sit in package %s_test; what they need of the inside goes into export_test.go", pkg)
	}
	clock := "" // what package time is called here
	for _, spec := range s.ast.Imports {
		if spec.Path.Value == `"time"` {
			clock = "time"
			if spec.Name != nil {
				clock = spec.Name.Name
			}
		}
	}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		on, _ := sel.X.(*ast.Ident)
		switch {
		case on == nil:
		case slices.Contains([]string{"t", "b", "f", "tb"}, on.Name) &&
			slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name):
			s.fault("skips a test, which hides a failure")
		case on.Name == clock && sel.Sel.Name == "Sleep":
			s.fault("sleeps; wait for what the test is about")
		}
		return true
	})
}

// roomOf returns the room in which a folder is, the longest name winning; empty
// if there is none.
func roomOf(folder string) string {
	if folder == "." {
		return "qdmail"
	}
	for ; folder != "."; folder = path.Dir(folder) {
		for _, r := range rooms {
			if r.name == folder {
				return folder
			}
		}
	}
	return ""
}

// mayImport reads a line of the table.
func mayImport(room string) map[string]bool {
	set := map[string]bool{}
	for _, r := range rooms {
		if r.name != room {
			continue
		}
		for pattern := range strings.FieldsSeq(r.mayImport) {
			for _, other := range rooms {
				if ok, _ := path.Match(pattern, other.name); ok || pattern == "anything" {
					set[other.name] = true
				}
			}
		}
	}
	return set
}

// below are all rooms that a room may reach through others. Its tests may use
// them directly.
func below(room string) map[string]bool {
	set := mayImport(room)
	for n := -1; n != len(set); {
		n = len(set)
		for _, other := range slices.Collect(maps.Keys(set)) {
			maps.Copy(set, mayImport(other))
		}
	}
	return set
}
