package smtp

import (
	"context"
	"errors"
	"io"

	"github.com/qdmail/qdmail/delivery"
)

// plan is one message as the conversation needs it: checked, with each mailbox
// once. It is made before anything is connected to.
type plan struct {
	env   *delivery.Envelope
	body  delivery.Body
	size  int64
	from  string       // the reverse-path without its brackets
	dsn   string       // what MAIL carries if the server knows DSN
	rcpts []*recipient // to be sent to, in the order of the envelope
	chunk []byte       // the message, once it was read to go by BDAT
	bare  bool         // MAIL goes without what can be left out; see transaction.trim

	single recipient     // backs rcpts where the envelope has one
	one    [1]*recipient // likewise
}

// recipient is one mailbox and all entries of the envelope that mean it.
type recipient struct {
	addr    string // as the envelope has it first
	path    string // the forward-path without its brackets
	raw     string // another spelling of it, not tried yet; see transaction.respell
	dsn     string // what RCPT carries if the server knows DSN
	asksDSN bool
	indexes []int  // into Envelope.Recipients
	index   [1]int // backs indexes; most mailboxes are there once
}

// newPlan checks the envelope. What is wrong with one recipient is entered into
// res and concerns nobody else; what is wrong with the message or its sender
// concerns all, and leaves no recipients.
func newPlan(env *delivery.Envelope, body delivery.Body, res *delivery.Result) *plan {
	p := &plan{env: env, body: body}
	if err := p.checkMessage(); err != nil {
		for i := range res.Recipients {
			res.Recipients[i].Err = prepareError("", err)
		}
		return p
	}
	var all []recipient
	var seen map[string]*recipient // by path.key
	n := len(env.Recipients)
	if p.rcpts = p.one[:0]; n > 1 {
		all, p.rcpts = make([]recipient, n), make([]*recipient, 0, n)
		seen = make(map[string]*recipient, n)
	}
	for i := range env.Recipients {
		r, new := &env.Recipients[i], &p.single
		if n > 1 {
			new = &all[i]
		}
		to, err := p.path(r.Address)
		if err != nil {
			res.Recipients[i].Err = prepareError(r.Address, err)
			continue
		}
		if twin := seen[to.key]; twin != nil {
			twin.indexes = append(twin.indexes, i)
			continue
		}
		dsn, err := dsnOfRcpt(r)
		if err != nil {
			res.Recipients[i].Err = prepareError(r.Address, err)
			continue
		}
		*new = recipient{
			addr: r.Address, path: to.addr, raw: to.raw,
			dsn: dsn, asksDSN: dsn != "" || p.dsn != "",
			index: [1]int{i},
		}
		new.indexes = new.index[:]
		p.rcpts = append(p.rcpts, new)
		if n > 1 {
			seen[to.key] = new
		}
	}
	return p
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
		from, err := p.path(p.env.From)
		if err != nil {
			return err
		}
		p.from = from.addr
	}
	if err := checkExtensions(p.env); err != nil {
		return err
	}
	var err error
	p.dsn, err = dsnOfMail(p.env.DSN)
	return err
}

// read returns the whole message, checked. The end of ctx ends the reading.
func (p *plan) read(ctx context.Context, body io.ReadCloser) ([]byte, error) {
	defer closeAtEnd(ctx, body)()
	return readChunk(body, p.size, p.eightBit(), nil)
}

// eightBit reports whether the message may have octets above 127.
func (p *plan) eightBit() bool { return p.env.EightBit || p.env.SMTPUTF8 }

func (p *plan) path(addr string) (path, error) {
	a, err := parsePath(addr)
	if err == nil && a.utf8 && !p.env.SMTPUTF8 {
		err = errors.New("the local part isn't ASCII and the envelope doesn't say SMTPUTF8")
	}
	return a, err
}

// needsESMTP reports whether the message can't go to a server that knows no
// extensions.
func (p *plan) needsESMTP() bool {
	env := p.env
	return p.eightBit() || env.RequireTLS || env.DeliverBy.Return || env.Hold != (delivery.Hold{})
}

func prepareError(rcpt string, err error) *delivery.Error {
	return &delivery.Error{Op: "smtp", Phase: delivery.PhasePrepare, Recipient: rcpt, Err: err}
}
