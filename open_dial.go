package qdmail

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/qdmail/qdmail/dial"
	"github.com/qdmail/qdmail/smtp"
)

// takeDial takes the keys about how connections are made.
func takeDial(q *query, r *smtp.Relay) {
	if s, ok := q.take("source"); ok {
		var from dial.Source
		for part := range strings.SplitSeq(s, ",") {
			ip, err := netip.ParseAddr(part)
			family := &from.IPv4
			if ip.Is6() {
				family = &from.IPv6
			}
			if err != nil || family.IsValid() {
				q.fail(errors.New("source is an IP address, or one of each family with a comma between"))
			}
			*family = ip
		}
		r.Dial = from.DialContext
	}
	if s, ok := q.take("proxy"); ok {
		takeProxy(q, r, s)
	}
}

// takeProxy sets the dialler of a proxy. Its errors don't quote its URL, which may
// have a password.
func takeProxy(q *query, r *smtp.Relay, s string) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Opaque != "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		q.fail(errors.New("proxy is a URL such as socks5://proxy.example.jp:1080, percent-encoded"))
		return
	}
	password, _ := u.User.Password()
	http := dial.HTTPProxy{Addr: hostOf(u), Username: u.User.Username(), Password: password, Dial: r.Dial}
	switch u.Scheme {
	case "socks5", "socks5h":
		r.Dial = dial.SOCKS5{Addr: hostOf(u), Username: u.User.Username(), Password: password, Dial: r.Dial}.DialContext
	case "https":
		http.TLS = new(tls.Config)
		fallthrough
	case "http":
		r.Dial = http.DialContext
	default:
		q.fail(errors.New("proxy is one of socks5, http and https"))
	}
}

// hostOf is the host of a URL, with its port if it has one.
func hostOf(u *url.URL) string {
	if u.Port() == "" {
		return u.Hostname()
	}
	return u.Host
}

// takePOP takes the keys about POP before SMTP. User and password of the URL are
// those of the mailbox then.
func takePOP(q *query, r *smtp.Relay) {
	addr, ok := q.take("pop")
	if !ok {
		for _, key := range []string{"pop-tls", "apop", "pop-file", "pop-minutes"} {
			if _, given := q.take(key); given {
				q.fail(errors.New(key + " belongs to the key pop, which isn't given"))
			}
		}
		return
	}
	p := &smtp.POPAuth{Addr: addr, Username: r.Username, Password: r.Password, TLSConfig: r.TLSConfig, Dial: r.Dial}
	r.Username, r.Password = "", ""
	choose(q, "pop-tls", tlsModes, &p.TLS)
	choose(q, "apop", map[string]smtp.APOPMode{"auto": smtp.APOPAuto, "require": smtp.APOPRequire, "never": smtp.APOPNever}, &p.APOP)
	p.File, _ = q.take("pop-file")
	p.Validity = time.Duration(takeNumber(q, "pop-minutes")) * time.Minute
	p.InsecureAuth = r.InsecureAuth
	r.POPBeforeSMTP = p
}
