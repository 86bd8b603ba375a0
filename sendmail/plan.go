package sendmail

import (
	"errors"
	"fmt"

	"github.com/qdmail/qdmail/delivery"
)

// maxArguments bounds what the recipients of one process may add to its argument
// list, in octets, whatever MaxRecipients says. Every system allows that much.
const maxArguments = 16 << 10

// plan is one message, checked, with each mailbox once. It is made before any
// process is started.
type plan struct {
	env     *delivery.Envelope
	body    delivery.Body
	size    int64
	from    string // the reverse-path; empty is the null one
	program Program
	groups  []*group // in the order of the first recipient of each
}

// group are the recipients of one process.
type group struct {
	notify  delivery.Notify // if the program can be told
	rcpts   []*recipient
	octets  int // of their addresses
	indexes []int
}

// recipient is one mailbox and all entries of the envelope that mean it.
type recipient struct {
	name    string // as the envelope has it first
	addr    string // as the program gets it
	group   *group
	indexes []int // into Envelope.Recipients
}

// newPlan checks the envelope. What is wrong with one recipient is entered into
// res and concerns nobody else; what is wrong with the message or its sender
// concerns all, and leaves no groups.
func (t *Transport) newPlan(program Program, env *delivery.Envelope, body delivery.Body, res *delivery.Result) *plan {
	p := &plan{env: env, body: body, program: program}
	if err := p.checkMessage(); err != nil {
		for i := range res.Recipients {
			res.Recipients[i].Err = prepareError("", err)
		}
		return p
	}
	if err := p.lacks(); err != nil {
		for i := range res.Recipients {
			res.Recipients[i].Outcome, res.Recipients[i].Err = delivery.Rejected, prepareError("", err)
		}
		return p
	}
	limit := t.maxRecipients(program)
	seen := make(map[string]*recipient, len(env.Recipients))
	open := make(map[delivery.Notify]*group) // those that aren't full
	for i := range env.Recipients {
		r := &env.Recipients[i]
		to, err := p.checkRecipient(r)
		if err != nil {
			res.Recipients[i].Err = prepareError(r.Address, err)
			continue
		}
		untold := p.untold(r)
		if len(untold) > 0 && t.RequireDSN {
			res.Recipients[i].Outcome = delivery.Rejected
			res.Recipients[i].Err = prepareError(r.Address, fmt.Errorf("%w: %v has no option for %q", delivery.ErrDSNRequired, program, untold))
			continue
		}
		res.Recipients[i].Dropped = append(untold, p.dropped()...)
		if twin := seen[to.key]; twin != nil {
			twin.indexes = append(twin.indexes, i)
			twin.group.indexes = append(twin.group.indexes, i)
			continue
		}
		rcpt := &recipient{name: r.Address, addr: to.addr, indexes: []int{i}}
		seen[to.key] = rcpt
		p.add(open, rcpt, r.Notify, limit)
	}
	return p
}

// add puts a recipient into a group with the same wishes that has room.
func (p *plan) add(open map[delivery.Notify]*group, r *recipient, wish delivery.Notify, limit int) {
	if !p.program.options().notify {
		wish = 0
	}
	g := open[wish]
	if g == nil || len(g.rcpts) >= limit || g.octets+len(r.addr) > maxArguments {
		g = &group{notify: wish}
		open[wish] = g
		p.groups = append(p.groups, g)
	}
	r.group = g
	g.rcpts = append(g.rcpts, r)
	g.octets += len(r.addr) + 1
	g.indexes = append(g.indexes, r.indexes...)
}

// checkMessage fills in what all recipients share.
func (p *plan) checkMessage() error {
	if p.body == nil {
		return errors.New("there is no body")
	}
	if p.size = p.body.Size(); p.size < 0 {
		return errors.New("the size of the body is negative")
	}
	if p.env.From != "" {
		from, err := p.address(p.env.From)
		if err != nil {
			return err
		}
		p.from = from.addr
	}
	switch p.env.DSN.RET {
	case "", delivery.RETFull, delivery.RETHeaders:
	default:
		return fmt.Errorf("RET is FULL or HDRS, not %q", cut(string(p.env.DSN.RET), 20))
	}
	_, err := encodeENVID(p.env.DSN.ENVID)
	return err
}

func (p *plan) address(s string) (address, error) {
	a, err := parseAddress(s)
	if err == nil && a.utf8 && !p.env.SMTPUTF8 {
		err = errors.New("the local part isn't ASCII and the envelope doesn't say SMTPUTF8")
	}
	return a, err
}

func (p *plan) checkRecipient(r *delivery.Recipient) (address, error) {
	to, err := p.address(r.Address)
	switch {
	case err != nil:
	case to.quoted && p.program == ProgramMsmtp: // QUIRK: msmtp 1.8 sends to <@example.jp> then
		err = ErrQuoted
	case !r.Notify.Valid():
		err = fmt.Errorf("no such NOTIFY value: %#x", uint8(r.Notify))
	}
	return to, err
}

// lacks says why no program can take the message: there is no option for what it
// demands of the servers on its way.
func (p *plan) lacks() error {
	switch env := p.env; {
	case env.RequireTLS:
		return delivery.ErrREQUIRETLSRequired
	case env.DeliverBy.Return:
		return delivery.ErrDELIVERBYRequired
	case env.Hold != (delivery.Hold{}):
		return delivery.ErrFUTURERELEASERequired
	}
	return nil
}

// dropped names the wishes of the message that it can be sent without, and that
// there is no option for.
func (p *plan) dropped() (list []string) {
	if p.env.DeliverBy.Within != 0 {
		list = append(list, "DELIVERBY")
	}
	if p.env.MTPriority != 0 {
		list = append(list, "MT-PRIORITY")
	}
	return list
}

// untold names what is asked for the recipient (RFC 3461) and can't be told the
// program: "DSN" if it can't be told anything, otherwise the parameter.
func (p *plan) untold(r *delivery.Recipient) []string {
	known, asked := p.program.options(), p.env.DSN
	if known == (options{}) {
		if r.Notify != 0 || r.ORCPT != "" || asked.RET != "" || asked.ENVID != "" {
			return []string{"DSN"}
		}
		return nil
	}
	var list []string
	if asked.ENVID != "" && !known.envid {
		list = append(list, "ENVID")
	}
	if r.ORCPT != "" { // no program has an option for it
		list = append(list, "ORCPT")
	}
	return list
}

// command is what the process for g is told.
func (p *plan) command(path string, args []string, g *group) *command {
	c := &command{
		path: path, program: p.program, args: args,
		from: p.from, notify: g.notify, ret: p.env.DSN.RET, envid: p.env.DSN.ENVID,
	}
	for _, r := range g.rcpts {
		c.to = append(c.to, r.addr)
	}
	return c
}

func prepareError(rcpt string, err error) *delivery.Error {
	return &delivery.Error{Op: "sendmail", Phase: delivery.PhasePrepare, Recipient: rcpt, Err: err}
}
