package smtp

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/ctxerr"
)

// TokenSource gives the access token of OAuth 2.0 to log in with. It is asked at
// each authentication, so it should keep the token for as long as that is good.
// If the server refuses it, the source is asked once more; refused is that
// token then, otherwise empty. One that gives the same token again says that it
// has no other.
//
// It must obey ctx, and it may be called from many goroutines at once. Its error
// is reported, so it must not quote a token.
type TokenSource func(ctx context.Context, refused string) (token string, err error)

// TokenError says that there is no access token to log in with: nothing was
// sent, and the server isn't at fault.
type TokenError struct {
	// Err is what the TokenSource said.
	Err error
}

// Error returns the reason.
func (e *TokenError) Error() string { return "no access token: " + e.Err.Error() }

// Unwrap returns the reason, and delivery.ErrAuthUnavailable.
func (e *TokenError) Unwrap() []error { return []error{e.Err, delivery.ErrAuthUnavailable} }

// Temporary reports whether there may be a token later: if the source's error
// says so by a method of this name, if it comes from the network, or if it
// doesn't say.
func (e *TokenError) Temporary() bool {
	if _, ok := errors.AsType[net.Error](e.Err); ok {
		return true // whose own Temporary is about listening sockets
	}
	if t, ok := errors.AsType[interface {
		error
		Temporary() bool
	}](e.Err); ok {
		return t.Temporary()
	}
	return true
}

// token asks the source for a token, which is secret from then on. The error is
// that of the context, or a *TokenError.
func (c *Client) token(refused string) (string, error) {
	parent := c.wire.bound.ctx
	ctx, cancel := context.WithTimeout(parent, c.cfg.Timeouts.Auth)
	defer cancel()
	token, err := c.cfg.TokenSource(ctx, refused)
	if parent.Err() != nil {
		return "", ctxerr.Of(parent)
	}
	if err == nil {
		err = checkToken(token)
	}
	if err != nil {
		return "", &TokenError{ctxerr.Detach(err)}
	}
	c.hide(token)
	return token, nil
}

// tokenFailure is the failure that there is no token, after the server refused
// another one, if it did.
func (c *Client) tokenFailure(refusal *reply, err error) *failure {
	if eventOf(nil, err, noReply) == cancelled {
		return c.fail(delivery.PhaseAUTH, cancelled, nil, err)
	}
	if refusal != nil {
		err = fmt.Errorf("%w: %w", delivery.ErrAuthFailed, err)
	}
	return c.fail(delivery.PhaseAUTH, policy, refusal, err)
}

// checkToken refuses what would end a token before its end (RFC 7628 section
// 3.1), without quoting it.
func checkToken(token string) error {
	if token == "" {
		return errors.New("the token is empty")
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' {
			return errors.New("the token has a character that none may have")
		}
	}
	return nil
}
