package smtp

import "time"

// Timeouts bounds each step of a conversation. A bound covers a whole request or
// a whole reply, not single reads: a server that sends one octet a second runs
// into it. The deadline of the context counts as well, whichever is earlier.
// Each field's zero value means the value of [QueueTimeouts].
type Timeouts struct {
	Dial      time.Duration // looking up the host and connecting
	Greeting  time.Duration // the server's first reply
	EHLO      time.Duration // EHLO or HELO
	TLS       time.Duration // the reply to STARTTLS; then, anew, the handshake
	Auth      time.Duration // each step of AUTH
	Mail      time.Duration // MAIL
	Rcpt      time.Duration // each RCPT
	DataInit  time.Duration // the reply to DATA
	DataBlock time.Duration // writing each block (64 KiB) of the message
	// DataEnd is the wait for the reply to the end of data. Servers check the
	// message in this time; who gives up early often gets Outcome Unknown for
	// mail that was delivered. Two minutes are the least that makes sense.
	DataEnd time.Duration
	Reset   time.Duration // RSET
	Quit    time.Duration // QUIT
}

// QueueTimeouts are the ones of RFC 5321 section 4.5.3.2, ten minutes for the
// final reply: right where nobody waits, such as in a queue. They are the
// default.
func QueueTimeouts() Timeouts {
	return Timeouts{
		Dial:      30 * time.Second,
		Greeting:  5 * time.Minute,
		EHLO:      5 * time.Minute,
		TLS:       5 * time.Minute,
		Auth:      5 * time.Minute,
		Mail:      5 * time.Minute,
		Rcpt:      5 * time.Minute,
		DataInit:  2 * time.Minute,
		DataBlock: 3 * time.Minute,
		DataEnd:   10 * time.Minute,
		Reset:     20 * time.Second,
		Quit:      5 * time.Second,
	}
}

// InteractiveTimeouts are short, for a caller who waits for the result, such as
// a web handler: ten seconds to connect, thirty per command, two minutes for
// the final reply.
func InteractiveTimeouts() Timeouts {
	const command = 30 * time.Second
	return Timeouts{
		Dial:      10 * time.Second,
		Greeting:  command,
		EHLO:      command,
		TLS:       command,
		Auth:      command,
		Mail:      command,
		Rcpt:      command,
		DataInit:  command,
		DataBlock: command,
		DataEnd:   2 * time.Minute,
		Reset:     20 * time.Second,
		Quit:      5 * time.Second,
	}
}

// earlyReply is how long a reply is waited for after the message couldn't be
// written to its end: the server may have said why.
const earlyReply = 5 * time.Second

// withDefaults returns t with the default in place of each field that isn't
// positive.
func (t Timeouts) withDefaults() Timeouts {
	d := QueueTimeouts()
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&t.Dial, d.Dial},
		{&t.Greeting, d.Greeting},
		{&t.EHLO, d.EHLO},
		{&t.TLS, d.TLS},
		{&t.Auth, d.Auth},
		{&t.Mail, d.Mail},
		{&t.Rcpt, d.Rcpt},
		{&t.DataInit, d.DataInit},
		{&t.DataBlock, d.DataBlock},
		{&t.DataEnd, d.DataEnd},
		{&t.Reset, d.Reset},
		{&t.Quit, d.Quit},
	} {
		if *f.field <= 0 {
			*f.field = f.value
		}
	}
	return t
}
