package testsmtp

import (
	"fmt"
	"strconv"
	"strings"
)

// dataCommand is DATA with all that follows it.
func (c *session) dataCommand(cmd command) error {
	f := c.ask(DATA, cmd.line)
	a, begins := answer{}, false
	switch {
	case cmd.args != "":
		a.text = c.reply(501, "5.5.4", "no argument allowed")
	case c.tx == nil || c.tx.chunks || c.tx.binary:
		a.text = c.reply(503, "5.5.1", "not now")
	case len(c.tx.rcpts) == 0:
		a.text = c.reply(554, "5.5.1", "no valid recipients")
	default:
		a = answer{"354 end with a dot", func() { begins = true }}
	}
	if err := c.respond(DATA, f, a); err != nil {
		return err
	}
	if f != nil && f.Raw == "" && strings.HasPrefix(f.Reply, "354") {
		begins = true // it said so, whatever it should have said
	}
	if !begins {
		return nil
	}
	in := c.newIntake(c.ask(Body, ""))
	c.wire.idle = c.r.Buffered() == 0
	err := in.readDotted()
	in.log()
	if err != nil {
		return err
	}
	c.log("C: .")
	if in.answered {
		c.tx = nil
		return nil
	}
	return c.endOfData(End, c.ask(End, "."))
}

// endOfData is the reply to the whole content.
func (c *session) endOfData(p Phase, f *Fault) error {
	tx := c.tx
	c.tx = nil
	if tx != nil {
		tx.lint.end()
	}
	a := answer{}
	switch limit := c.maxSize(); {
	case tx == nil || len(tx.rcpts) == 0:
		a.text = c.reply(554, "5.5.1", "no valid recipients")
	case limit > 0 && tx.size > limit:
		a.text = c.reply(552, "5.3.4", "message too big")
	default:
		a.text = c.reply(250, "2.0.0", fmt.Sprintf("ok, %d octets", tx.size))
		a.commit = func() {
			c.mails++
			c.srv.keep(Message{
				Conn: c.number, From: tx.from, FromParams: tx.params, Recipients: tx.rcpts,
				Data: tx.data, Size: tx.size, TLS: c.secure, User: c.user,
			})
		}
	}
	return c.respond(p, f, a)
}

// bdat is BDAT with its chunk, RFC 3030.
func (c *session) bdat(cmd command) error {
	if _, ok := c.offers("CHUNKING"); !ok || !c.esmtp {
		return c.respond(BDAT, c.ask(BDAT, cmd.line), answer{text: c.reply(502, "5.5.1", "not implemented")})
	}
	size, last, ok := parseChunk(cmd.args)
	if !ok {
		return c.respond(BDAT, c.ask(BDAT, cmd.line), answer{text: c.reply(501, "5.5.4", "syntax: BDAT size [LAST]")})
	}
	usable := c.tx != nil && len(c.tx.rcpts) > 0 && !c.tx.failed
	in := c.newIntake(c.ask(Body, cmd.line))
	in.drop = in.drop || !usable
	err := in.readCounted(size)
	in.log()
	if err != nil {
		return err
	}
	if in.answered {
		c.failChunk()
		return nil
	}
	f := c.ask(BDAT, cmd.line)
	if f == nil && last {
		f = c.ask(End, cmd.line)
	}
	switch {
	case c.tx == nil:
		return c.respond(BDAT, f, answer{text: c.reply(503, "5.5.1", "MAIL first")})
	case !usable:
		c.failChunk()
		return c.respond(BDAT, f, answer{text: c.reply(503, "5.5.1", "no valid recipients, or a chunk was refused")})
	case last:
		return c.endOfData(BDAT, f)
	}
	c.failChunk()
	return c.respond(BDAT, f, answer{c.reply(250, "2.0.0", fmt.Sprintf("%d octets", size)), func() { c.tx.failed = false }})
}

// failChunk makes all further chunks of this transaction be refused.
func (c *session) failChunk() {
	if c.tx != nil {
		c.tx.chunks, c.tx.failed = true, true
	}
}

func parseChunk(args string) (size int64, last, ok bool) {
	number, word, more := strings.Cut(args, " ")
	size, err := strconv.ParseInt(number, 10, 64)
	return size, more, err == nil && isDigits(number) && (!more || strings.EqualFold(word, "LAST"))
}
