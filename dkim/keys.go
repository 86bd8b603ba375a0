package dkim

import (
	"errors"
	"net/url"
	"strings"
	"time"
)

// Keys are the keys of a mail URL that this package understands; they go into
// qdmail.OpenWith, and make a Signer:
//
//	dkim-key       a PEM file with the private key; two, of RSA and Ed25519, with a
//	               comma between
//	dkim-selector  its selector; as many as keys
//	dkim-domain    the domain that signs
//	dkim-parents   true: the key signs for the domains below as well
//	dkim-unsigned  true: mail from other domains goes out unsigned
//	dkim-lifetime  how long a signature can be verified, such as 168h
//
// The first three come together; without them there is no Signer.
func Keys() struct {
	Names []string
	Take  func(url.Values) (any, error)
} {
	return struct {
		Names []string
		Take  func(url.Values) (any, error)
	}{[]string{"dkim-key", "dkim-selector", "dkim-domain", "dkim-parents", "dkim-unsigned", "dkim-lifetime"}, takeKeys}
}

func takeKeys(q url.Values) (any, error) {
	if len(q) == 0 {
		return nil, nil
	}
	files, selectors := strings.Split(q.Get("dkim-key"), ","), strings.Split(q.Get("dkim-selector"), ",")
	if q.Get("dkim-key") == "" || q.Get("dkim-domain") == "" || len(files) != len(selectors) {
		return nil, errors.New("dkim-key, dkim-selector and dkim-domain come together, with a selector for each key")
	}
	var c Config
	for i, file := range files {
		key, err := LoadPEM(file)
		if err != nil {
			return nil, err
		}
		c.Keys = append(c.Keys, Key{Domain: q.Get("dkim-domain"), Selector: selectors[i], Private: key})
	}
	for name, field := range map[string]*bool{"dkim-parents": &c.Parents, "dkim-unsigned": &c.AllowUnsigned} {
		switch value := q.Get(name); value {
		case "", "false":
		case "true":
			*field = true
		default:
			return nil, errors.New(name + " doesn't have that value")
		}
	}
	if s := q.Get("dkim-lifetime"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil || d <= 0 {
			return nil, errors.New("dkim-lifetime is a time, such as 168h")
		}
		c.Lifetime = d
	}
	s, err := New(c)
	if err != nil {
		return nil, err // not a nil *Signer in an interface
	}
	return s, nil
}
