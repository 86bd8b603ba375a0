package testsmtp

import (
	"fmt"
	"strings"
)

// obey does what a command says. An error ends the session.
func (c *session) obey(cmd command) error {
	if cmd.problem == "" {
		cmd.problem = c.checkLength(cmd)
	}
	if c.refused && cmd.verb != "QUIT" {
		cmd.problem = c.reply(503, "5.5.1", "no service here")
	}
	if cmd.problem != "" {
		return c.respond(Other, c.ask(Other, cmd.line), answer{text: cmd.problem})
	}
	switch cmd.verb {
	case "EHLO", "HELO":
		return c.sayHello(cmd)
	case "STARTTLS":
		return c.startTLS(cmd)
	case "AUTH":
		return c.auth(cmd)
	case "MAIL":
		return c.mail(cmd)
	case "RCPT":
		return c.rcpt(cmd)
	case "DATA":
		return c.dataCommand(cmd)
	case "BDAT":
		return c.bdat(cmd)
	case "RSET":
		return c.simple(RSET, cmd, answer{c.reply(250, "2.0.0", "ok"), func() { c.tx = nil }})
	case "NOOP":
		return c.respond(NOOP, c.ask(NOOP, cmd.line), answer{text: c.reply(250, "2.0.0", "ok")})
	case "QUIT":
		return c.simple(QUIT, cmd, answer{c.reply(221, "2.0.0", c.srv.name()+" closing connection"), func() { c.quit = true }})
	}
	return c.respond(Other, c.ask(Other, cmd.line), answer{text: c.otherReply(cmd)})
}

// checkLength returns the reply to a line that is too long for its command, as
// RFC 5321 section 4.5.3.1.4 and the extensions limit it.
func (c *session) checkLength(cmd command) string {
	limit := 512
	switch cmd.verb {
	case "MAIL": // + SIZE, 8BITMIME, SMTPUTF8, DSN and AUTH
		limit += 26 + 17 + 10 + 100 + 500
	case "RCPT": // + DSN
		limit += 500
	case "AUTH":
		limit = maxAuthLine
	}
	if cmd.length <= limit {
		return ""
	}
	c.violation(fmt.Sprintf("%s line of %d octets", cmd.verb, cmd.length))
	return c.reply(500, "5.5.6", "line too long")
}

// simple is a command without arguments.
func (c *session) simple(p Phase, cmd command, a answer) error {
	if cmd.line != cmd.verb && !strings.EqualFold(cmd.line, cmd.verb) {
		a = answer{text: c.reply(501, "5.5.4", "no argument allowed")}
	}
	return c.respond(p, c.ask(p, cmd.line), a)
}

func (c *session) otherReply(cmd command) string {
	switch cmd.verb {
	case "VRFY":
		if cmd.args == "" {
			return c.reply(501, "5.5.4", "argument missing")
		}
		return c.reply(252, "2.5.0", "send some mail, and see")
	case "HELP":
		return c.reply(214, "2.0.0", "see RFC 5321")
	case "EXPN", "TURN", "ETRN":
		return c.reply(502, "5.5.1", "not implemented")
	}
	return c.reply(500, "5.5.2", "unknown command")
}

// greet is the first word.
func (c *session) greet() error {
	c.refused = true
	return c.respond(Greeting, c.ask(Greeting, ""), answer{
		text:   "220 " + c.srv.name() + " ESMTP",
		commit: func() { c.refused = false },
	})
}

// sayHello is EHLO and HELO.
func (c *session) sayHello(cmd command) error {
	f := c.ask(Phase(cmd.verb), cmd.line)
	a := answer{}
	switch {
	case cmd.verb == "EHLO" && c.srv.NoEHLO:
		a.text = "502 command not implemented"
	case !isDomain(cmd.args, false) && !isLiteral(cmd.args):
		a.text = "501 domain or address literal needed"
	default:
		a.text = "250 " + c.srv.name()
		if cmd.verb == "EHLO" {
			a.text = multiline(250, c.srv.name()+" greets "+cmd.args, c.extensions())
		}
		a.commit = func() {
			c.hello, c.esmtp, c.tx = true, cmd.verb == "EHLO", nil
			c.srv.mu.Lock()
			defer c.srv.mu.Unlock()
			c.info.Hello = cmd.args
		}
	}
	return c.respond(Phase(cmd.verb), f, a)
}

// extensions returns the keyword lines that are offered at this time.
func (c *session) extensions() []string {
	var lines []string
	all := c.srv.Extensions
	if all == nil {
		all = defaultExtensions
	}
	for _, l := range all {
		if word, _, _ := strings.Cut(l, " "); strings.EqualFold(word, "REQUIRETLS") && !c.secure {
			continue // RFC 8689 section 2
		}
		lines = append(lines, l)
	}
	if c.srv.TLS != nil && !c.secure {
		lines = append(lines, "STARTTLS")
	}
	if c.offersAuth() {
		lines = append(lines, "AUTH "+strings.Join(c.srv.mechanisms(), " "))
	}
	return lines
}

// offers returns what stands behind the keyword of an extension, and whether
// the extension is offered at this time.
func (c *session) offers(keyword string) (params string, ok bool) {
	for _, l := range c.extensions() {
		word, params, _ := strings.Cut(l, " ")
		if strings.EqualFold(word, keyword) {
			return params, true
		}
	}
	return "", false
}

// startTLS is STARTTLS.
func (c *session) startTLS(cmd command) error {
	f := c.ask(STARTTLS, cmd.line)
	a, start := answer{}, false
	switch {
	case c.srv.TLS == nil:
		a.text = c.reply(502, "5.5.1", "not implemented")
	case c.secure:
		a.text = c.reply(503, "5.5.1", "TLS is active")
	case cmd.args != "":
		a.text = c.reply(501, "5.5.4", "no argument allowed")
	case !c.esmtp:
		a.text = c.reply(503, "5.5.1", "EHLO first")
	default:
		a = answer{c.reply(220, "2.0.0", "go ahead"), func() { c.dropEarly(); start = true }}
	}
	if err := c.respond(STARTTLS, f, a); err != nil || !start {
		return err
	}
	c.hello, c.esmtp, c.user, c.tx = false, false, "", nil
	return c.handshake()
}
