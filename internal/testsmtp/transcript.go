package testsmtp

import (
	"fmt"
	"strconv"
	"strings"
)

// log adds a line to the transcript of this connection.
func (c *session) log(line string) {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.lines = append(c.lines, line)
}

// logSent adds what is about to be sent: whole lines as "S: ", anything else
// quoted as "S! ".
func (c *session) logSent(text string) {
	lines := strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n")
	plain := strings.HasSuffix(text, "\r\n")
	for _, l := range lines {
		plain = plain && isPrintable(l)
	}
	if !plain {
		c.log("S! " + strconv.Quote(text))
		return
	}
	for _, l := range lines {
		c.log("S: " + l)
	}
}

// logCommand adds a line of the client, also to its list of commands.
func (c *session) logCommand(line string) {
	c.log("C: " + line)
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.info.Commands = append(c.info.Commands, line)
}

// logOctets adds content, if there was any.
func (c *session) logOctets(n int64) {
	if n > 0 {
		c.log(fmt.Sprintf("C: <%d octets>", n))
	}
}

// redact hides the credentials in an AUTH command.
func redact(line string) string {
	words := strings.Fields(line)
	if len(words) < 2 || !strings.EqualFold(words[0], "AUTH") {
		return line
	}
	if len(words) == 2 || len(words) == 3 && words[2] == "=" {
		return line
	}
	return words[0] + " " + words[1] + " ***"
}

// isPrintable reports whether s has no control characters.
func isPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' })
}

// Transcript returns what was said so far: the server's lines as "S: ", the
// client's as "C: ", one connection after the other. Content stands there as
// "C: <1234 octets>", followed by "C: ." unless it came by BDAT; credentials
// are "***". Lines that start with "-- " tell the rest: "-- TLS" after a
// handshake, "-- close" and the like where a fault did it, and
// "-- connection 1" before each connection if there is more than one. Octets
// of a fault that are no lines are quoted as "S! ".
func (s *Server) Transcript() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for i, c := range s.sessions {
		if len(s.sessions) > 1 {
			fmt.Fprintf(&b, "-- connection %d\n", i)
		}
		for _, l := range c.lines {
			b.WriteString(l)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// Connections tells about every connection so far.
func (s *Server) Connections() []Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Connection, len(s.sessions))
	for i, c := range s.sessions {
		all[i] = c.info
		all[i].Commands = append([]string(nil), c.info.Commands...)
		all[i].Received, all[i].Sent = c.wire.received.Load(), c.wire.sent.Load()
		all[i].Turns = c.wire.turns()
	}
	return all
}
