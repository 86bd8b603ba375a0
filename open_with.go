package qdmail

import (
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/qdmail/qdmail/message"
)

// Options teach OpenWith what the root package doesn't link by itself.
type Options struct {
	// Schemes are further URL schemes. Default: none.
	Schemes []Scheme
	// Keys are further query keys, such as those of smime.Keys and dkim.Keys.
	// Default: none.
	Keys []Keys
}

// Keys are query keys that any URL may have, whatever its scheme.
type Keys struct {
	// Names are the keys in lower case.
	Names []string
	// Take is called with those of them that the URL has, each once, and returns
	// a message.Signer or a message.HeaderSigner for the Encoder of the Mailer,
	// or nil. Its error is shown to the user, so it must not quote a secret.
	Take func(url.Values) (any, error)
}

// OpenWith is Open with more schemes and keys:
//
//	mailer, err := qdmail.OpenWith(url, qdmail.Options{
//		Keys: []qdmail.Keys{smime.Keys(), dkim.Keys()},
//	})
func OpenWith(rawURL string, opt Options) (*Mailer, error) {
	m, err := openMailer(rawURL, opt)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	return m, nil
}

func openMailer(rawURL string, opt Options) (*Mailer, error) {
	m := new(Mailer)
	t, err := openTransport(rawURL, opt.Schemes, func(u *url.URL) error { return m.take(u, opt.Keys) })
	if err != nil {
		return nil, err
	}
	m.Transport = t
	return m, nil
}

// take takes the keys out of the URL and gives the Mailer what they stand for.
func (m *Mailer) take(u *url.URL, keys []Keys) error {
	if len(keys) == 0 {
		return nil
	}
	q := newQuery(u)
	for _, k := range keys {
		mine := url.Values{}
		for name := range q.values {
			if slices.Contains(k.Names, name) {
				value, _ := q.take(name)
				mine.Set(name, value)
			}
		}
		if q.err != nil {
			return q.err
		}
		made, err := k.Take(mine)
		if err != nil {
			return err
		}
		if err := m.use(made); err != nil {
			return err
		}
	}
	u.RawQuery = q.values.Encode()
	return nil
}

func (m *Mailer) use(made any) error {
	switch made := made.(type) {
	case nil:
	case message.Signer:
		m.Encoder.Signer = made
	case message.HeaderSigner:
		m.Encoder.HeaderSigner = made
	default:
		return errors.New("there are keys that make nothing that a Mailer could use")
	}
	return nil
}
