package direct

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/qdmail/qdmail/delivery"
)

// Scheme is the URL scheme mx for qdmail.Open, which can't know it by itself:
//
//	mailer, err := qdmail.Open(os.Getenv("MAIL_URL"), direct.Scheme(qdmail.OpenTransport))
//
//	mx:
//	mx://?ehlo=mail.example.jp&source=192.0.2.25
//	mx://?fallback=smtp%3A%2F%2Fuser%3Apassword%40relay.example.jp
//
// It makes a *Transport. What a key stands for is described with the field:
//
//	ehlo       LocalName
//	source     Source: an address, or one of each family
//	hosts      Hosts, separated by commas
//	own-hosts, own-addrs  OwnHosts and OwnAddrs, separated by commas
//	tls        TLS: opportunistic, required, verified or insecure-none
//	plaintext  PlaintextFallback: immediate or never
//	dane       off: NoDANE
//	mta-sts    off: NoMTASTS
//	mta-sts-store  a folder for policies, which makes an mtasts.Dir
//	ca         a PEM file with the certificates that hosts are verified by, instead
//	           of the system's
//	tls-name   the name that certificates are verified for, instead of the host's; the
//	           ServerName of TLSConfig
//	resolver   the Servers of a dns.Client, separated by commas
//	trust-ad   true: its TrustAD
//	chunking   off: NoChunking
//	recipients RecipientsPerTransaction
//	carriers   off: no DomainLimits
//	connections, idle  Limits.MaxConns and IdleTimeout; idle=0s: each message has a
//	           connection of its own
//	max-hosts, max-addrs, max-sessions, max-time, max-domains, max-age,
//	max-messages, max-idle, max-penalty  the other Limits; max-penalty=0s: none
//	timeouts   interactive (somebody waits) or queue (the default)
//	address-literals  true: AddressLiterals
//	insecure-allow    blocks of addresses that may be connected to beside those of
//	           the Internet, "10.1.0.0/16", separated by commas
//	fallback   the URL of the Fallback, percent-encoded; url.QueryEscape does that
//	fallback-on-defer, fallback-enforces-policy  true: OnDefer and EnforcesPolicy of
//	           FallbackRules
//	fallback-on-refusal  its OnRefusal: reply codes and enhanced codes, "554,5.7.1"
//
// open makes the fallback; for URLs without one it may be nil. Close of the Transport
// closes the fallback too. Other fields, such as Observer, may be set before the
// Transport is used first. Errors are a *KeyError, or about the rest of
// the URL; none quotes a value.
func Scheme(open func(rawURL string) (delivery.Transport, error)) struct {
	Name string
	Open func(*url.URL) (delivery.Transport, error)
} {
	return struct {
		Name string
		Open func(*url.URL) (delivery.Transport, error)
	}{"mx", func(u *url.URL) (delivery.Transport, error) {
		t, err := openURL(u, open)
		if err != nil {
			return nil, err // not a nil *Transport in an interface
		}
		return t, nil
	}}
}

// KeyError says which key of a URL can't be used. It never quotes the value.
type KeyError struct {
	// Key is its name; empty for one whose name might be half a password.
	Key string
	// Reason goes on from there: "is given twice".
	Reason string
	// Err is the cause, if there is one beside Reason.
	Err error
}

// Error returns the parts that there are.
func (e *KeyError) Error() string {
	text := strings.TrimSpace(e.Key + " " + e.Reason)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *KeyError) Unwrap() error { return e.Err }

func openURL(u *url.URL, open func(string) (delivery.Transport, error)) (*Transport, error) {
	switch {
	case u.Host != "" || u.User != nil:
		return nil, errors.New("mx has no host, since the DNS says where mail goes; hosts in place of that are the key hosts")
	case u.Opaque != "" || u.Path != "" && u.Path != "/" || u.Fragment != "":
		return nil, errors.New("mx is followed by :// and the query, if any")
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("the query can't be read; what a key stands for is percent-encoded")
	}
	t := new(Transport)
	fallback, err := t.take(values)
	if err != nil {
		return nil, err
	}
	if err := t.check(); err != nil { // not Check: fields may still be set
		return nil, err
	}
	if fallback == "" {
		return t, nil
	}
	if open == nil {
		return nil, &KeyError{Key: "fallback", Reason: "can't be opened, because Scheme was given nothing that does"}
	}
	if t.Fallback, err = open(fallback); err != nil {
		return nil, &KeyError{"fallback", "can't be opened", err}
	}
	t.owned, _ = t.Fallback.(io.Closer)
	return t, nil
}

// take sets what the keys stand for. It returns the URL of the fallback.
func (t *Transport) take(values url.Values) (fallback string, err error) {
	for _, k := range urlKeys() {
		list, ok := values[k.name]
		delete(values, k.name)
		switch {
		case !ok:
		case len(list) > 1:
			return "", &KeyError{Key: k.name, Reason: "is given twice"}
		case list[0] == "":
			return "", &KeyError{Key: k.name, Reason: "is empty; it is " + k.values}
		case k.name == "fallback":
			fallback = list[0]
		default:
			if err := k.set(t, list[0]); err == errValue {
				return "", &KeyError{Key: k.name, Reason: "is " + k.values}
			} else if err != nil {
				return "", &KeyError{k.name, "can't be used", err}
			}
		}
	}
	for _, key := range []string{"fallback-on-defer", "fallback-on-refusal", "fallback-enforces-policy"} {
		if fallback == "" && t.ruled(key) {
			return "", &KeyError{Key: key, Reason: "says what goes to a fallback, and there is none"}
		}
	}
	if unknown := slices.Sorted(maps.Keys(values)); len(unknown) > 0 {
		return "", unknownKey(unknown[0])
	}
	return fallback, nil
}

// ruled reports whether a key about the fallback has had an effect.
func (t *Transport) ruled(key string) bool {
	r := &t.FallbackRules
	return map[string]bool{
		"fallback-on-defer": r.OnDefer, "fallback-on-refusal": r.OnRefusal != nil, "fallback-enforces-policy": r.EnforcesPolicy,
	}[key]
}

// unknownKey names a key only if it can't be half a password.
func unknownKey(key string) error {
	meant := strings.ReplaceAll(strings.ToLower(key), "_", "-")
	for _, k := range urlKeys() {
		if k.name == meant {
			return &KeyError{Reason: fmt.Sprintf("there is an unknown key; did you mean %q?", meant)}
		}
	}
	if strings.Trim(key, "abcdefghijklmnopqrstuvwxyz-_") == "" && len(key) <= 30 {
		return &KeyError{Key: key, Reason: "is an unknown key"}
	}
	return &KeyError{Reason: "there is an unknown key"}
}
