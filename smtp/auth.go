package smtp

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/show"
)

// maxRefusals is how many times a server may refuse us before the credentials
// count as wrong: trying on would lock accounts.
const maxRefusals = 2

// authenticate logs in, if there is somebody to log in as (RFC 4954).
func (c *Client) authenticate() *failure {
	if !c.cfg.authenticates() {
		return nil
	}
	if c.tls == nil && !c.loopback && !c.cfg.InsecureAuth {
		return c.fail(delivery.PhaseAUTH, policy, nil,
			fmt.Errorf("%w: the connection isn't encrypted", delivery.ErrAuthUnavailable))
	}
	a := &attempt{
		Client:  c,
		login:   login{cfg: &c.cfg, secret: c.cfg.Password, binding: bindingOf(c.tls)},
		offered: strings.Fields(strings.ToUpper(c.ext["AUTH"])),
	}
	usable, err := a.usable()
	if err != nil {
		return c.fail(delivery.PhaseAUTH, policy, nil, err)
	}
	c.hide(c.cfg.secrets()...)
	for len(usable) > 0 && a.refusals < maxRefusals && !invalid(a.refusal) {
		if done, f := a.try(usable[0]); done || f != nil {
			return f
		}
		usable = usable[1:]
	}
	if a.refusal != nil {
		return c.fail(delivery.PhaseAUTH, policy, a.refusal, delivery.ErrAuthFailed)
	}
	return c.fail(delivery.PhaseAUTH, policy, a.inept, delivery.ErrAuthUnavailable)
}

// invalid reports a refusal of the credentials themselves (RFC 4954 section 6):
// another mechanism would be refused too, and count against the account.
func invalid(r *reply) bool {
	return r != nil && r.Enhanced == delivery.EnhancedCode{5, 7, 8}
}

// attempt is all that is done on one connection to log in.
type attempt struct {
	*Client
	login    login
	offered  []string // the server's mechanisms, in capitals
	refusals int
	refusal  *reply // the last one, of the credentials
	inept    *reply // the last one, of a mechanism
	renewed  bool   // secret is the second token
}

func (a *attempt) offers(name string) bool { return slices.Contains(a.offered, name) }

// usable are the mechanisms that are wanted, offered and possible, in our order.
// If there is none, the error says why.
func (a *attempt) usable() (usable []*mechanism, err error) {
	why := delivery.ErrAuthUnavailable
	for _, m := range a.cfg.wanted() {
		if !a.offers(m.name) {
			continue
		}
		if err := a.lacks(m); err != nil {
			why = fmt.Errorf("%w: %w", delivery.ErrAuthUnavailable, err)
			continue
		}
		usable = append(usable, m)
	}
	if len(usable) == 0 {
		return nil, fmt.Errorf("%w: the server offers %q", why, show.Cut(show.Text(a.ext["AUTH"]), 200))
	}
	return usable, nil
}

// lacks says what a mechanism needs that we or this connection don't have, or nil.
func (a *attempt) lacks(m *mechanism) error {
	switch {
	case strings.HasSuffix(m.name, plus) && a.login.binding == nil:
		return errors.New(m.name + " needs a TLS session with channel binding")
	case m.needs == needsCertificate && a.tls == nil:
		return errors.New(m.name + " needs TLS")
	}
	return a.cfg.lacks(m)
}

// try tries a mechanism. If it isn't done, and there is no failure, the server
// has refused it.
func (a *attempt) try(m *mechanism) (done bool, f *failure) {
	byToken := m.takesToken() && a.cfg.TokenSource != nil
	if byToken && a.login.secret == "" {
		token, err := a.token("")
		if err != nil {
			return false, a.tokenFailure(nil, err)
		}
		a.login.secret = token
	}
	a.login.bare = !a.offers(m.name + plus)
	r, f := a.exchange(m.client(&a.login))
	switch {
	case f != nil:
		return false, a.explain(f)
	case r.Code == 235:
		return true, nil
	case r.Code == 504 || r.Code == 534: // this mechanism is none for us; RFC 4954 section 6
		a.inept = r
		return false, nil
	}
	a.refusal = r
	a.refusals++
	if r.Code != 535 || !byToken || a.renewed {
		return false, nil
	}
	token, err := a.token(a.login.secret)
	if err != nil {
		return false, a.tokenFailure(r, err)
	}
	if token == a.login.secret {
		return false, nil
	}
	a.login.secret, a.renewed = token, true
	return a.try(m)
}

// explain adds to a failure that a token was refused before: that may be why the
// server hung up.
func (a *attempt) explain(f *failure) *failure {
	const text = "with a second token, after the first was refused"
	switch {
	case !a.renewed:
	case f.err.Err == nil:
		f.err.Err = errors.New(text)
	default:
		f.err.Err = fmt.Errorf("%s: %w", text, f.err.Err)
	}
	return f
}
