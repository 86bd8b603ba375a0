package testsmtp

import "crypto/tls"

// Message is a mail that the server accepted.
type Message struct {
	// Conn is the number of the connection it came by, from 0.
	Conn int
	// From is the reverse-path without its brackets, as the client wrote it.
	From string
	// FromParams is what follows the reverse-path, "SIZE=123 BODY=8BITMIME".
	FromParams string
	Recipients []Rcpt
	// Data is the content, dots unstuffed or chunks joined; nil if
	// Server.DiscardData is set.
	Data []byte
	// Size is the length of the content.
	Size int64
	TLS  bool
	// User is who had authenticated, or "".
	User string
}

// Rcpt is an accepted recipient: its forward-path without the brackets, as the
// client wrote it, and the parameters that follow it.
type Rcpt struct{ Address, Params string }

// Ending tells how a connection ended.
type Ending string

// The endings of a connection. While it lasts, there is none.
const (
	EndedQuit      Ending = "quit"          // QUIT was answered
	EndedByClient  Ending = "client closed" // without QUIT, or QUIT went unanswered
	EndedByFault   Ending = "fault: close"
	EndedByReset   Ending = "fault: reset"
	EndedHandshake Ending = "TLS handshake failed"
	EndedShutdown  Ending = "server closed" // by Server.Close
)

// Connection tells about one connection.
type Connection struct {
	// Addr is the address that was asked of Dial, or the one of Listen.
	Addr string
	// Hello is the argument of the last accepted EHLO or HELO.
	Hello string
	// Commands are the client's lines, with credentials as "***", without
	// content.
	Commands []string
	// Received and Sent count octets on the wire, those of TLS included.
	Received, Sent int64
	// TLS tells whether a handshake succeeded, and State what it came to.
	TLS   bool
	State tls.ConnectionState
	// User is who authenticated, or "".
	User string
	// Turns counts the round trips: how often the client sent something after
	// the server had answered everything and the client had read it all. A TLS
	// handshake adds none. It is exact in memory; on TCP it is how often the
	// server had to read on, so that input that arrives in parts adds to it.
	Turns int
	Ended Ending
}
