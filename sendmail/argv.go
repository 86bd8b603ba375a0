package sendmail

import (
	"errors"
	"fmt"
	"strings"

	"github.com/qdmail/qdmail/delivery"
)

// command is what one process is told.
type command struct {
	path    string
	program Program
	args    []string // what the caller added, already checked
	from    string   // empty is the null reverse-path
	to      []string
	notify  delivery.Notify
	ret     delivery.RET
	envid   string // not yet encoded
}

// argv builds the argument list, whose first element is the program. Whatever an
// envelope says goes through here and is checked once more. The recipients stand
// behind "--", and the program is never told to look for others in the header of
// the message (-t).
func (c *command) argv() ([]string, error) {
	list := append([]string{c.path}, c.args...)
	list = append(list, "-i") // a line with a lone dot doesn't end the message
	if c.program == ProgramExim {
		list = append(list, "-oep") // print errors: who gets them in the Result needs no mail about them
	}
	dsn, err := c.dsn()
	if err != nil {
		return nil, err
	}
	list = append(list, dsn...)
	from := c.from
	if from == "" {
		from = "<>"
	}
	if len(c.to) == 0 {
		return nil, delivery.ErrNoRecipients
	}
	for _, operand := range append([]string{from}, c.to...) {
		if err := checkOperand(operand); err != nil {
			return nil, err
		}
	}
	list = append(list, "-f", from, "--")
	return append(list, c.to...), nil
}

// dsn returns the options for notifications (RFC 3461) that the program knows. In
// lower case, as msmtp wants them, all understand them.
func (c *command) dsn() ([]string, error) {
	var list []string
	known := c.program.options()
	if c.notify != 0 && known.notify {
		if !c.notify.Valid() {
			return nil, fmt.Errorf("no such NOTIFY value: %#x", uint8(c.notify))
		}
		list = append(list, "-N", strings.ToLower(c.notify.String()))
	}
	switch {
	case c.ret == "" || !known.ret:
	case c.ret == delivery.RETFull || c.ret == delivery.RETHeaders:
		list = append(list, "-R", strings.ToLower(string(c.ret)))
	default:
		return nil, fmt.Errorf("RET is FULL or HDRS, not %q", cut(string(c.ret), 20))
	}
	if c.envid != "" && known.envid {
		value, err := encodeENVID(c.envid)
		if err != nil {
			return nil, err
		}
		list = append(list, "-V", value)
	}
	return list, nil
}

// encodeENVID encodes an envelope identifier as xtext (RFC 3461 section 4).
func encodeENVID(s string) (string, error) {
	var b strings.Builder
	for i, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return "", errors.New("ENVID must be printable ASCII")
		}
		// QUIRK: Postfix takes a value of two characters for the delimiters of VERP,
		// and makes a recipient of it; so the first character is written in hex.
		if c == ' ' || c == '+' || c == '=' || i == 0 && (len(s) == 2 || c == '-') {
			fmt.Fprintf(&b, "+%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	if b.Len() > 100 {
		return "", errors.New("ENVID must have at most 100 octets once encoded")
	}
	return b.String(), nil
}

// checkArgs refuses further arguments that would make something else of those
// that follow, or let the program do something else than take a message. It
// doesn't quote any.
func checkArgs(args []string) error {
	value := false // the one before may have this one as its value
	for i, arg := range args {
		what := ""
		switch {
		case strings.ContainsRune(arg, 0):
			what = "has a NUL"
		case !strings.HasPrefix(arg, "-") && !value:
			what = "is no option, and would be taken for a recipient"
		case arg == "--", arg == "-":
			what = "would make recipients of the options after it"
		case readsRecipients(arg):
			what = "would take recipients from the header"
		case strings.HasPrefix(arg, "-b") && arg != "-bm":
			what = "lets the program do something else than send"
		}
		if what != "" {
			return fmt.Errorf("argument %d %s", i+1, what)
		}
		value = strings.HasPrefix(arg, "--") || strings.HasPrefix(arg, "-") && len(arg) == 2
	}
	return nil
}

// readsRecipients reports -t, alone or among other options without a value, and
// msmtp's long form of it.
func readsRecipients(arg string) bool {
	if strings.HasPrefix(arg, "--") {
		return strings.HasPrefix(arg, "--read-r")
	}
	flags, ok := strings.CutPrefix(arg, "-")
	return ok && strings.HasPrefix(strings.TrimLeft(flags, "imnvxGU"), "t")
}
