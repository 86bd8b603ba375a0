package smtp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/show"
)

// How long lines may be, their ends included. RFC 1939 section 3 allows replies
// of 512 octets; the rest is tolerance, and a bound on what a hostile server can
// make us keep. RFC 2449 section 4 sets the length of commands.
const (
	maxPOPReply   = 4096
	maxPOPCommand = 255
	maxPOPText    = 512 // octets kept for reports
)

// POPError is a POP3 server's refusal (RFC 1939 section 3).
type POPError struct {
	// Command is what was refused, without its argument: "PASS"; empty for the
	// greeting.
	Command string
	// Code is the response code in upper case, without brackets, such as
	// "IN-USE" (RFC 2449 section 8); empty if there was none.
	Code string
	// Text is the server's text without the code. Control characters and the
	// password are replaced, and it is cut at 512 octets.
	Text string
}

// Error returns the refusal on one line.
func (e *POPError) Error() string {
	s := "-ERR"
	if e.Code != "" {
		s += " [" + e.Code + "]"
	}
	if e.Text != "" {
		s += " " + e.Text
	}
	if e.Command != "" {
		s = e.Command + " refused: " + s
	}
	return s
}

// Temporary reports a refusal that the server says will pass: the mailbox is in
// use or was looked at too recently (RFC 2449 section 8.1), or the system has a
// passing fault (RFC 3206 section 4).
func (e *POPError) Temporary() bool {
	for _, code := range []string{"IN-USE", "LOGIN-DELAY", "SYS/TEMP"} {
		if e.Code == code || strings.HasPrefix(e.Code, code+"/") {
			return true
		}
	}
	return false
}

// popBroke is an error that matches delivery.ErrProtocol and names the right
// protocol.
type popBroke string

func (e popBroke) Error() string        { return "the server broke the POP3 protocol: " + string(e) }
func (e popBroke) Is(target error) bool { return target == delivery.ErrProtocol }

// popWire is the connection: a line out, a line in. Errors are those of leash,
// of protocol, and *POPError for a refusal.
type popWire struct {
	conn  net.Conn // what is read and written, a *tls.Conn after the handshake
	raw   net.Conn // the connection beneath
	br    *bufio.Reader
	leash *leash
	hide  []string // credentials, for servers that quote what they refuse
}

// ask sends a command and reads the reply to it, of which it returns the text.
// verb is all of the line that anybody may see.
func (w *popWire) ask(verb, argument string, d time.Duration) (string, error) {
	if w.br.Buffered() > 0 {
		return "", popBroke("a reply that nobody asked for")
	}
	if err := w.leash.within(d); err != nil {
		return "", err
	}
	line := verb
	if argument != "" {
		line += " " + argument
	}
	if err := w.say(line); err != nil {
		return "", err
	}
	return w.reply(verb)
}

// say sends one line; every octet that we send goes through here.
func (w *popWire) say(line string) error {
	if err := checkPOPLine(line); err != nil {
		return err
	}
	if _, err := io.WriteString(w.conn, line+"\r\n"); err != nil {
		return w.leash.explain(err)
	}
	return nil
}

// listen waits for the greeting.
func (w *popWire) listen(d time.Duration) (string, error) {
	if err := w.leash.within(d); err != nil {
		return "", err
	}
	return w.reply("")
}

func (w *popWire) reply(verb string) (string, error) {
	line, err := w.br.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", popBroke(fmt.Sprintf("a reply of more than %d octets", maxPOPReply))
	case err != nil:
		return "", w.leash.explain(err)
	}
	text := string(line[:len(line)-1]) // QUIRK: a bare LF ends a line too; some appliances send it
	text = strings.TrimSuffix(text, "\r")
	switch status, rest, _ := strings.Cut(text, " "); status {
	case "+OK":
		return rest, nil
	case "-ERR":
		e := &POPError{Command: verb}
		e.Code, rest = cutPOPCode(w.scrub(rest))
		e.Text = show.Cut(show.Text(rest), maxPOPText)
		return "", e
	}
	return "", popBroke(fmt.Sprintf("no reply: %q", show.Cut(w.scrub(text), 60)))
}

// scrub replaces the credentials in a server's text.
func (w *popWire) scrub(text string) string {
	for _, secret := range w.hide {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}

// cutPOPCode takes the response code off the start of a text (RFC 2449 section 8).
// QUIRK: servers that use codes without saying so in CAPA, which isn't asked.
func cutPOPCode(text string) (code, rest string) {
	inner, ok := strings.CutPrefix(text, "[")
	code, rest, closed := strings.Cut(inner, "]")
	if !ok || !closed || code == "" || len(code) > 60 {
		return "", text
	}
	for _, c := range []byte(code) {
		if c < '!' || c > '~' {
			return "", text
		}
	}
	return strings.ToUpper(code), strings.TrimPrefix(rest, " ")
}

// checkPOPLine refuses what could be taken for more than one line, or be cut off
// on the other side. The error doesn't quote the line: it may hold a credential.
func checkPOPLine(line string) error {
	if strings.ContainsAny(line, "\r\n\x00") {
		return errors.New("a user name or a password can't have CR, LF or NUL")
	}
	if len(line)+len("\r\n") > maxPOPCommand {
		return fmt.Errorf("a command of more than %d octets: the user name or the password is too long", maxPOPCommand)
	}
	return nil
}
