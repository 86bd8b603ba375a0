package smtp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/show"
)

// What a server may send in one reply. RFC 5321 section 4.5.3.1.5 allows lines
// of 512 octets; the rest is tolerance, and a bound on what a hostile server can
// make us read and keep.
const (
	maxReplyLine  = 4096 // octets, line end included
	maxReplyLines = 128
	maxReplySize  = 64 << 10
	maxReplyText  = 1 << 10 // octets kept for reports
)

// reply is a server's reply together with the text of each line as it came,
// which extensions and SASL challenges are read from.
type reply struct {
	delivery.Reply
	lines []string
	one   [1]string // backs lines; most replies have one
}

// readReply reads one reply into r (RFC 5321 section 4.2). The strings of hide are
// credentials; they are replaced in the Text by "***". What isn't a reply is
// delivery.ErrProtocol. If the connection fails after at least one complete
// line, the reply as far as it came is returned beside the error.
func readReply(br *bufio.Reader, hide []string, r *reply) (*reply, error) {
	*r = reply{}
	r.lines = r.one[:0]
	size := 0
	for {
		text, more, code, err := readReplyLine(br, hide)
		switch {
		case err != nil && (len(r.lines) == 0 || errors.Is(err, delivery.ErrProtocol)):
			return nil, err
		case err != nil:
			r.finish(hide)
			return r, err
		case len(r.lines) > 0 && code/100 != r.Code/100:
			return nil, protocolError("a reply changes from %03d to %03d", r.Code, code)
		}
		r.Code = code // QUIRK: lines that disagree within a class; the last one wins
		r.lines = append(r.lines, text)
		size += len(text)
		if !more {
			r.finish(hide)
			return r, nil
		}
		if len(r.lines) >= maxReplyLines || size > maxReplySize {
			return nil, protocolError("a reply of more than %d lines or %d octets", maxReplyLines, maxReplySize)
		}
	}
}

// holdsReply reports whether p begins with a complete reply, or with a line that
// is none: either can be read without waiting for more.
func holdsReply(p []byte) bool {
	for {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			return false
		}
		if end < 4 || p[3] != '-' {
			return true
		}
		p = p[end+1:]
	}
}

// readReplyLine reads one line and takes it apart; more says that the reply goes
// on after it.
func readReplyLine(br *bufio.Reader, hide []string) (text string, more bool, code int, err error) {
	line, err := br.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull) || len(line) > maxReplyLine:
		return "", false, 0, protocolError("a reply line of more than %d octets", maxReplyLine)
	case err == io.EOF && len(line) > 0:
		return "", false, 0, io.ErrUnexpectedEOF
	case err != nil:
		return "", false, 0, err
	}
	line = line[:len(line)-1] // QUIRK: a bare LF ends a line too; some appliances send it
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) < 3 || line[0] < '2' || line[0] > '5' || !isDigit(line[1]) || !isDigit(line[2]) {
		return "", false, 0, notReply(line, hide)
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	switch rest := string(line[3:]); {
	case rest == "": // QUIRK: no space after the code of an empty text; RFC 5321 section 4.2 wants it tolerated
		return "", false, code, nil
	case rest[0] == ' ' || rest[0] == '-':
		return rest[1:], rest[0] == '-', code, nil
	}
	return "", false, 0, notReply(line, hide)
}

func notReply(line []byte, hide []string) error {
	return protocolError("no reply: %q", show.Cut(scrub(string(line), hide), 60))
}

// finish fills in Enhanced and Text from the lines.
func (r *reply) finish(hide []string) {
	for i, line := range r.lines {
		line = scrub(line, hide)
		if code, rest, ok := cutEnhanced(line, r.Code/100); ok {
			line = rest
			if r.Enhanced == (delivery.EnhancedCode{}) {
				r.Enhanced = code
			}
		}
		if i > 0 {
			r.Text += "\n"
		}
		if r.Text += show.Text(line); len(r.Text) > maxReplyText {
			break
		}
	}
	r.Text = show.Cut(r.Text, maxReplyText)
}

// cutEnhanced takes the enhanced status code off the start of text (RFC 2034
// section 4). One whose class isn't that of the reply is no code but text.
func cutEnhanced(text string, class int) (code delivery.EnhancedCode, rest string, ok bool) {
	head, rest, _ := strings.Cut(text, " ")
	for i := range code {
		var field string
		if field, head, ok = strings.Cut(head, "."); ok == (i == 2) || len(field) == 0 || len(field) > 3 {
			return delivery.EnhancedCode{}, text, false
		}
		for _, c := range []byte(field) {
			if !isDigit(c) {
				return delivery.EnhancedCode{}, text, false
			}
			code[i] = code[i]*10 + int(c-'0')
		}
	}
	if code[0] != class || class == 3 {
		return delivery.EnhancedCode{}, text, false
	}
	return code, strings.TrimLeft(rest, " "), true
}

// scrub replaces the credentials in a server's text: some servers quote the
// command that they refuse.
func scrub(text string, hide []string) string {
	for _, secret := range hide {
		text = strings.ReplaceAll(text, secret, hidden)
	}
	return text
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func protocolError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", delivery.ErrProtocol, fmt.Sprintf(format, args...))
}
