package qdmail

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// errNoScheme is told to those whose URL can't be guessed at without quoting what may
// be a password.
var errNoScheme = errors.New("there is no scheme; write smtp:// before it")

// splitScheme takes the scheme, in lower case, off a URL.
func splitScheme(rawURL string) (name, rest string, err error) {
	switch trimmed := strings.TrimSpace(rawURL); {
	case trimmed == "":
		return "", "", errors.New("it is empty")
	case trimmed != rawURL:
		return "", "", errors.New("a blank or a line end stands before or behind it")
	}
	name, rest, ok := strings.Cut(rawURL, ":")
	if !ok || name == "" || strings.ContainsAny(name, "@/?#[] ") {
		return "", "", errNoScheme
	}
	return strings.ToLower(name), rest, nil
}

// unknownScheme says what was probably meant by a scheme that nobody knows. It quotes
// what is surely a host and a port for mail, and nothing else.
func unknownScheme(name, rest string, extra []Scheme) error {
	port := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		port = rest[:i]
	}
	isHost := name == "localhost" || strings.Contains(name, ".")
	_, err := strconv.ParseUint(port, 10, 16)
	switch {
	case isHost && slices.Contains([]string{"25", "587", "1025", "2525"}, port):
		return fmt.Errorf("there is no scheme; did you mean smtp://%s:%s?", name, port)
	case isHost && port == "465":
		return fmt.Errorf("there is no scheme; did you mean smtps://%s:465?", name)
	case err == nil, !strings.HasPrefix(rest, "//") && strings.Contains(rest, "@"):
		return errNoScheme
	case name == "mx":
		return errors.New("mx needs direct.Scheme(qdmail.OpenTransport) beside the URL")
	case name == "route":
		return errors.New("route needs route.Scheme(qdmail.OpenTransport) beside the URL")
	}
	var known []string
	for _, s := range slices.Concat(builtin, extra) {
		known = append(known, s.Name)
	}
	return fmt.Errorf("unknown scheme (known: %s)", strings.Join(known, ", "))
}

var errNotEncoded = errors.New(`user and password must be percent-encoded: "%" is %25, ":" is %3A, "/" is %2F, "?" is %3F, "#" is %23, "@" is %40`)

// parseURL is url.Parse with errors that quote nothing, and with a look at the
// mistake that would show a password: one that wasn't percent-encoded.
func parseURL(rawURL, rest string) (*url.URL, error) {
	if authority, ok := strings.CutPrefix(rest, "//"); ok {
		authority, after, _ := strings.Cut(authority, "?")
		if i := strings.IndexAny(authority, "/#"); i >= 0 {
			authority, after = authority[:i], authority[i:]+after
		}
		switch {
		case authority == "" && strings.Contains(after, "@"):
			return nil, errors.New(`"@" is %40 in a query, and a URL that is the value of a key is percent-encoded as a whole`)
		case strings.Count(authority, "@") > 1 || !strings.Contains(authority, "@") && strings.Contains(after, "@"):
			return nil, errNotEncoded
		}
		if err := checkPort(authority); err != nil {
			return nil, err
		}
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("it can't be read; %w", errNotEncoded)
	}
	return u, nil
}

// checkPort looks at what stands behind the host. Without a user before it, that may
// be a password whose host is missing.
func checkPort(authority string) error {
	_, host, hasUser := strings.Cut(authority, "@")
	if !hasUser {
		host = authority
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		return errors.New("an IPv6 address stands in brackets, [2001:db8::1]")
	}
	_, port, ok := strings.Cut(host[strings.IndexByte(host, ']')+1:], ":")
	if n, err := strconv.ParseUint(port, 10, 16); !ok || port == "" || err == nil && n > 0 {
		return nil
	}
	err := errors.New("no number from 1 to 65535 stands behind the host and its colon")
	if !hasUser {
		err = fmt.Errorf("%w; if that is a password, the host is missing behind it, and %w", err, errNotEncoded)
	}
	return err
}
