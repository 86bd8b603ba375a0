package smtp

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/emersion/go-sasl"

	"github.com/qdmail/qdmail/delivery"
)

// maxChallenges is how many questions a server may ask in one exchange.
const maxChallenges = 16

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
		c.hideResponse(secret)
		r, err := c.askSecret(line, secret)
		ev := eventOf(r, err, 235)
		switch {
		case err == nil && r.Code == 334 && len(r.lines) == 1:
			response, err := answer(client, r.lines[0], &initial)
			if err != nil {
				return nil, c.abandonAuth(err)
			}
			line, secret = "", encodeSASL(response, "")
			continue
		case ev == agreed && !proven(client, initial):
			return nil, c.fail(delivery.PhaseAUTH, garbled, r, protocolError("success before the end of %s", mechanism))
		case ev == agreed || ev == permanent:
			return r, nil
		}
		return nil, c.fail(delivery.PhaseAUTH, ev, r, err)
	}
	return nil, c.abandonAuth(errors.New("the server doesn't stop asking"))
}

// proven reports whether a server may claim success now: the mechanism has said
// everything, and heard everything that proves who the server is.
func proven(client sasl.Client, initial []byte) bool {
	p, ok := client.(prover)
	return initial == nil && (!ok || p.proven())
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

// hide keeps secrets out of all that is reported of the server's replies.
func (c *Client) hide(secrets ...string) {
	for _, s := range secrets {
		if s != "" {
			c.wire.hide = append(c.wire.hide, s)
		}
	}
}

// hideResponse is hide for a response as it goes over the wire. The shortest are
// no secrets: "=", and the answer to an error of OAuth.
func (c *Client) hideResponse(secret string) {
	if len(secret) > len("AQ==") {
		c.hide(secret)
	}
}
