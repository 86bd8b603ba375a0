package smtp_test

import (
	"context"
	"fmt"

	"github.com/qdmail/qdmail/smtp"
)

// A login lets mail through for a while, so the second one isn't needed.
func ExamplePOPAuth() {
	server := &popServer{}

	pop := &smtp.POPAuth{
		Addr: "localhost", Username: "taro@example.jp", Password: popPassword,
		Dial: server.Dial,
	}
	fmt.Println(pop.Login(context.Background()))
	fmt.Println(pop.Login(context.Background()), server.loggedIn())

	pop.Invalidate() // the SMTP server wants it again
	fmt.Println(pop.Login(context.Background()), server.loggedIn())
	// Output:
	// <nil>
	// <nil> 1
	// <nil> 2
}
