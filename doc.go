// Package qdmail sends mail from Go programs: Japanese mail that arrives as it was
// written, and any other.
//
//	mailer, err := qdmail.Open(os.Getenv("MAIL_URL")) // smtp://user:password@mail.example.jp
//	...
//	res, err := mailer.Send(ctx, &message.Message{
//		From:    message.Address{Name: "営業部", Address: "sales@example.co.jp"},
//		To:      []message.Address{{Name: "山田 太郎", Address: "taro@example.jp"}},
//		Subject: "ご注文ありがとうございます",
//		Text:    "本文…",
//		Charset: message.ISO2022JP,
//	})
//
// Data flows one way. A message.Message says what the mail is; a [Mailer] turns it
// into an envelope and a body, and a transport hands these to the next hop and
// answers with one outcome per recipient:
//
//	Message ──Prepare──► Envelope, Body ──Deliver──► Result, error
//
// [Mailer.Send] is both steps. Nothing flows back: no transport changes a message,
// and what a server offers doesn't change what the message is.
//
// # Where things are
//
//   - message: the message, its encoder, addresses, mail merge, loading
//   - message/htmltext: the text part of mails that have only HTML
//   - delivery: envelope, body, outcome, errors, hooks, and the Transport interface
//   - smtp: the transport for a relay
//   - dial: ways to connect: through a proxy, from given addresses
//   - sendmail: the transport for a local program
//   - direct: the transport that delivers to the recipients' own servers;
//     direct/preflight looks whether this host is fit for that, direct/dns,
//     direct/mtasts and direct/dane are what it is made of
//   - route: which mail goes by which transport
//   - smime, dkim: signatures
//   - encoding/charset, encoding/header, encoding/transfer: what message is made of
//   - encoding/mime: reading a message
//
// # Errors
//
// A faulty message is a message.Errors, which lists every fault with its field,
// before anything is connected to. A delivery that didn't succeed for everybody is
// a *delivery.SendError; the Result beside it has the outcome of each recipient,
// and errors.Is and errors.As reach the reasons:
//
//	res, err := mailer.Send(ctx, msg)
//	var refused *delivery.Error
//	switch {
//	case err == nil: // accepted for all
//	case errors.Is(err, delivery.ErrAuthFailed): // look at MAIL_URL
//	case errors.Is(err, delivery.ErrUndeliverable): // nobody takes mail for the domain
//	case errors.As(err, &refused) && refused.Temporary(): // try again later
//	}
//
// An outcome of delivery.Unknown means that the connection was lost after the
// whole message was handed over; sending again may deliver it twice.
package qdmail
