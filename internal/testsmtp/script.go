package testsmtp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"path"
	"strconv"
	"strings"
	"time"
)

// Play serves one connection by a script and closes it at the end. The lines of
// a script, with or without space before them, are
//
//	S: 250 ok           send this and CRLF
//	S! "250 ok\n"       send these octets, quoted as in Go
//	C: RSET             expect this line, ended by CRLF
//	C* EHLO *           expect a line that matches: * is anything, ? any one
//	                    character, [...] one of a class, and \ quotes, as in
//	                    path.Match, but a slash is nothing special
//	C! "RSET\n"         expect these octets, quoted as in Go
//	-- wait 10m         wait
//	-- close            close the connection
//	-- reset            close it with a RST
//	# ...               nothing, as an empty line
//
// A script that does not close the connection leaves it open and silent until
// the client closes it.
//
// What really happened comes back in the same notation: got equals script if,
// and only if, err is nil. After the first line that differs nothing more is
// sent; got goes on with what else was received by then. What the client sends
// after the end of the script is in got as well.
func Play(conn net.Conn, script string) (got string, err error) {
	defer conn.Close()
	p := player{conn: conn, r: bufio.NewReader(conn)}
	lines := strings.Split(script, "\n")
	for i, line := range lines {
		actual, err := p.step(line)
		if err == errClosed {
			return p.closed(line, lines[i+1:])
		}
		if actual != "" || err == nil {
			p.got = append(p.got, actual)
		}
		if err != nil {
			p.rest()
			return p.text(), fmt.Errorf("testsmtp: script line %d: %w", i+1, err)
		}
	}
	if p.listen() {
		return p.text(), errors.New("testsmtp: the client went on after the end of the script")
	}
	return p.text(), nil
}

// errClosed tells that the script closed the connection.
var errClosed = errors.New("closed")

// player is a connection on which a script is played.
type player struct {
	conn net.Conn
	r    *bufio.Reader
	got  []string
}

func (p *player) text() string { return strings.Join(p.got, "\n") }

// closed ends a script at the line that closed the connection; only comments
// may follow it.
func (p *player) closed(line string, rest []string) (string, error) {
	p.got = append(p.got, line)
	for _, l := range rest {
		if l = strings.TrimSpace(l); l != "" && l[0] != '#' {
			return p.text(), errors.New("testsmtp: the script goes on after it closed the connection")
		}
	}
	p.got = append(p.got, rest...)
	return p.text(), nil
}

// rest adds what was received and not looked at.
func (p *player) rest() {
	buf, _ := p.r.Peek(p.r.Buffered())
	for raw := range strings.Lines(string(buf)) {
		p.got = append(p.got, quoteLine(raw))
	}
}

// listen adds what still comes, until the client closes the connection, and
// reports whether there was anything.
func (p *player) listen() (any bool) {
	for {
		line, err := p.readLine()
		if line != "" {
			any = true
			p.got = append(p.got, line)
		}
		if err != nil {
			return any
		}
	}
}

// step plays a line of the script and returns what happened: the line itself if
// that is what happened.
func (p *player) step(line string) (actual string, err error) {
	op, rest := strings.TrimLeft(line, " \t"), ""
	if op == "" || op[0] == '#' {
		return line, nil
	}
	if len(op) >= 2 {
		op, rest = op[:2], strings.TrimPrefix(op[2:], " ")
	}
	switch op {
	case "S:":
		_, err = io.WriteString(p.conn, rest+"\r\n")
	case "S!":
		var raw string
		if raw, err = strconv.Unquote(rest); err == nil {
			_, err = io.WriteString(p.conn, raw)
		}
	case "C:", "C*", "C!":
		return p.expect(line, op, rest)
	case "--":
		return line, p.direct(strings.Fields(rest))
	default:
		err = fmt.Errorf("not a script: %q", line)
	}
	if err != nil {
		return "", err
	}
	return line, nil
}

// direct obeys a line that starts with "--".
func (p *player) direct(words []string) error {
	switch {
	case len(words) == 1 && words[0] == "close":
		return errClosed
	case len(words) == 1 && words[0] == "reset":
		conn := p.conn
		if upper, ok := conn.(interface{ NetConn() net.Conn }); ok {
			conn = upper.NetConn() // beneath TLS
		}
		newMeter(conn).reset()
		return errClosed
	case len(words) == 2 && words[0] == "wait":
		d, err := time.ParseDuration(words[1])
		if err == nil {
			time.Sleep(d)
		}
		return err
	}
	return fmt.Errorf("not a script: %q", "-- "+strings.Join(words, " "))
}

// expect reads what the line wants.
func (p *player) expect(line, op, rest string) (actual string, err error) {
	matches := false
	switch op {
	case "C:":
		actual, err = p.readLine()
		matches = actual == "C: "+rest
	case "C*":
		actual, err = p.readLine()
		text, isLine := strings.CutPrefix(actual, "C: ")
		ok, bad := path.Match(strings.ReplaceAll(rest, "/", "\x00"), strings.ReplaceAll(text, "/", "\x00"))
		if bad != nil {
			return actual, bad
		}
		matches = ok && isLine
	case "C!":
		raw, bad := strconv.Unquote(rest)
		if bad != nil {
			return "", bad
		}
		buf := make([]byte, len(raw))
		var n int
		n, err = io.ReadFull(p.r, buf)
		if n > 0 {
			actual = "C! " + strconv.Quote(string(buf[:n]))
		}
		matches = string(buf[:n]) == raw
	}
	switch {
	case matches:
		return line, nil
	case err != nil:
		return actual, fmt.Errorf("want %s: %w", strings.TrimSpace(line), err)
	}
	return actual, fmt.Errorf("want %s, got %s", strings.TrimSpace(line), actual)
}

// readLine reads a line and quotes it.
func (p *player) readLine() (string, error) {
	raw, err := p.r.ReadString('\n')
	if raw == "" {
		return "", err
	}
	return quoteLine(raw), err
}

// quoteLine returns a line as "C: " or, if it is no line of text, as "C! ".
func quoteLine(raw string) string {
	if text, ok := strings.CutSuffix(raw, "\r\n"); ok && isPrintable(text) {
		return "C: " + text
	}
	return "C! " + strconv.Quote(raw)
}
