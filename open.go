package qdmail

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/qdmail/qdmail/delivery"
)

// Scheme teaches Open a URL scheme. Rooms that the root package doesn't import
// bring their own, and so can any program.
type Scheme struct {
	// Name is the scheme in lower case, such as "memory".
	Name string
	// Open makes the transport. Its error is shown to the user, so it must not
	// quote the URL, which may have a password.
	Open func(u *url.URL) (delivery.Transport, error)
}

// builtin are the schemes that need no registration.
var builtin = []Scheme{
	{"smtp", openSMTP},
	{"smtps", openSMTP},
	{"sendmail", openSendmail},
}

// ErrURL is in every error of Open.
var ErrURL = errors.New("qdmail: invalid mail URL")

// Open makes a Mailer from a URL, as it stands in a configuration or an
// environment variable:
//
//	smtp://user:password@mail.example.jp            port 587, STARTTLS required
//	smtps://user:password@mail.example.jp           port 465, TLS from the first octet
//	smtp://localhost:25                             no TLS needed on loopback
//	smtp://mail.example.jp:587?ca=/etc/ssl/own.pem  a certificate authority of one's own
//
// User and password are percent-encoded where they have one of the characters
// "%:/?#[]@". The query keys are, each at most once:
//
//	tls       starttls (required and verified, on loopback too), implicit,
//	          insecure-opportunistic, insecure-none
//	ca        a PEM file with the certificates that the server's is verified by,
//	          instead of the system's
//	pin       keys of which the server must show one, "sha256/...", separated by
//	          commas
//	insecure-pins-only  true: trust a pinned key whatever its certificate says
//	password-file  a file with the password, in place of one in the URL
//	token-file     a file with an OAuth 2.0 access token, read at each login
//	auth      the SASL mechanisms to use, in order, separated by commas:
//	          scram-sha-256-plus, scram-sha-256, scram-sha-1-plus, scram-sha-1,
//	          plain, login, cram-md5, oauthbearer, xoauth2, external
//	insecure-auth  true: send the password without TLS, if tls allows that
//	ehlo      the name that we introduce ourselves by
//	timeouts  interactive (somebody waits) or queue (the default, as RFC 5321
//	          section 4.5.3.2 has it)
//	source    the address that connections come from, or one of each family
//	proxy     a URL, socks5://user:password@host:1080, http:// or https://,
//	          percent-encoded; see package dial
//	pop       the POP3 server to log in to before mail is sent; user and password
//	          are those of the mailbox then. pop-tls has the values of tls, apop
//	          is auto, require or never, pop-minutes is how long a login counts
//	          (5), pop-file a file that shares it among processes
//	connections  how many at a time (5)
//	idle      how long one is kept that nobody needs (30s); 0s: not at all
//	window    how many messages on their way over one connection (1); see smtp.Pool
//	chunking  off: messages don't go in one piece with their commands (BDAT)
//	notify    the delivery status notifications that recipients get for whom
//	          nothing else is asked: success,failure,delay or never
//	dsn       required: reject what asks for delivery status notifications if the
//	          server lacks them, instead of sending without
//
// The local program has its path in the URL, and keys of its own:
//
//	sendmail:///usr/sbin/sendmail?program=postfix
//	sendmail:      the first of /usr/sbin/sendmail, /usr/lib/sendmail and
//	               sendmail in $PATH
//
//	program   what it is, if its name doesn't tell: postfix, sendmail, exim,
//	          opensmtpd, msmtp, other
//	arg       an argument of it, such as -C/etc/postfix-other; more than once
//	newline   crlf or lf (the default)
//	notify, dsn  as above
//
// Mail goes to the recipients' own servers, without a relay, by the scheme mx of
// package direct, which is given to Open beside the URL; see [OpenTransport].
//
// An unknown scheme or key is an error. No error quotes the URL or the password.
// Every error wraps ErrURL.
func Open(rawURL string, extra ...Scheme) (*Mailer, error) {
	return OpenWith(rawURL, Options{Schemes: extra})
}

// OpenTransport is Open for the transport alone. Schemes whose transports have
// another one beneath them take it, such as that of package direct:
//
//	mailer, err := qdmail.Open("mx://?fallback=smtp%3A%2F%2Fuser%3Apassword%40relay.example.jp",
//		direct.Scheme(qdmail.OpenTransport))
func OpenTransport(rawURL string) (delivery.Transport, error) {
	return Opener()(rawURL)
}

// Opener is OpenTransport with more schemes, for where these are needed beneath
// another one:
//
//	mailer, err := qdmail.Open("route:///etc/app/routes",
//		route.Scheme(qdmail.Opener(direct.Scheme(qdmail.OpenTransport))))
func Opener(extra ...Scheme) func(rawURL string) (delivery.Transport, error) {
	return func(rawURL string) (delivery.Transport, error) {
		t, err := openTransport(rawURL, extra, func(*url.URL) error { return nil })
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrURL, err)
		}
		return t, nil
	}
}

// openTransport opens a URL, of which take may take something out before.
func openTransport(rawURL string, extra []Scheme, take func(*url.URL) error) (delivery.Transport, error) {
	name, rest, err := splitScheme(rawURL)
	if err != nil {
		return nil, err
	}
	for _, s := range slices.Concat(extra, builtin) {
		if s.Name != name {
			continue
		}
		u, err := parseURL(rawURL, rest)
		if err != nil {
			return nil, err
		}
		if err := take(u); err != nil {
			return nil, err
		}
		return s.Open(u)
	}
	return nil, unknownScheme(name, rest, extra)
}

// query is the query of a URL, taken key by key.
type query struct {
	values url.Values
	known  []string // keys that were asked for
	err    error
}

func newQuery(u *url.URL) *query {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		err = errors.New("the query can't be read")
	}
	return &query{values: values, err: err}
}

// take returns the value of a key, which may be given once, and removes it.
func (q *query) take(key string) (value string, ok bool) {
	list, ok := q.values[key]
	delete(q.values, key)
	q.known = append(q.known, key)
	switch {
	case !ok || q.err != nil:
		return "", false
	case len(list) > 1:
		q.fail(fmt.Errorf("%s is given twice", key))
		return "", false
	case list[0] == "":
		q.fail(fmt.Errorf("%s is empty", key))
		return "", false
	}
	return list[0], true
}

// choose is take for a key with a fixed set of values.
func choose[T any](q *query, key string, values map[string]T, dst *T) {
	s, ok := q.take(key)
	if !ok {
		return
	}
	if v, ok := values[s]; ok {
		*dst = v
		return
	}
	var names []string
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	q.fail(fmt.Errorf("%s doesn't have that value; it is one of %s", key, strings.Join(names, ", ")))
}

func (q *query) fail(err error) {
	if q.err == nil {
		q.err = err
	}
}

// rest returns the first error, or one for a key that nobody took. Its name is
// quoted only if it looks like a key and not like half a password.
func (q *query) rest() error {
	var keys []string
	for key := range q.values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		meant := strings.ReplaceAll(strings.ToLower(key), "_", "-")
		switch {
		case q.err != nil:
		case slices.Contains(q.known, meant):
			q.err = fmt.Errorf("unknown key; did you mean %q?", meant)
		case strings.Trim(key, "abcdefghijklmnopqrstuvwxyz-_") == "" && len(key) <= 20:
			q.err = fmt.Errorf("unknown key %q", key)
		default:
			q.err = errors.New("unknown key")
		}
	}
	return q.err
}
