package route

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/qdmail/qdmail/delivery"
)

// Scheme is the URL scheme route for qdmail.Open, which makes a *Table of a file and
// the URLs of the relays that it names:
//
//	route:///etc/app/routes
//	route:///etc/app/routes?relay.bulk=smtp%3A%2F%2Fuser%3Apassword%40relay.example.jp
//	route:routes?direct=mx%3A%3Fehlo%3Dmail.example.jp
//
// The keys are, each at most once:
//
//	relay.NAME  the URL that relay:NAME stands for; see URLs.Relays
//	direct      the URL that direct and hosts: begin with; see URLs.Direct
//	resolver    the address of the name server that is asked for "mx:" patterns, with
//	            a port or without; default: the system's
//
// URLs are percent-encoded as a whole; url.QueryEscape does that. A relay that the
// file doesn't name is an error, as is one that has no URL. What is wrong with the
// file is an Errors, with lines and columns, what is wrong with a key a *KeyError; no
// error quotes a URL. Close of the Table closes all transports.
//
// open opens the URLs, among them mx: if the file has direct or hosts: targets. With
// those schemes that the program needs, it is
//
//	open := qdmail.Opener(direct.Scheme(qdmail.OpenTransport))
//	mailer, err := qdmail.Open(os.Getenv("MAIL_URL"), route.Scheme(open))
func Scheme(open func(rawURL string) (delivery.Transport, error)) struct {
	Name string
	Open func(*url.URL) (delivery.Transport, error)
} {
	return struct {
		Name string
		Open func(*url.URL) (delivery.Transport, error)
	}{"route", func(u *url.URL) (delivery.Transport, error) {
		t, err := openURL(u, open)
		if err != nil {
			return nil, err // not a nil *Table in an interface
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
}

// Error returns both.
func (e *KeyError) Error() string { return strings.TrimSpace(e.Key + " " + e.Reason) }

func openURL(u *url.URL, open func(string) (delivery.Transport, error)) (*Table, error) {
	if u.Host != "" || u.User != nil {
		return nil, errors.New("route has no host; the path of the file has three slashes before it, route:///etc/app/routes")
	}
	file, err := url.PathUnescape(u.Opaque)
	if file += u.Path; err != nil || file == "" || u.Fragment != "" {
		return nil, errors.New("route is followed by the path of the file and the query")
	}
	urls, err := takeKeys(u.RawQuery)
	if err != nil {
		return nil, err
	}
	urls.Open = open
	text, err := readFile(file)
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err // without the path, which is part of the URL
	}
	if err != nil {
		return nil, fmt.Errorf("the file of the routes: %w", err)
	}
	routes, at, err := urls.read(text)
	if err != nil {
		return nil, err
	}
	if names := urls.unused(routes); len(names) > 0 {
		return nil, &KeyError{relayKey + names[0], "is for a relay that no route names"}
	}
	return urls.open(routes, at)
}

const relayKey = "relay."

// takeKeys reads the query.
func takeKeys(query string) (u URLs, _ error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return u, errors.New("the query can't be read; a URL that is the value of a key is percent-encoded as a whole")
	}
	u.Relays = map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		name, relay := strings.CutPrefix(key, relayKey)
		value := values.Get(key)
		switch {
		case !relay && key != "direct" && key != "resolver", relay && !isName(name):
			return u, unknownKey(key)
		case len(values[key]) > 1:
			return u, &KeyError{key, "is given twice"}
		case value == "":
			return u, &KeyError{key, "is empty"}
		case relay:
			u.Relays[name] = value
		case key == "direct":
			u.Direct = value
		default:
			r, err := resolver(value)
			if err != nil {
				return u, &KeyError{key, "is an IP address, with a port or without"}
			}
			u.MX = LookupMX(r)
		}
	}
	return u, nil
}

// isName reports what a relay may be called in a URL: letters and digits, with "-",
// "_" and "." between.
func isName(s string) bool {
	return s != "" && len(s) <= 60 && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.", r)
	})
}

// unknownKey names a key only if it can't be half a password.
func unknownKey(key string) error {
	if strings.Trim(key, "abcdefghijklmnopqrstuvwxyz-_") == "" && len(key) <= 30 {
		return &KeyError{key, "is an unknown key; there are relay.NAME, direct and resolver"}
	}
	return &KeyError{Reason: "there is an unknown key, or a URL that is the value of a key isn't percent-encoded as a whole"}
}

// resolver asks one name server.
func resolver(server string) (*net.Resolver, error) {
	addr, err := netip.ParseAddrPort(server)
	if err != nil {
		ip, err := netip.ParseAddr(server)
		if err != nil {
			return nil, err
		}
		addr = netip.AddrPortFrom(ip, 53)
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, addr.String())
	}}, nil
}
