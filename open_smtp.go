package qdmail

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/smtp"
)

// openSMTP opens smtp:// and smtps:// URLs; see Open for the keys.
func openSMTP(u *url.URL) (delivery.Transport, error) {
	if u.Opaque != "" || u.Hostname() == "" {
		return nil, errors.New("there is no host")
	}
	if u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return nil, errors.New("nothing may stand between the host and the query")
	}
	r := &smtp.Relay{Addr: u.Host, Username: u.User.Username()}
	r.Password, _ = u.User.Password()
	if u.Port() == "" {
		r.Addr = u.Hostname()
	}
	q := newQuery(u)
	choose(q, "tls", map[string]smtp.TLSMode{
		"starttls":               smtp.TLSStartTLS,
		"implicit":               smtp.TLSImplicit,
		"insecure-opportunistic": smtp.InsecureTLSOpportunistic,
		"insecure-none":          smtp.InsecureTLSNone,
	}, &r.TLS)
	if strings.EqualFold(u.Scheme, "smtps") {
		if r.TLS != smtp.TLSDefault && r.TLS != smtp.TLSImplicit {
			q.fail(errors.New("smtps is TLS from the first octet; another tls needs smtp"))
		}
		r.TLS = smtp.TLSImplicit
	}
	if file, ok := q.take("ca"); ok {
		pool, err := readCA(file)
		if err != nil {
			q.fail(err)
		}
		r.TLSConfig = &tls.Config{RootCAs: pool}
	}
	if names, ok := q.take("auth"); ok {
		r.Mechanisms = strings.Split(strings.ToUpper(names), ",")
	}
	r.LocalName, _ = q.take("ehlo")
	r.Timeouts = smtp.QueueTimeouts()
	choose(q, "timeouts", map[string]smtp.Timeouts{
		"interactive": smtp.InteractiveTimeouts(),
		"queue":       smtp.QueueTimeouts(),
	}, &r.Timeouts)
	choose(q, "dsn", map[string]bool{"required": true}, &r.RequireDSN)
	choose(q, "insecure-auth", map[string]bool{"true": true, "false": false}, &r.InsecureAuth)
	if err := q.rest(); err != nil {
		return nil, err
	}
	if err := r.Check(); err != nil {
		return nil, err
	}
	return r, nil
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
