package smtp_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// One recipient's refusal doesn't cost the other one the mail.
func ExampleRelay() {
	server := &testsmtp.Server{On: func(e testsmtp.Event) *testsmtp.Fault {
		if e.Line == "RCPT TO:<gone@example.jp>" {
			return &testsmtp.Fault{Reply: "550 5.1.1 no such user"}
		}
		return nil
	}}
	defer server.Close()

	relay := &smtp.Relay{Addr: "localhost", Dial: server.Dial}
	defer relay.Close()
	res, err := relay.Send(context.Background(), &delivery.Envelope{
		From:       "shop@example.com",
		Recipients: []delivery.Recipient{{Address: "taro@example.jp"}, {Address: "gone@example.jp"}},
	}, delivery.BytesBody("Subject: Hello\r\n\r\nHello.\r\n"))

	for _, r := range res.Recipients {
		fmt.Println(r.Address, r.Outcome)
	}
	if refusal, ok := errors.AsType[*delivery.Error](err); ok {
		fmt.Println(refusal.Phase, refusal.Reply, refusal.Temporary())
	}
	// Output:
	// taro@example.jp accepted
	// gone@example.jp rejected
	// RCPT 550 5.1.1 no such user false
}
