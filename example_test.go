package qdmail_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/message"
)

// printer is a transport that prints what it is given and refuses one address.
var printer = delivery.TransportFunc(func(_ context.Context, env *delivery.Envelope, body delivery.Body) (*delivery.Result, error) {
	res := delivery.NewResult(env)
	for i, r := range env.Recipients {
		if strings.HasPrefix(r.Address, "gone@") {
			reply := &delivery.Reply{Code: 550, Enhanced: delivery.EnhancedCode{5, 1, 1}, Text: "no such user"}
			res.Recipients[i].Outcome, res.Recipients[i].Reply = delivery.Rejected, reply
			res.Recipients[i].Err = &delivery.Error{Op: "printer", Phase: delivery.PhaseRCPT, Recipient: r.Address, Reply: reply}
			continue
		}
		res.Recipients[i].Outcome = delivery.Accepted
	}
	r, err := body.Open()
	if err != nil {
		return res, err
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		return res, err
	}
	for line := range strings.SplitSeq(string(raw), "\r\n") {
		if strings.HasPrefix(line, "Subject:") {
			fmt.Println(line)
		}
	}
	return res, res.Err()
})

// One refused recipient doesn't cost the others their mail.
func ExampleMailer_Send() {
	mailer := &qdmail.Mailer{Transport: printer}
	res, err := mailer.Send(context.Background(), &message.Message{
		From:    message.Address{Name: "営業部", Address: "sales@example.co.jp"},
		To:      []message.Address{{Name: "山田 太郎", Address: "taro@example.jp"}, {Address: "gone@example.jp"}},
		Subject: "日本語",
		Text:    "本文です。\n",
		Charset: message.ISO2022JP,
	})
	for _, r := range res.Recipients {
		fmt.Println(r.Address, r.Outcome)
	}
	var refused *delivery.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Phase, refused.Reply.Code, refused.Temporary())
	}
	// Output:
	// Subject: =?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=
	// taro@example.jp accepted
	// gone@example.jp rejected
	// RCPT 550 false
}

// Every fault of a message is reported at once, before anything is connected to.
func ExampleMailer_Prepare() {
	mailer := &qdmail.Mailer{Transport: printer}
	_, _, err := mailer.Prepare(&message.Message{
		From:    message.Address{Address: "sales@example.co.jp"},
		To:      []message.Address{{Address: "taro＠example.jp"}, {Address: "hanako@example.jp"}},
		Subject: "Hello\r\nBcc: victim@example.com",
	})
	var faults message.Errors
	errors.As(err, &faults)
	for _, f := range faults {
		fmt.Println(f.Field, f.Index, f.Offset)
	}
	// Output:
	// To.Address 0 4
	// Subject -1 5
}

// A mail merge gives each row a mail of its own.
func ExampleMailer_SendEach() {
	mailer := &qdmail.Mailer{Transport: printer, From: message.Address{Address: "shop@example.jp"}}
	rows := []message.Row{
		{To: message.Address{Name: "Taro", Address: "taro@example.jp"}, Values: map[string]string{"points": "120"}},
		{To: message.Address{Name: "Hanako", Address: "hanako@example.jp"}, Values: map[string]string{"points": "80"}},
	}
	tmpl := &message.Message{Subject: "%name%, you have %points% points", Text: "Dear %name%,\n"}
	for row, d := range mailer.SendEach(context.Background(), tmpl, slices.Values(rows), qdmail.Each{Concurrency: 1}) {
		fmt.Println(row.To.Address, d.Err)
	}
	// Unordered output:
	// Subject: Taro, you have 120 points
	// taro@example.jp <nil>
	// Subject: Hanako, you have 80 points
	// hanako@example.jp <nil>
}

// An unknown key is an error, and no error shows the password.
func ExampleOpen() {
	_, err := qdmail.Open("smtp://user:secret@mail.example.jp?colour=red")
	fmt.Println(err)
	mailer, err := qdmail.Open("smtps://user:p%40ss@mail.example.jp?timeouts=interactive")
	fmt.Println(mailer != nil, err)
	// Output:
	// qdmail: invalid mail URL: unknown key "colour"
	// true <nil>
}

// A program can bring a scheme of its own.
func ExampleScheme() {
	memory := qdmail.Scheme{Name: "print", Open: func(*url.URL) (delivery.Transport, error) { return printer, nil }}
	mailer, err := qdmail.Open("print:", memory)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = mailer.Send(context.Background(), &message.Message{
		From:    message.Address{Address: "a@example.jp"},
		To:      []message.Address{{Address: "b@example.jp"}},
		Subject: "Hello",
	})
	fmt.Println(err)
	// Output:
	// Subject: Hello
	// <nil>
}

// The programs of the two READMEs compile.
func TestReadmePrograms(t *testing.T) {
	for _, name := range []string{"README.md", "README.ja.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, ok := strings.Cut(string(text), "```go\n")
		program, _, ok2 := strings.Cut(rest, "```\n")
		if !ok || !ok2 {
			t.Fatalf("%s has no program", name)
		}
		if !strings.HasPrefix(program, "package main") {
			program = "package main\n\nimport (\n\"context\"\n\"log\"\n\"os\"\n\"github.com/qdmail/qdmail\"\n\"github.com/qdmail/qdmail/message\"\n)\n\n" +
				"func main() {\nctx := context.Background()\n" + program + "_, _ = res, err\n}\n"
		}
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("go", "vet", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
