package smtp

import (
	"github.com/qdmail/qdmail/delivery"
)

// judgeAll reads the replies that are owed and judges each. It reports whether
// there is somebody to send the message to, or who has it already.
func (t *transaction) judgeAll() bool {
	c := t.c
	for len(t.owed) > 0 {
		s := t.owed[0]
		t.owed = t.owed[1:]
		r, err := c.wire.readInto(&t.reply, t.timeout(s))
		if err != nil && t.broken != nil && !isAlert(err) && eventOf(nil, err, noReply) != cancelled {
			err = t.broken // the first failure tells more
		}
		if !t.judge(s, r, err) {
			return false
		}
	}
	if err := c.wire.join(c.cfg.Timeouts.Mail); err != nil {
		if t.done {
			c.meet(abort)
			return true
		}
		return t.stop(c.fail(delivery.PhaseRCPT, eventOf(nil, err, noReply), nil, err))
	}
	switch {
	case t.done:
	case t.refused != nil: // and nothing came after RCPT that would have said so
		return t.stop(t.refused)
	case len(t.taken) == 0:
		c.meet(reset)
		return false
	}
	return true
}

// judge takes one reply. It returns false if that ends the transaction.
func (t *transaction) judge(s step, r *reply, err error) bool {
	if err == nil && r.Code != 421 && s.phase != delivery.PhaseRSET {
		t.heard = true
	}
	switch s.phase {
	case delivery.PhaseRSET:
		return t.onReset(r, err)
	case delivery.PhaseMAIL:
		return t.onMail(r, err)
	case delivery.PhaseRCPT:
		return t.onRcpt(s.rcpt, r, err)
	case delivery.PhaseDATA:
		return t.onData(r, err)
	}
	return t.onEnd(r, err)
}

// fail is Client.fail for a reply that doesn't agree. Once the message may be
// out, only a reply says that it isn't delivered, whatever command it is about.
func (t *transaction) fail(phase delivery.Phase, ev event, r *reply, err error) *failure {
	f := t.c.fail(phase, ev, r, err)
	if t.ended && ev != temporary && ev != closing && ev != permanent {
		f.verdict = decide(delivery.PhaseEnd, ev)
	}
	return f
}

func (t *transaction) onReset(r *reply, err error) bool {
	ev := eventOf(r, err, 2)
	if ev == agreed || ev.refusal() && len(t.owed) > 0 { // then the reply to MAIL tells
		return true
	}
	return t.stop(t.fail(delivery.PhaseRSET, ev, r, err))
}

func (t *transaction) onMail(r *reply, err error) bool {
	ev := eventOf(r, err, 2)
	if ev == agreed {
		return true
	}
	f := t.fail(delivery.PhaseMAIL, ev, r, err)
	if ev.refusal() {
		t.refused = f
		if len(t.owed) > 0 {
			return true
		}
	}
	return t.stop(f)
}

// onRcpt takes the reply for one recipient; they come in order. One that is
// refused doesn't stop the others.
func (t *transaction) onRcpt(rcpt *recipient, r *reply, err error) bool {
	ev := eventOf(r, err, 2)
	if t.refused != nil {
		switch {
		case ev == agreed:
			t.odd = append(t.odd, rcpt)
		case !ev.refusal():
			return t.stop(t.fail(delivery.PhaseRCPT, ev, r, err))
		}
		return true
	}
	if ev == agreed {
		t.open, t.taken = t.open[1:], append(t.taken, rcpt)
		return true
	}
	f := t.fail(delivery.PhaseRCPT, ev, r, err)
	if !f.one {
		return t.stop(f)
	}
	if t.respell(rcpt, r) {
		t.spelled = append(t.spelled, rcpt)
	} else if tooMany(r) && len(t.taken) > 0 {
		t.again = append(t.again, rcpt)
		t.c.limits.learn(r, len(t.taken))
	}
	t.open = t.open[1:]
	settle(t.res, f, rcpt)
	return true
}

// respell prepares another try for a recipient whose local part had to be quoted,
// if the server refused it as wrong in syntax. QUIRK: Japanese carriers gave out
// addresses such as a..b@docomo.ne.jp; RFC 5321 section 4.1.2 wants them quoted,
// and some servers want them as they were given out.
func (t *transaction) respell(rcpt *recipient, r *reply) bool {
	syntax := r.Code == 501 || r.Code == 553 || r.Enhanced == delivery.EnhancedCode{5, 1, 3}
	if !syntax || rcpt.raw == "" {
		return false
	}
	rcpt.path, rcpt.raw = rcpt.raw, ""
	return true
}

// onData takes the reply to DATA, or to the chunk that goes ahead.
func (t *transaction) onData(r *reply, err error) bool {
	want := 354
	if t.first > 0 {
		want = 2
	}
	ev := eventOf(r, err, want)
	if t.first > 0 && ev == agreed {
		t.c.knowsBDAT = true
	}
	if t.first > 0 && err == nil {
		switch usable := t.refused == nil && len(t.taken) > 0; {
		case usable && (r.Code == 501 || r.Code == 503 || t.c.isInept(r)):
			return t.turnToData()
		case t.c.isInept(r):
			t.c.meet(abort) // the server still has the octet
		}
	}
	switch {
	case t.refused != nil && ev == agreed:
		// The server wants a message that it has no sender for. Whatever was
		// sent now could end up as somebody's mail.
		return t.stop(t.c.fail(delivery.PhaseDATA, garbled, r, nil))
	case t.refused != nil:
		if ev.refusal() {
			return t.stop(t.refused)
		}
	case len(t.taken) == 0 && ev == agreed && t.first == 0:
		return t.loneDot()
	case len(t.taken) == 0 && ev.refusal():
		return true
	case ev == agreed:
		return true
	}
	return t.stop(t.c.fail(delivery.PhaseDATA, ev, r, err))
}

// loneDot ends a DATA that went out before it was known that nobody takes the
// message (RFC 2920 section 3.1). It returns false.
func (t *transaction) loneDot() bool {
	c, d := t.c, t.c.cfg.Timeouts.DataEnd
	c.wire.add([]byte(endOfData))
	err := c.wire.flush(d)
	var r *reply
	if err == nil {
		r, err = c.wire.read(d)
	}
	if err != nil || r.Code == 421 {
		c.meet(abort)
	}
	return false
}

// isInept reports whether the reply to BDAT says that the server doesn't know it.
// Then nothing more can be said on this connection, and nothing is sent that way
// to this server any more.
func (c *Client) isInept(r *reply) bool {
	inept := r.Code == 500 || r.Code == 502 || r.Code == 504
	if inept {
		c.cfg.noChunking.Store(true)
	}
	return inept
}

// onEnd takes the verdict on the message. It returns false unless that is
// positive.
func (t *transaction) onEnd(r *reply, err error) bool {
	c := t.c
	broken := err != nil
	r, err = finalReply(r, err)
	ev := eventOf(r, err, 2)
	if ev == agreed && t.refused == nil && len(t.taken) > 0 {
		t.accept(r)
		if broken {
			c.meet(abort)
		}
		return true
	}
	f := t.fail(delivery.PhaseEnd, ev, r, err)
	inept := t.chunk != nil && !broken && c.isInept(r)
	if broken || inept {
		f.fate = abort
	}
	switch {
	case ev == agreed && len(t.odd) > 0: // it refused the sender and took the rest
		c.meet(abort)
		t.stop(t.refused)
		settle(t.res, t.fail(delivery.PhaseEnd, garbled, r, nil), t.odd...)
		return false
	case t.refused != nil:
		refused := *t.refused
		refused.fate = max(refused.fate, f.fate)
		return t.stop(&refused)
	case len(t.taken) == 0: // all have been refused, so this is no news
		c.meet(f.fate)
		return false
	case inept && t.retry:
		t.inept = true
		c.meet(abort)
		return false
	}
	return t.stop(f)
}
