// Package message composes mail: a [Message] is a plain struct that says what the
// mail is, and an [Encoder] turns it into the octets that travel.
//
//	m := &message.Message{
//		From:        message.Address{Name: "営業部", Address: "sales@example.co.jp"},
//		To:          []message.Address{{Name: "山田 太郎", Address: "taro@example.jp"}},
//		Subject:     "ご注文ありがとうございます",
//		Text:        "本文です。\n",
//		Charset:     message.ISO2022JP,
//		Attachments: []message.Attachment{message.File("見積書.pdf")},
//	}
//
// No setter checks anything. Everything is checked in one place, when the message
// is encoded or its envelope is made, and every fault is reported at once: the
// error is [Errors], a list of [FieldError], each of which names its field.
//
// What comes out is 7-bit whatever goes in, so that any relay passes it unchanged
// and signatures survive: Japanese text is ISO-2022-JP or base64, and the encoding
// of each part follows from its content. Only internationalized local parts of
// addresses are the exception (RFC 6531).
//
// A Message is input and is never written to. The same one may be sent many times
// and from many goroutines at once; a copy of it shares its slices.
//
// Read message.go, address.go and attachment.go for what a user fills in; then
// encoder.go, check.go, pool.go, render.go, structure.go, textpart.go, filepart.go
// and body.go for what happens to it.
package message
