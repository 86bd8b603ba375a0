package testsmtp

import (
	"strconv"
	"strings"
)

// mail is MAIL.
func (c *session) mail(cmd command) error {
	c.mailCmd++
	f := c.ask(MAIL, cmd.line)
	tx, problem := c.parseMail(cmd)
	if problem != "" {
		return c.respond(MAIL, f, answer{text: problem})
	}
	return c.respond(MAIL, f, answer{c.reply(250, "2.1.0", "sender ok"), func() { c.tx = tx }})
}

func (c *session) parseMail(cmd command) (tx *transaction, problem string) {
	switch limit, _ := c.limit("MAILMAX"); {
	case !c.hello:
		return nil, c.reply(503, "5.5.1", "EHLO first")
	case c.srv.RequireAuth && c.user == "":
		return nil, c.reply(530, "5.7.0", "authentication required")
	case c.tx != nil:
		return nil, c.reply(503, "5.5.1", "there is a sender already")
	case limit > 0 && c.mails >= limit:
		return nil, c.reply(452, "4.5.3", "too many mails on this connection")
	}
	path, rest, ok := cutArgument(cmd.args, "FROM:")
	if !ok {
		return nil, c.reply(501, "5.5.4", "syntax: MAIL FROM:<address>")
	}
	params, problem := c.parseParameters(rest, mailParameters)
	if problem != "" {
		return nil, problem
	}
	tx = &transaction{from: path, params: rest}
	_, tx.utf8 = params["SMTPUTF8"]
	body := strings.ToUpper(params["BODY"])
	tx.binary = body == "BINARYMIME"
	tx.eightBit = tx.binary || body == "8BITMIME"
	tx.lint.init(tx, c.violation)
	if problem = c.checkAddress(path, tx.utf8, "5.1.7"); problem != "" && path != "" {
		return nil, problem
	}
	if limit := c.maxSize(); limit > 0 && params["SIZE"] != "" {
		if n, err := strconv.ParseInt(params["SIZE"], 10, 64); err != nil || n > limit {
			return nil, c.reply(552, "5.3.4", "message too big")
		}
	}
	return tx, ""
}

// cutArgument cuts "FROM:<path> params", the keyword in any case.
func cutArgument(args, keyword string) (path, params string, ok bool) {
	if len(args) < len(keyword) || !strings.EqualFold(args[:len(keyword)], keyword) {
		return "", "", false
	}
	return cutPath(args[len(keyword):])
}

// checkAddress returns the reply to an address that is not one.
func (c *session) checkAddress(addr string, smtputf8 bool, enhanced string) string {
	switch {
	case isMailbox(addr, smtputf8):
		return ""
	case !smtputf8 && isMailbox(addr, true):
		return c.reply(553, "5.6.7", "address needs SMTPUTF8")
	}
	return c.reply(501, enhanced, "bad address")
}

// maxSize returns the SIZE that is offered, or 0.
func (c *session) maxSize() int64 {
	params, _ := c.offers("SIZE")
	n, _ := strconv.ParseInt(params, 10, 64)
	return n
}

// limit returns a value of LIMITS, RFC 9422.
func (c *session) limit(name string) (int, bool) {
	params, _ := c.offers("LIMITS")
	for _, word := range strings.Fields(params) {
		if k, v, _ := strings.Cut(word, "="); strings.EqualFold(k, name) {
			n, err := strconv.Atoi(v)
			return n, err == nil
		}
	}
	return 0, false
}

// rcpt is RCPT.
func (c *session) rcpt(cmd command) error {
	f := c.ask(RCPT, cmd.line)
	r, problem := c.parseRcpt(cmd)
	if problem != "" {
		return c.respond(RCPT, f, answer{text: problem})
	}
	return c.respond(RCPT, f, answer{c.reply(250, "2.1.5", "recipient ok"), func() { c.tx.rcpts = append(c.tx.rcpts, r) }})
}

func (c *session) parseRcpt(cmd command) (r Rcpt, problem string) {
	if c.tx == nil || c.tx.chunks {
		return r, c.reply(503, "5.5.1", "not now")
	}
	path, rest, ok := cutArgument(cmd.args, "TO:")
	if !ok {
		return r, c.reply(501, "5.5.4", "syntax: RCPT TO:<address>")
	}
	if _, problem = c.parseParameters(rest, rcptParameters); problem != "" {
		return r, problem
	}
	problem = c.checkAddress(path, c.tx.utf8, "5.1.3")
	if problem != "" && !strings.EqualFold(path, "Postmaster") {
		return r, problem
	}
	if n, ok := c.limit("RCPTMAX"); ok && len(c.tx.rcpts) >= n {
		return r, c.reply(452, "4.5.3", "too many recipients")
	}
	return Rcpt{Address: path, Params: rest}, ""
}
