package smtp

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/qdmail/qdmail/delivery"
)

// capable compares what the message demands with what the server offers. Some
// demands can be done without, and RecipientResult.Dropped tells; what can't is
// a verdict on the message.
func (t *transaction) capable() bool {
	c := t.c
	if lacks := c.lacks(t.p); lacks != nil {
		return t.stop(c.fail(delivery.PhaseMAIL, incapable, nil, lacks))
	}
	if t.p.env.MTPriority != 0 && !c.offers("MT-PRIORITY") {
		t.drop("MT-PRIORITY", t.open...)
	}
	if t.p.env.DeliverBy.Within != 0 && !c.offers("DELIVERBY") {
		t.drop("DELIVERBY", t.open...)
	}
	if t.usesDSN() {
		return true
	}
	if !slices.ContainsFunc(t.open, func(r *recipient) bool { return r.asksDSN }) {
		return true
	}
	open := t.open
	t.open = nil
	for _, r := range open {
		if r.asksDSN && c.cfg.RequireDSN {
			settle(t.res, c.fail(delivery.PhaseRCPT, incapable, nil, delivery.ErrDSNRequired), r)
			continue
		}
		if r.asksDSN {
			t.drop("DSN", r)
		}
		t.open = append(t.open, r)
	}
	return len(t.open) > 0
}

// lacks returns what the server can't do and the message can't do without.
func (c *Client) lacks(p *plan) error {
	env := p.env
	switch limit := sizeLimit(c.ext["SIZE"]); {
	case env.SMTPUTF8 && !c.offers("SMTPUTF8"):
		return delivery.ErrSMTPUTF8Required
	case env.EightBit && !c.offers("8BITMIME"):
		return delivery.Err8BITMIMERequired
	case limit > 0 && p.size > limit:
		return fmt.Errorf("%w: %d octets, limit %d", delivery.ErrTooLarge, p.size, limit)
	case env.RequireTLS && !(c.offers("REQUIRETLS") && c.tls != nil && c.mode.required()):
		return delivery.ErrREQUIRETLSRequired
	case env.DeliverBy.Return && !c.offers("DELIVERBY"):
		return delivery.ErrDELIVERBYRequired
	case env.Hold != (delivery.Hold{}):
		return c.lacksHold(env.Hold)
	}
	return nil
}

// lacksHold compares a wish with the two limits of FUTURERELEASE (RFC 4865
// section 4): how long, and until when.
func (c *Client) lacksHold(h delivery.Hold) error {
	params, ok := c.ext["FUTURERELEASE"]
	if !ok {
		return delivery.ErrFUTURERELEASERequired
	}
	longest, latest, _ := strings.Cut(params, " ")
	seconds, err := strconv.ParseInt(longest, 10, 64)
	if err == nil && h.For > time.Duration(min(seconds, 1<<33))*time.Second {
		return fmt.Errorf("%w for so long: at most %d s", delivery.ErrFUTURERELEASERequired, seconds)
	}
	until, err := time.Parse(time.RFC3339, latest)
	if err == nil && h.Until.After(until) {
		return fmt.Errorf("%w for so long: at most until %v", delivery.ErrFUTURERELEASERequired, until)
	}
	return nil
}

// sizeLimit reads the parameter of SIZE (RFC 1870 section 4); zero is no limit.
func sizeLimit(params string) int64 {
	if params == "" {
		return 0
	}
	n, err := strconv.ParseInt(params, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func (c *Client) offers(extension string) bool {
	_, ok := c.ext[extension]
	return ok
}

// drop notes that a wish isn't passed on.
func (t *transaction) drop(extension string, rcpts ...*recipient) {
	for _, i := range indexes(rcpts) {
		entry := &t.res.Recipients[i]
		if n := len(entry.Dropped); n == 0 || entry.Dropped[n-1] != extension {
			entry.Dropped = append(entry.Dropped, extension)
		}
	}
}

func (t *transaction) usesDSN() bool { return t.c.offers("DSN") && !t.p.bare }

// appendParams adds the parameters of MAIL, each with a space before it.
func (t *transaction) appendParams(line []byte) []byte {
	c, env := t.c, t.p.env
	if c.offers("SIZE") && !t.p.bare {
		line = strconv.AppendInt(append(line, " SIZE="...), t.p.size, 10)
	}
	if env.EightBit {
		line = append(line, " BODY=8BITMIME"...)
	}
	if env.SMTPUTF8 {
		line = append(line, " SMTPUTF8"...)
	}
	if env.RequireTLS {
		line = append(line, " REQUIRETLS"...)
	}
	if t.usesDSN() {
		line = append(line, t.p.dsn...)
	}
	if by := env.DeliverBy; by.Within != 0 && c.offers("DELIVERBY") {
		line = strconv.AppendInt(append(line, " BY="...), int64(by.Within/time.Second), 10)
		line = append(append(line, ';'), by.Mode()...)
	}
	if env.MTPriority != 0 && c.offers("MT-PRIORITY") && !t.p.bare {
		line = strconv.AppendInt(append(line, " MT-PRIORITY="...), int64(env.MTPriority), 10)
	}
	switch {
	case env.Hold.For != 0:
		line = strconv.AppendInt(append(line, " HOLDFOR="...), int64(env.Hold.For/time.Second), 10)
	case !env.Hold.Until.IsZero():
		line = env.Hold.Until.UTC().AppendFormat(append(line, " HOLDUNTIL="...), time.RFC3339)
	}
	return line
}

// trim prepares another try if the server refused MAIL for the sake of its
// parameters (RFC 5321 section 4.2.2) and some of them can be left out.
func (t *transaction) trim(refused *failure) bool {
	p := t.p
	r := refused.err.Reply
	if r == nil || r.Code != 501 && r.Code != 555 || p.bare || len(t.odd) > 0 {
		return false
	}
	if p.dsn != "" && t.c.cfg.RequireDSN {
		return false
	}
	before := t.appendParams(nil)
	p.bare = true
	p.bare = !bytes.Equal(t.appendParams(nil), before)
	return p.bare
}

// checkExtensions refuses wishes that can't be put into words.
func checkExtensions(env *delivery.Envelope) error {
	const longest = 999999999 * time.Second
	by, hold := env.DeliverBy, env.Hold
	switch {
	case by.Within%time.Second != 0 || by.Within > longest || by.Within < -longest:
		return errors.New("the time of DeliverBy must be whole seconds of at most nine digits")
	case by.Return && by.Within <= 0:
		return errors.New("the return of DeliverBy needs a time to come")
	case by.Trace && by.Within == 0:
		return errors.New("the trace of DeliverBy needs a time")
	case env.MTPriority < -9 || env.MTPriority > 9:
		return errors.New("the MT-PRIORITY must be from -9 to 9")
	case hold.For != 0 && !hold.Until.IsZero():
		return errors.New("a Hold has either For or Until")
	case hold.For%time.Second != 0 || hold.For > longest || hold.For < 0:
		return errors.New("the time of a Hold must be whole seconds of at most nine digits")
	case !hold.Until.IsZero() && (hold.Until.UTC().Year() > 9999 || hold.Until.UTC().Year() < 1):
		return errors.New("the date of a Hold must have a year of four digits")
	}
	return nil
}
