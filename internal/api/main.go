// Command api compares the exported API of the module with api.txt, so that no
// change of it goes unnoticed. Run it in the root of the tree; with -update it
// writes the file.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const golden = "api.txt"

func main() {
	log.SetFlags(0)
	update := flag.Bool("update", false, "write "+golden+" instead of comparing")
	flag.Parse()
	api, err := exported(".")
	if err == nil && *update {
		err = os.WriteFile(golden, api, 0o644)
	} else if err == nil {
		err = compare(api)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func compare(api []byte) error {
	diff := exec.Command("diff", "-u", "--label", golden, "--label", "the source", golden, "-")
	diff.Stdin = bytes.NewReader(api)
	diff.Stdout, diff.Stderr = os.Stdout, os.Stderr
	if err := diff.Run(); err != nil {
		return errors.New("the exported API is not what " + golden + " says; if that is meant: make api-update")
	}
	return nil
}

// exported lists the declarations of every package that others can import.
func exported(root string) ([]byte, error) {
	var out bytes.Buffer
	err := filepath.WalkDir(root, func(folder string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if folder != root && !public(folder, d.Name()) {
			return filepath.SkipDir
		}
		pkg, err := build.ImportDir(folder, 0)
		if none := (*build.NoGoError)(nil); errors.As(err, &none) || err == nil && len(pkg.GoFiles) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		return list(&out, pkg)
	})
	return out.Bytes(), err
}

func public(folder, base string) bool {
	if base[0] == '.' || base[0] == '_' {
		return false
	}
	switch base {
	case "internal", "testdata", "examples", "cmd":
		return false
	}
	// Another module has its own API.
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err != nil
}

// list prints the exported declarations of a package without comments and
// bodies.
func list(out *bytes.Buffer, pkg *build.Package) error {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range pkg.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(pkg.Dir, name), nil, 0)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	d, err := doc.NewFromFiles(fset, files, filepath.ToSlash(pkg.Dir))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "package %s // %s\n\n", d.Name, filepath.ToSlash(pkg.Dir))
	p := printer{out: out, fset: fset}
	p.values(d.Consts)
	p.values(d.Vars)
	p.funcs(d.Funcs)
	for _, t := range d.Types {
		p.print(t.Decl)
		p.values(t.Consts)
		p.values(t.Vars)
		p.funcs(t.Funcs)
		p.funcs(t.Methods)
	}
	return p.err
}

// printer keeps the first error.
type printer struct {
	out  *bytes.Buffer
	fset *token.FileSet
	err  error
}

func (p *printer) values(list []*doc.Value) {
	for _, v := range list {
		p.print(v.Decl)
	}
}

func (p *printer) funcs(list []*doc.Func) {
	for _, f := range list {
		p.print(f.Decl)
	}
}

func (p *printer) print(decl ast.Decl) {
	var b strings.Builder
	if err := format.Node(&b, p.fset, decl); p.err == nil {
		p.err = err
	}
	// Where a comment was, an empty line stays.
	fmt.Fprintf(p.out, "%s\n\n", strings.ReplaceAll(b.String(), "\n\n", "\n"))
}
