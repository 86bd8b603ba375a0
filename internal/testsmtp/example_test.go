package testsmtp_test

import (
	"fmt"
	"net/smtp"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

func ExampleServer() {
	server := &testsmtp.Server{
		Extensions: []string{"8BITMIME"},
		On: func(e testsmtp.Event) *testsmtp.Fault {
			if e.Conn == 0 && e.Phase == testsmtp.RCPT {
				return &testsmtp.Fault{Reply: "451 try again later"}
			}
			return nil
		},
	}
	addr, err := server.Listen()
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		fmt.Println(smtp.SendMail(addr, nil, "a@example.jp", []string{"b@example.jp"}, []byte("Subject: hello\r\n")))
	}
	server.Close()
	fmt.Printf("%q\n", server.Messages()[0].Data)
	fmt.Print(server.Transcript())
	// Output:
	// 451 "try again later"
	// <nil>
	// "Subject: hello\r\n"
	// -- connection 0
	// S: 220 mx.test ESMTP
	// C: EHLO localhost
	// S: 250-mx.test greets localhost
	// S: 250 8BITMIME
	// C: MAIL FROM:<a@example.jp> BODY=8BITMIME
	// S: 250 sender ok
	// C: RCPT TO:<b@example.jp>
	// S: 451 try again later
	// -- connection 1
	// S: 220 mx.test ESMTP
	// C: EHLO localhost
	// S: 250-mx.test greets localhost
	// S: 250 8BITMIME
	// C: MAIL FROM:<a@example.jp> BODY=8BITMIME
	// S: 250 sender ok
	// C: RCPT TO:<b@example.jp>
	// S: 250 recipient ok
	// C: DATA
	// S: 354 end with a dot
	// C: <16 octets>
	// C: .
	// S: 250 ok, 16 octets
	// C: QUIT
	// S: 221 mx.test closing connection
}

func ExamplePlay() {
	client, server := testsmtp.Pipe()
	go func() {
		c, err := smtp.NewClient(client, "mx.test")
		if err == nil {
			c.Noop()
			c.Close()
		}
	}()
	got, err := testsmtp.Play(server, `S: 220 mx.test
C: EHLO localhost
S: 250 mx.test
C: QUIT
S: 221 mx.test`)
	fmt.Println(got)
	fmt.Println(err)
	// Output:
	// S: 220 mx.test
	// C: EHLO localhost
	// S: 250 mx.test
	// C: NOOP
	// testsmtp: script line 4: want C: QUIT, got C: NOOP
}
