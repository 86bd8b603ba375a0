//go:build integration

package integration_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/message"
)

// TestQuickstartMail runs the example as its doc says, against Postfix, and
// compares what arrives with the literals in the example's source.
func TestQuickstartMail(t *testing.T) {
	host, from, to := startedHost(t), realserver.Sender, realserver.Recipients[0]
	cmd := exec.CommandContext(within(t), "go", "run", ".")
	cmd.Dir = examples
	cmd.Env = append(cmd.Environ(),
		"MAIL_URL="+startTLS(host, from), "MAIL_FROM="+from.Address, "MAIL_TO="+to.Address)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, complaints.Bytes())
	}
	if strings.Contains(string(out), from.Password) {
		t.Error("the output has the password")
	}
	id := regexp.MustCompile(`(?m)^Message-ID: <(.+)>`).FindSubmatch(out)
	if id == nil {
		t.Fatalf("no Message-ID in the output:\n%s", out)
	}

	source := literals(t, filepath.Join(examples, "main.go"))
	l := &letter{Message: message.Message{
		From:    message.Address{Name: source["Name"][0], Address: from.Address},
		To:      []message.Address{{Name: source["Name"][1], Address: to.Address}},
		Subject: source["Subject"][0],
		Text:    source["Text"][0],
		HTML:    source["HTML"][0],
		Charset: message.ISO2022JP,
	}}
	cid := regexp.MustCompile(`"cid:([^"]+)"`).FindStringSubmatch(l.HTML)
	l.attachFile(t, filepath.Join(examples, "logo.png"), cid[1])
	l.attachFile(t, filepath.Join(examples, "見積書.pdf"), "")
	m := receive(t, within(t), host, to.Address, string(id[1]))
	l.compare(t, m)
	wantJapanese(t, m)
}

// literals returns the strings that a source file assigns to the keys of
// composite literals, in the order in which they stand there.
func literals(t *testing.T, file string) map[string][]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	must(t, err)
	found := map[string][]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		if kv, ok := n.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok {
				if s, ok := text(kv.Value); ok {
					found[key.Name] = append(found[key.Name], s)
				}
			}
		}
		return true
	})
	for key, n := range map[string]int{"Name": 2, "Subject": 1, "Text": 1, "HTML": 1} {
		if len(found[key]) != n {
			t.Fatalf("%s has %d literals for %s, want %d", file, len(found[key]), key, n)
		}
	}
	return found
}

// text evaluates a string literal or a sum of some.
func text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		a, okA := text(e.X)
		b, okB := text(e.Y)
		return a + b, okA && okB && e.Op == token.ADD
	}
	return "", false
}
