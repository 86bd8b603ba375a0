package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
)

// Published is what a TXT record says about a key (RFC 6376 section 3.6.1).
type Published struct {
	// Key is an *rsa.PublicKey, of any size, or an ed25519.PublicKey; nil if the key
	// is revoked.
	Key crypto.PublicKey
	// Testing tells receivers to treat mail that fails like unsigned mail (t=y).
	Testing bool
	// Strict wants Key.Identity at the domain itself, not at a subdomain (t=s).
	Strict bool
	// Hashes are the digests that may be used (h=); empty means any.
	Hashes []string
	// Services are what the key is for (s=); empty means all.
	Services []string
}

// ParseRecord reads the text of a TXT record, its strings joined. The errors are
// ErrRecord, and ErrKeyType for a k= that isn't known.
func ParseRecord(txt string) (*Published, error) {
	tags, err := parseTags(txt)
	if err != nil {
		return nil, err
	}
	value := map[string]string{"k": "rsa"}
	for i, t := range tags {
		if t.name == "v" && (i > 0 || t.value != "DKIM1") {
			return nil, ErrRecord
		}
		value[t.name] = t.value
	}
	p := &Published{}
	for _, flag := range colons(value["t"]) {
		p.Testing = p.Testing || flag == "y"
		p.Strict = p.Strict || flag == "s"
	}
	if h, ok := value["h"]; ok {
		p.Hashes = colons(h)
	}
	if s, ok := value["s"]; ok {
		p.Services = colons(s)
	}
	data, ok := value["p"]
	if !ok {
		return nil, ErrRecord
	}
	p.Key, err = parsePublic(value["k"], squeeze(data))
	return p, err
}

func parsePublic(kind, data string) (crypto.PublicKey, error) {
	if kind != "rsa" && kind != "ed25519" {
		return nil, ErrKeyType
	}
	raw, err := base64.StdEncoding.DecodeString(data)
	switch {
	case err != nil:
		return nil, ErrRecord
	case len(raw) == 0:
		return nil, nil
	case kind == "ed25519":
		if len(raw) != ed25519.PublicKeySize {
			return nil, ErrRecord
		}
		return ed25519.PublicKey(raw), nil
	}
	if pub, err := x509.ParsePKIXPublicKey(raw); err == nil {
		if pub, ok := pub.(*rsa.PublicKey); ok {
			return pub, nil
		}
		return nil, ErrRecord
	}
	// The form that RFC 6376 section 3.6.1 names and hardly anybody uses.
	pub, err := x509.ParsePKCS1PublicKey(raw)
	if err != nil {
		return nil, ErrRecord
	}
	return pub, nil
}

// Check holds what is published for the key against it. txts are the texts of all
// TXT records at the name that Record gives, each with its strings joined, as
// net.Resolver.LookupTXT returns them. The error is an Error with ErrNoRecord,
// ErrManyRecords, ErrRecord, ErrKeyType, ErrRevoked, ErrOtherKey or ErrUnusable,
// or a FieldError for what New refuses. What was read is returned also with the
// last three, and may be worth a warning if it is only for Testing.
func (k Key) Check(txts []string) (*Published, error) {
	k, faults := k.prepare()
	if faults != nil {
		return nil, faults[0]
	}
	p, err := k.check(txts)
	if err != nil {
		err = &Error{k.Domain, k.Selector, err}
	}
	return p, err
}

func (k Key) check(txts []string) (*Published, error) {
	switch len(txts) {
	case 0:
		return nil, ErrNoRecord
	case 1:
	default:
		// What receivers then do is undefined (RFC 6376 section 3.6.2.2).
		return nil, ErrManyRecords
	}
	p, err := ParseRecord(txts[0])
	switch {
	case err != nil:
		return nil, err
	case p.Key == nil:
		return p, ErrRevoked
	}
	own, ok := k.Private.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !own.Equal(p.Key) {
		return p, ErrOtherKey
	}
	sub := k.Identity != "" && !strings.HasSuffix(k.Identity, "@"+k.Domain)
	if p.Hashes != nil && !slices.Contains(p.Hashes, "sha256") || p.Strict && sub ||
		p.Services != nil && !slices.Contains(p.Services, "email") && !slices.Contains(p.Services, "*") {
		return p, ErrUnusable
	}
	return p, nil
}
