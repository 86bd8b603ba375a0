package smtp

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/show"
)

// How long a command line may be, its line end included. RFC 5321 section
// 4.5.3.1.4 says 512 and lets each extension add to it; a RCPT with all that RFC
// 3461 adds stays below 1024. RFC 4954 section 4 sets the length for AUTH.
const (
	maxCommandLine = 1024
	maxAuthLine    = 12288
)

// hidden stands for a credential wherever people may look.
const hidden = "***"

var errCommandLine = errors.New("the command line can't be sent")

// send puts one command line into the queue of the wire.
func (w *wire) send(line string) error {
	from := len(w.out)
	w.out = append(w.out, line...)
	return w.endLine(from, maxCommandLine, "")
}

// sendSecret is send for a line of which everything after the visible prefix is
// a credential.
func (w *wire) sendSecret(visible, secret string) error {
	from, shown := len(w.out), ""
	w.out = append(append(w.out, visible...), secret...)
	if secret != "" {
		shown = visible + hidden
	}
	return w.endLine(from, maxAuthLine, shown)
}

// endLine makes a command line of what was added to out since from, or takes it
// out again. Every octet outside of the message goes through here. shown is what
// hooks may see of the line; empty: all.
func (w *wire) endLine(from, limit int, shown string) error {
	if err := checkLine(w.out[from:], limit); err != nil {
		w.out = w.out[:from]
		return err
	}
	w.lines = append(w.lines, line{from, len(w.out), shown})
	w.out = append(w.out, "\r\n"...)
	return nil
}

// checkLine refuses what could be taken for more than one line, and what no
// command needs. The error doesn't quote the line: it may hold a credential.
func checkLine[T string | []byte](line T, limit int) error {
	if len(line)+len("\r\n") > limit {
		return fmt.Errorf("%w: it has more than %d octets", errCommandLine, limit)
	}
	if isPrintableASCII(line) {
		return nil
	}
	return checkText(string(line))
}

// checkText refuses control characters and what isn't UTF-8.
func checkText(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: it isn't UTF-8", errCommandLine)
	}
	for _, r := range s {
		if show.IsControl(r) {
			return fmt.Errorf("%w: control character %U", errCommandLine, r)
		}
	}
	return nil
}

// xtext encodes a parameter value (RFC 3461 section 4).
func xtext(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if '!' <= c && c <= '~' && c != '+' && c != '=' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "+%02X", c)
		}
	}
	return b.String()
}

// utf8Text encodes an internationalized address as a parameter value in ASCII
// (utf-8-addr-xtext, RFC 6533 section 3).
func utf8Text(s string) string {
	var b strings.Builder
	for _, r := range s {
		if '!' <= r && r <= '~' && r != '+' && r != '=' && r != '\\' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\x{%X}`, r)
		}
	}
	return b.String()
}

// dsnOfMail returns the parameters of MAIL that ask for delivery status
// notifications, each with a space before it.
func dsnOfMail(d delivery.DSN) (string, error) {
	var s string
	switch d.RET {
	case "":
	case delivery.RETFull, delivery.RETHeaders:
		s = " RET=" + string(d.RET)
	default:
		return "", fmt.Errorf("RET is FULL or HDRS, not %q", string(d.RET))
	}
	if d.ENVID != "" {
		value := xtext(d.ENVID)
		if !isPrintableASCII(d.ENVID) || len(value) > 100 {
			return "", fmt.Errorf("ENVID must be printable ASCII of at most 100 octets once encoded: %q", show.Cut(d.ENVID, 120))
		}
		s += " ENVID=" + value
	}
	return s, nil
}

// dsnOfRcpt is dsnOfMail for the parameters of RCPT.
func dsnOfRcpt(r *delivery.Recipient) (string, error) {
	var s string
	if !r.Notify.Valid() {
		return "", fmt.Errorf("no such NOTIFY value: %#x", uint8(r.Notify))
	}
	if r.Notify != 0 {
		s = " NOTIFY=" + r.Notify.String()
	}
	if r.ORCPT != "" {
		value, err := orcpt(r.ORCPT)
		if err != nil {
			return "", err
		}
		s += " ORCPT=" + value
	}
	return s, nil
}

// orcpt encodes an original recipient, "rfc822;user@example.com" (RFC 3461
// section 4.2, RFC 6533 section 3).
func orcpt(s string) (string, error) {
	kind, addr, ok := strings.Cut(s, ";")
	if !ok || addr == "" || !isDotAtom(kind, false) {
		return "", fmt.Errorf("ORCPT has the form rfc822;user@example.com: %q", show.Cut(s, 120))
	}
	value := kind + ";"
	if strings.EqualFold(kind, "utf-8") && checkText(addr) == nil {
		value += utf8Text(addr)
	} else if isPrintableASCII(addr) {
		value += xtext(addr)
	} else {
		return "", fmt.Errorf("ORCPT must be printable ASCII: %q", show.Cut(s, 120))
	}
	if len(value) > 500 {
		return "", fmt.Errorf("ORCPT has more than 500 octets: %q", show.Cut(s, 120))
	}
	return value, nil
}

func isPrintableASCII[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
