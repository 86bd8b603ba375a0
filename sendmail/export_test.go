package sendmail

import (
	"os"

	"github.com/qdmail/qdmail/delivery"
)

// What the tests of the pure parts need to see.

const (
	MaxOutput    = maxOutput
	MaxArguments = maxArguments
	StdinSealed  = stdinSealed
)

// ExitCodes are the codes that the table has a line for, in general and for
// msmtp.
func ExitCodes() (general, msmtp []int) {
	for code := range exitCodes {
		general = append(general, code)
	}
	for code := range msmtpCodes {
		msmtp = append(msmtp, code)
	}
	return general, msmtp
}

// Decide judges an exit code.
func Decide(p Program, code int, read bool) (delivery.Outcome, string) { return decide(p, code, read) }

// ParseAddress returns the parts of an address.
func ParseAddress(s string) (addr, key string, quoted, utf8 bool, err error) {
	a, err := parseAddress(s)
	return a.addr, a.key, a.quoted, a.utf8, err
}

// Argv builds an argument list.
func Argv(path string, p Program, args []string, from string, dsn delivery.DSN, to ...string) ([]string, error) {
	c := &command{path: path, program: p, args: args, from: from, to: to, notify: dsn.Notify, ret: dsn.RET, envid: dsn.ENVID}
	return c.argv()
}

// Text gives a message that comes in pieces the line ends of a program.
func Text(crlf, eightBit bool, pieces ...[]byte) (out []byte, err error) {
	c := &textChecker{crlf: crlf, eightBit: eightBit}
	for _, p := range pieces {
		if out, err = c.append(out, p); err != nil {
			return nil, err
		}
	}
	return c.finish(out)
}

// ByName and Identify tell programs apart.
func ByName(name string) Program                          { return byName(name) }
func Identify(file string, conf Program) (Program, error) { return identify(file, conf) }
func Clean(output string) string                          { return clean(output) }
func EncodeENVID(s string) (string, error)                { return encodeENVID(s) }

// Stdin is a program's input and our end of it.
type Stdin struct {
	*stdin
	Child *os.File
}

func NewStdin() (*Stdin, error) {
	in, child, err := newStdin()
	return &Stdin{in, child}, err
}

func (s *Stdin) Commit() error { return s.commit() }
func (s *Stdin) Unread() bool  { return s.unread() }
func (s *Stdin) Close()        { s.close() }
