package smtp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"

	"github.com/qdmail/qdmail/delivery"
)

// mechanisms are the SASL mechanisms that can be used, the preferred first.
var mechanisms = []struct {
	name   string
	client func(username, password string) sasl.Client
}{
	{sasl.Plain, func(u, p string) sasl.Client { return sasl.NewPlainClient("", u, p) }},
	{sasl.Login, func(u, p string) sasl.Client { return &loginClient{answers: []string{u, p}} }},
}

// saslClient returns the client for a mechanism, or nil if it isn't known.
func saslClient(mechanism, username, password string) sasl.Client {
	for _, m := range mechanisms {
		if strings.EqualFold(m.name, mechanism) {
			return m.client(username, password)
		}
	}
	return nil
}

// loginClient speaks LOGIN, which answers two questions, whatever they are. The
// one of go-sasl knows a single wording, and sends the first answer unasked.
type loginClient struct{ answers []string }

func (l *loginClient) Start() (mechanism string, initial []byte, err error) {
	return sasl.Login, nil, nil
}

func (l *loginClient) Next([]byte) ([]byte, error) {
	if len(l.answers) == 0 {
		return nil, sasl.ErrUnexpectedServerChallenge
	}
	answer := l.answers[0]
	l.answers = l.answers[1:]
	return []byte(answer), nil
}

// maxRefusals is how many mechanisms a server may refuse before the credentials
// count as wrong: trying on would lock accounts.
const maxRefusals = 2

// maxChallenges is how many questions a server may ask in one exchange.
const maxChallenges = 16

// authenticate logs in, if there is somebody to log in as (RFC 4954).
func (c *Client) authenticate() *failure {
	if c.cfg.Username == "" {
		return nil
	}
	if c.tls == nil && !c.loopback && !c.cfg.InsecureAuth {
		return c.fail(delivery.PhaseAUTH, policy, nil,
			fmt.Errorf("%w: the connection isn't encrypted", delivery.ErrAuthUnavailable))
	}
	usable := c.usableMechanisms()
	if len(usable) == 0 {
		return c.fail(delivery.PhaseAUTH, policy, nil,
			fmt.Errorf("%w: the server offers %q", delivery.ErrAuthUnavailable, printable(c.ext["AUTH"])))
	}
	c.wire.hide = append(c.wire.hide, c.cfg.secrets()...)
	var refusal, inept *reply
	for refusals := 0; len(usable) > 0 && refusals < maxRefusals && !invalid(refusal); usable = usable[1:] {
		r, f := c.exchange(saslClient(usable[0], c.cfg.Username, c.cfg.Password))
		switch {
		case f != nil:
			return f
		case r.Code == 235:
			return nil
		case r.Code == 504 || r.Code == 534: // this mechanism is none for us; RFC 4954 section 6
			inept = r
		default:
			refusal = r
			refusals++
		}
	}
	if refusal != nil {
		return c.fail(delivery.PhaseAUTH, policy, refusal, delivery.ErrAuthFailed)
	}
	return c.fail(delivery.PhaseAUTH, policy, inept, delivery.ErrAuthUnavailable)
}

// invalid reports a refusal of the credentials themselves (RFC 4954 section 6):
// another mechanism would be refused too, and count against the account.
func invalid(r *reply) bool {
	return r != nil && r.Enhanced == delivery.EnhancedCode{5, 7, 8}
}

// usableMechanisms are those that are both wanted and offered, in our order.
func (c *Client) usableMechanisms() []string {
	offered := strings.Fields(strings.ToUpper(c.ext["AUTH"]))
	var usable []string
	for _, name := range c.cfg.mechanisms() {
		if slices.Contains(offered, strings.ToUpper(name)) {
			usable = append(usable, name)
		}
	}
	return usable
}

// exchange tries one mechanism to its end: success, 235, or a 5xx refusal.
// Anything else is a failure.
func (c *Client) exchange(client sasl.Client) (*reply, *failure) {
	mechanism, initial, err := client.Start()
	if err != nil {
		return nil, c.fail(delivery.PhaseAUTH, local, nil, err)
	}
	line, secret := "AUTH "+mechanism, ""
	if initial != nil {
		secret = encodeSASL(initial, "=")
	}
	if secret != "" && len(line)+1+len(secret) <= 510 { // longer ones wait for the challenge; RFC 4954 section 4
		line, initial = line+" ", nil
	} else {
		secret = ""
	}
	for range maxChallenges {
		r, err := c.askSecret(line, secret)
		ev := eventOf(r, err, 235)
		if err == nil && r.Code == 334 && len(r.lines) == 1 {
			response, err := answer(client, r.lines[0], &initial)
			if err != nil {
				return nil, c.abandonAuth(err)
			}
			line, secret = "", encodeSASL(response, "")
			continue
		}
		if ev == agreed || ev == permanent {
			return r, nil
		}
		return nil, c.fail(delivery.PhaseAUTH, ev, r, err)
	}
	return nil, c.abandonAuth(errors.New("the server doesn't stop asking"))
}

// answer gives the response to one challenge: the initial response if it is
// still to be sent, otherwise what the mechanism says.
func answer(client sasl.Client, challenge string, initial *[]byte) ([]byte, error) {
	decoded, err := base64.StdEncoding.Strict().DecodeString(challenge)
	if err != nil {
		return nil, errors.New("a challenge that isn't base64")
	}
	if response := *initial; response != nil {
		*initial = nil
		return response, nil
	}
	return client.Next(decoded) // nil counts as the empty response
}

// abandonAuth takes an exchange back that can't go on (RFC 4954 section 4).
func (c *Client) abandonAuth(why error) *failure {
	f := c.fail(delivery.PhaseAUTH, garbled, nil, fmt.Errorf("%w: %w", delivery.ErrProtocol, why))
	_, err := c.ask("*", c.cfg.Timeouts.Auth)
	if err == nil {
		f.fate = quit
	} else if ev := eventOf(nil, err, noReply); ev == cancelled {
		return c.fail(delivery.PhaseAUTH, ev, nil, err)
	}
	return f
}

// encodeSASL returns data in base64, or empty if there is none.
func encodeSASL(data []byte, empty string) string {
	if len(data) == 0 {
		return empty
	}
	return base64.StdEncoding.EncodeToString(data)
}
