package qdmail

import (
	"errors"
	"net/url"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/sendmail"
)

// openSendmail opens sendmail: URLs; see Open for the keys.
func openSendmail(u *url.URL) (delivery.Transport, error) {
	if u.Host != "" || u.User != nil {
		return nil, errors.New("sendmail has no host; the path of the program has three slashes before it, sendmail:///usr/sbin/sendmail")
	}
	if u.Opaque != "" || u.Fragment != "" {
		return nil, errors.New("sendmail is followed by ://, the absolute path of the program, if any, and the query")
	}
	t := &sendmail.Transport{Path: u.Path}
	if u.Path == "/" {
		t.Path = ""
	}
	q := newQuery(u)
	t.Args = q.takeAll("arg")
	choose(q, "program", map[string]sendmail.Program{
		"postfix":   sendmail.ProgramPostfix,
		"sendmail":  sendmail.ProgramSendmail,
		"exim":      sendmail.ProgramExim,
		"opensmtpd": sendmail.ProgramOpenSMTPD,
		"msmtp":     sendmail.ProgramMsmtp,
		"other":     sendmail.ProgramOther,
	}, &t.Program)
	choose(q, "newline", map[string]bool{"crlf": true, "lf": false}, &t.CRLF)
	choose(q, "dsn", map[string]bool{"required": true}, &t.RequireDSN)
	notify := takeNotify(q)
	if err := q.rest(); err != nil {
		return nil, err
	}
	if err := t.Check(); err != nil {
		return nil, err
	}
	return withNotify(t, notify), nil
}

// takeAll is take for a key that may be given more than once.
func (q *query) takeAll(key string) []string {
	list := q.values[key]
	delete(q.values, key)
	q.known = append(q.known, key)
	for _, value := range list {
		if value == "" {
			q.fail(errors.New(key + " is empty"))
		}
	}
	return list
}
