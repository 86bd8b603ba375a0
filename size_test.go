package qdmail_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const plainProgram = `package main

import "net/http"

func main() { http.ListenAndServe("127.0.0.1:0", nil) }
`

const mailProgram = `package main

import (
	"net/http"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/message"
)

func main() {
	mailer, err := qdmail.Open("smtp://localhost")
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		mailer.Send(r.Context(), &message.Message{})
	})
	http.ListenAndServe("127.0.0.1:0", nil)
}
`

// A web program must not grow much by sending mail.
func TestBinarySize(t *testing.T) {
	const most = 5 << 19 // 2.5 MiB
	build := func(source string) int64 {
		dir := t.TempDir()
		name, out := filepath.Join(dir, "main.go"), filepath.Join(dir, "program")
		if err := os.WriteFile(name, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		if msg, err := exec.Command("go", "build", "-o", out, name).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, msg)
		}
		fi, err := os.Stat(out)
		if err != nil {
			t.Fatal(err)
		}
		return fi.Size()
	}
	grown := build(mailProgram) - build(plainProgram)
	t.Logf("%d octets", grown)
	if grown > most {
		t.Errorf("a net/http program grows by %d octets, more than %d", grown, most)
	}
}

// What only tests need must not be linked into programs.
func TestNoTestingInPrograms(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.FieldsSeq(string(out)) {
		switch dep {
		case "testing", "flag", "github.com/qdmail/qdmail/internal/testsmtp":
			t.Errorf("the root package depends on %s", dep)
		}
	}
}
