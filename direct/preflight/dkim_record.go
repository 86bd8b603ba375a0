package preflight

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
)

// keyRecord is a published DKIM key (RFC 6376 section 3.6.1).
type keyRecord struct {
	kind     string           // k=
	key      crypto.PublicKey // *rsa.PublicKey or ed25519.PublicKey; nil if revoked, or of another kind
	raw      []byte           // p=
	revoked  bool             // p= is empty
	bare     bool             // an RSA key without its algorithm around it
	testing  bool             // t=y
	hashes   []string         // h=; nil for any
	services []string         // s=; nil for all
}

// parseKeyRecord reads the text of a TXT record.
func parseKeyRecord(txt string) (*keyRecord, error) {
	tags, faults := parseTags(txt)
	if len(faults) > 0 {
		return nil, errors.New(list(faults))
	}
	k := &keyRecord{kind: "rsa"}
	data, published := "", false
	for i, t := range tags {
		switch t.name {
		case "v":
			if i > 0 || t.value != "DKIM1" {
				return nil, errors.New("v= isn't DKIM1, or doesn't stand first")
			}
		case "k":
			k.kind = t.value
		case "p":
			data, published = t.value, true
		case "t":
			k.testing = slices.Contains(words(t.value, ":"), "y")
		case "h":
			k.hashes = words(t.value, ":")
		case "s":
			k.services = words(t.value, ":")
		}
	}
	if !published {
		return nil, errors.New("there is no p=")
	}
	return k, k.take(data)
}

// take reads p=.
func (k *keyRecord) take(data string) error {
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(data), ""))
	if err != nil {
		return errors.New("p= isn't base64")
	}
	k.raw, k.revoked = raw, len(raw) == 0
	switch {
	case k.revoked:
	case k.kind == "ed25519":
		if len(raw) != ed25519.PublicKeySize {
			return errors.New("p= isn't an Ed25519 key: it has to be the 32 octets alone, in base64")
		}
		k.key = ed25519.PublicKey(raw)
	case k.kind == "rsa":
		return k.takeRSA(raw)
	}
	return nil
}

func (k *keyRecord) takeRSA(raw []byte) error {
	pub, err := x509.ParsePKIXPublicKey(raw)
	if err != nil {
		pub, err = x509.ParsePKCS1PublicKey(raw)
		k.bare = err == nil
	}
	key, ok := pub.(*rsa.PublicKey)
	if err != nil || !ok {
		return errors.New("p= isn't an RSA key")
	}
	k.key = key
	return nil
}

// String returns a record that means the same.
func (k *keyRecord) String() string {
	parts := []string{"v=DKIM1", "k=" + k.kind}
	for _, p := range [...]struct {
		name  string
		words []string
	}{{"h=", k.hashes}, {"s=", k.services}} {
		if p.words != nil {
			parts = append(parts, p.name+strings.Join(p.words, ":"))
		}
	}
	if k.testing {
		parts = append(parts, "t=y")
	}
	return strings.Join(append(parts, "p="+base64.StdEncoding.EncodeToString(k.raw)), "; ")
}

// newKeyRecord is the record to publish for a key; nil if there is none for it.
func newKeyRecord(key crypto.PublicKey) *keyRecord {
	switch pub := key.(type) {
	case ed25519.PublicKey:
		if len(pub) == ed25519.PublicKeySize {
			return &keyRecord{kind: "ed25519", key: key, raw: pub}
		}
	case *rsa.PublicKey:
		if pub == nil || pub.N == nil {
			return nil
		}
		if der, err := x509.MarshalPKIXPublicKey(pub); err == nil {
			return &keyRecord{kind: "rsa", key: key, raw: der}
		}
	}
	return nil
}
