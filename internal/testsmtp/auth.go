package testsmtp

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// maxAuthLine is the limit of a line of AUTH, RFC 4954 section 4.
const maxAuthLine = 12288

func (c *session) offersAuth() bool {
	return c.srv.Users != nil && (c.secure || c.srv.TLS == nil || c.srv.AuthClear)
}

// mechanism takes the client's responses one by one, nil in place of the first
// if there was none. It returns the next challenge; or, when it is done, the
// user, "" if that failed.
type mechanism func(response []byte) (challenge, user string, done bool)

// mechanism returns the mechanism of that name, or nil if it is not known.
func (c *session) mechanism(name string) mechanism {
	if !c.knows(name) {
		return nil
	}
	switch name = strings.ToUpper(name); name {
	case "PLAIN":
		return c.plain
	case "LOGIN":
		return c.login()
	case "CRAM-MD5":
		return c.cramMD5
	case "XOAUTH2":
		return c.bearer("")
	case "OAUTHBEARER":
		return c.bearer("\x01")
	case "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS":
		return c.scram(name)
	case "EXTERNAL":
		return c.external
	}
	return nil
}

// check returns user if the password is right.
func (c *session) check(user, password string) string {
	if p, ok := c.srv.Users[user]; ok && p == password {
		return user
	}
	return ""
}

// plain is RFC 4616.
func (c *session) plain(response []byte) (challenge, user string, done bool) {
	if response == nil {
		return "", "", false
	}
	parts := bytes.Split(response, []byte{0})
	if len(parts) != 3 {
		return "", "", true
	}
	return "", c.check(string(parts[1]), string(parts[2])), true
}

func (c *session) login() mechanism {
	var user []byte
	return func(response []byte) (string, string, bool) {
		switch {
		case response == nil:
			return "Username:", "", false
		case user == nil:
			user = append([]byte{}, response...)
			return "Password:", "", false
		}
		return "", c.check(string(user), string(response)), true
	}
}

// cramMD5 is RFC 2195.
func (c *session) cramMD5(response []byte) (challenge, user string, done bool) {
	challenge = fmt.Sprintf("<%d.1@%s>", c.number+1, c.srv.name())
	if response == nil {
		return challenge, "", false
	}
	space := bytes.LastIndexByte(response, ' ') // a user name may have some too
	if space < 0 {
		return "", "", true
	}
	user, digest := string(response[:space]), string(response[space+1:])
	password, ok := c.srv.Users[user]
	mac := hmac.New(md5.New, []byte(password))
	mac.Write([]byte(challenge))
	if !ok || hex.EncodeToString(mac.Sum(nil)) != digest {
		return "", "", true
	}
	return "", user, true
}

// bearer is XOAUTH2 and, RFC 7628, OAUTHBEARER. An error comes in a challenge,
// which the client answers by dummy before it is told 535.
func (c *session) bearer(dummy string) mechanism {
	failed := false
	return func(response []byte) (string, string, bool) {
		if failed && string(response) != dummy {
			c.violation("the error of an OAuth mechanism isn't answered as it wants to be")
		}
		if response == nil || failed {
			return "", "", failed
		}
		var user, token string
		for part := range strings.SplitSeq(string(response), "\x01") {
			if v, ok := strings.CutPrefix(part, "user="); ok {
				user = v
			} else if v, ok := strings.CutPrefix(part, "n,a="); ok {
				user, _, _ = strings.Cut(v, ",")
				user = strings.NewReplacer("=2C", ",", "=3D", "=").Replace(user) // RFC 5801 section 4
			} else if v, ok := strings.CutPrefix(part, "auth=Bearer "); ok {
				token = v
			}
		}
		if user = c.check(user, token); user != "" {
			return "", user, true
		}
		failed = true
		return `{"status":"401","schemes":"Bearer"}`, "", false
	}
}

// checkAuth returns the reply to an AUTH command that is refused at once.
func (c *session) checkAuth(cmd command, words []string) string {
	switch {
	case c.srv.Users == nil:
		return c.reply(502, "5.5.1", "not implemented")
	case !c.offersAuth():
		return c.reply(538, "5.7.11", "encryption required")
	case !c.esmtp:
		return c.reply(503, "5.5.1", "EHLO first")
	case c.user != "" || c.tx != nil:
		return c.reply(503, "5.5.1", "not now")
	case len(words) == 0 || len(words) > 2 || strings.Join(words, " ") != cmd.args:
		return c.reply(501, "5.5.4", "mechanism and at most one response needed")
	}
	return ""
}

// auth is AUTH, RFC 4954, with all of its exchange.
func (c *session) auth(cmd command) error {
	f := c.ask(AUTH, cmd.line)
	words := strings.Fields(cmd.args)
	if text := c.checkAuth(cmd, words); text != "" {
		return c.respond(AUTH, f, answer{text: text})
	}
	mech := c.mechanism(words[0])
	if mech == nil {
		return c.respond(AUTH, f, answer{text: c.reply(504, "5.5.4", "unknown mechanism")})
	}
	c.secret = true
	defer func() { c.secret = false }()
	response, given := "", len(words) == 2
	if given {
		if response = words[1]; response == "=" {
			response = ""
		}
	}
	for {
		a, asked := c.authStep(mech, response, given)
		more := false
		if asked {
			a.commit = func() { more = true }
		}
		if err := c.respond(AUTH, f, a); err != nil {
			return err
		}
		if !more && (f == nil || f.Raw != "" || !strings.HasPrefix(f.Reply, "334")) {
			return nil
		}
		if !more { // a fault asks on where there is nothing more to say
			mech = func([]byte) (string, string, bool) { return "", "", true }
		}
		line, err := c.readResponse()
		if err != nil {
			return err
		}
		f = c.ask(AUTH, line)
		if line == "*" {
			return c.respond(AUTH, f, answer{text: c.reply(501, "5.7.0", "authentication cancelled")})
		}
		response, given = line, true
	}
}

// authStep returns the answer to a response, and whether it asks for another.
func (c *session) authStep(mech mechanism, response string, given bool) (a answer, asks bool) {
	var raw []byte
	if given {
		var err error
		if raw, err = base64.StdEncoding.Strict().DecodeString(response); err != nil || len(response) > maxAuthLine-2 {
			return answer{text: c.reply(501, "5.5.2", "not base64")}, false
		}
	}
	challenge, user, done := mech(raw)
	switch {
	case !done:
		return answer{text: "334 " + base64.StdEncoding.EncodeToString([]byte(challenge))}, true
	case user == "":
		return answer{text: c.reply(535, "5.7.8", "authentication failed")}, false
	}
	return answer{c.reply(235, "2.7.0", "authenticated"), func() {
		c.user = user
		c.srv.mu.Lock()
		defer c.srv.mu.Unlock()
		c.info.User = user
	}}, false
}

// readResponse reads a line of the exchange, which is kept secret.
func (c *session) readResponse() (string, error) {
	cmd, err := c.readLine()
	if err != nil {
		return "", err
	}
	if cmd.line == "*" {
		c.logCommand("*")
	} else {
		c.logCommand("***")
	}
	return cmd.line, nil
}
