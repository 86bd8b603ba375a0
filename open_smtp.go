package qdmail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/smtp"
)

// tlsModes are the values of tls and pop-tls.
var tlsModes = map[string]smtp.TLSMode{
	"starttls":               smtp.TLSStartTLS,
	"implicit":               smtp.TLSImplicit,
	"insecure-opportunistic": smtp.InsecureTLSOpportunistic,
	"insecure-none":          smtp.InsecureTLSNone,
}

// openSMTP opens smtp:// and smtps:// URLs; see Open for the keys.
func openSMTP(u *url.URL) (delivery.Transport, error) {
	if u.Opaque != "" || u.Hostname() == "" {
		return nil, errors.New("there is no host")
	}
	if u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return nil, errors.New("nothing may stand between the host and the query")
	}
	r := &smtp.Relay{Addr: hostOf(u)}
	q := newQuery(u)
	choose(q, "tls", tlsModes, &r.TLS)
	if strings.EqualFold(u.Scheme, "smtps") {
		if r.TLS != smtp.TLSDefault && r.TLS != smtp.TLSImplicit {
			q.fail(errors.New("smtps is TLS from the first octet; another tls needs smtp"))
		}
		r.TLS = smtp.TLSImplicit
	}
	takeTrust(q, r)
	takeCredentials(q, r, u.User)
	takeDial(q, r)
	takePOP(q, r)
	r.LocalName, _ = q.take("ehlo")
	r.Timeouts = smtp.QueueTimeouts()
	choose(q, "timeouts", map[string]smtp.Timeouts{
		"interactive": smtp.InteractiveTimeouts(),
		"queue":       smtp.QueueTimeouts(),
	}, &r.Timeouts)
	takePool(q, &r.Pool)
	choose(q, "chunking", map[string]bool{"off": true, "on": false}, &r.NoChunking)
	choose(q, "dsn", map[string]bool{"required": true}, &r.RequireDSN)
	notify := takeNotify(q)
	if err := q.rest(); err != nil {
		return nil, err
	}
	if err := r.Check(); err != nil {
		return nil, err
	}
	return withNotify(r, notify), nil
}

// takeTrust takes the keys about whom to trust.
func takeTrust(q *query, r *smtp.Relay) {
	if file, ok := q.take("ca"); ok {
		pool, err := readCA(file)
		if err != nil {
			q.fail(err)
		}
		r.TLSConfig = &tls.Config{RootCAs: pool}
	}
	if pins, ok := q.take("pin"); ok {
		// In a query, "+" is a space, which base64 doesn't have.
		r.Pins = strings.Split(strings.ReplaceAll(pins, " ", "+"), ",")
	}
	choose(q, "insecure-pins-only", map[string]bool{"true": true, "false": false}, &r.InsecurePinsOnly)
}

// takeCredentials takes who to log in as, and the keys about how.
func takeCredentials(q *query, r *smtp.Relay, user *url.Userinfo) {
	r.Username = user.Username()
	password, given := user.Password()
	r.Password = password
	if file, ok := q.take("password-file"); ok {
		var err error
		if r.Password, err = readSecret("password-file", file); err != nil {
			q.fail(err)
		}
		if given {
			q.fail(errors.New("there is a password in the URL and a password-file"))
		}
	}
	if file, ok := q.take("token-file"); ok {
		r.TokenSource = func(context.Context, string) (string, error) { return readSecret("token-file", file) }
	}
	if names, ok := q.take("auth"); ok {
		r.Mechanisms = takeMechanisms(q, names)
	}
	choose(q, "insecure-auth", map[string]bool{"true": true, "false": false}, &r.InsecureAuth)
	external := len(r.Mechanisms) > 0 && !slices.ContainsFunc(r.Mechanisms, func(name string) bool { return name != "EXTERNAL" })
	if r.Username != "" && r.Password == "" && r.TokenSource == nil && !external {
		q.fail(errors.New("there is a user and no password, which is written user:password@ or stands in a file, for the key password-file or token-file"))
	}
}

// mechanisms are the values of auth.
var mechanisms = []string{
	"scram-sha-256-plus", "scram-sha-256", "scram-sha-1-plus", "scram-sha-1", "plain", "login", "cram-md5",
	"oauthbearer", "xoauth2", "external",
}

func takeMechanisms(q *query, names string) []string {
	var list []string
	for name := range strings.SplitSeq(strings.ToLower(names), ",") {
		if !slices.Contains(mechanisms, name) {
			q.fail(fmt.Errorf("auth is a list of %s, with commas between", strings.Join(mechanisms, ", ")))
		}
		list = append(list, strings.ToUpper(name))
	}
	return list
}

func readCA(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("ca: the file has no certificate in PEM")
	}
	return pool, nil
}

// readSecret reads a password or a token, without the line end behind it.
func readSecret(key, file string) (string, error) {
	text, err := readFile(key, file)
	if err != nil {
		return "", err
	}
	secret := withoutLineEnd(string(text))
	if secret == "" {
		return "", fmt.Errorf("%s: the file is empty", key)
	}
	return secret, nil
}

// withoutLineEnd drops one line end.
func withoutLineEnd(s string) string { return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r") }

// maxSecretFile is more than any password or token has.
const maxSecretFile = 64 << 10

// readFile reads a file that a key names. Its error doesn't quote the name, since
// somebody may have put the secret itself there.
func readFile(key, file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fileError(key, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return nil, fileError(key, err)
	}
	if len(text) > maxSecretFile {
		return nil, fmt.Errorf("%s: the file has more than %d octets", key, maxSecretFile)
	}
	return text, nil
}

func fileError(key string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return fmt.Errorf("%s: %w", key, err)
}
