package sendmail_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/sendmail"
)

// A program that knows nobody, and says so by its exit code.
func ExampleTransport() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "sendmail")
	script := "#!/bin/sh\ncat >/dev/null\necho unknown user >&2\nexit 67\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		panic(err)
	}

	mta := &sendmail.Transport{Path: program}
	defer mta.Close()
	res, err := mta.Send(context.Background(), &delivery.Envelope{
		From:       "shop@example.com",
		Recipients: []delivery.Recipient{{Address: "taro@example.jp"}},
	}, delivery.BytesBody("Subject: Hello\r\n\r\nHello.\r\n"))

	fmt.Println(res.Recipients[0].Outcome)
	if exit, ok := errors.AsType[*sendmail.ExitError](err); ok {
		fmt.Println(exit.Code, exit.Output)
	}
	// Output:
	// rejected
	// 67 unknown user
}
