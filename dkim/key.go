package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"log/slog"
)

// RSA keys have at least what RFC 8301 section 3.2 recommends, and at most what
// it says every verifier can handle.
const (
	minRSABits = 2048
	maxRSABits = 4096
)

// Key is a key to sign with, and where receivers find its public half.
type Key struct {
	// Domain is the domain that answers for the mail (d=). It signs what has this
	// domain in From. Domains that aren't ASCII are written in A-labels. Required.
	Domain string
	// Selector is the name of the key below the domain (s=): letters, digits and
	// hyphens, also with dots. Required.
	Selector string
	// Private is an RSA key of 2048 to 4096 bits or an Ed25519 key: one that
	// LoadPEM returns, or one that a device or service holds. It is used from many
	// goroutines at once. Required.
	Private crypto.Signer `json:"-"`
	// Identity says more exactly who answers for the mail (i=): an address at
	// Domain or at a subdomain, or one without what stands before the @.
	// Default: none, which means the whole Domain.
	Identity string
}

// String tells where the public key is published and nothing else, least of all
// the key.
func (k Key) String() string { return "dkim key " + recordName(k.Selector, k.Domain) }

// GoString is String.
func (k Key) GoString() string { return k.String() }

// LogValue is String, for log/slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// checkKey says whether it is a key of a kind and size that can sign.
func checkKey(pub crypto.PublicKey) error {
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		if pub == nil || pub.N == nil { // its size can't be asked
			return ErrKeyType
		}
		if bits := pub.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return fmt.Errorf("%w, but %d", ErrKeySize, bits)
		}
		return nil
	case ed25519.PublicKey:
		if len(pub) == ed25519.PublicKeySize {
			return nil
		}
	}
	return ErrKeyType
}

// checkPrivate also keeps out keys in memory that crypto/rsa or crypto/ed25519
// would panic about.
func checkPrivate(key crypto.Signer) error {
	switch key := key.(type) {
	case nil:
		return ErrRequired
	case *rsa.PrivateKey:
		if key == nil {
			return ErrRequired
		}
		if err := checkKey(&key.PublicKey); err != nil {
			return err
		}
		if key.Validate() != nil {
			return ErrInvalid
		}
		return nil
	case ed25519.PrivateKey:
		if len(key) != ed25519.PrivateKeySize {
			return ErrKeyType
		}
		return nil
	}
	return checkKey(key.Public())
}

// prepare checks k and writes its names as they go into signatures.
func (k Key) prepare() (Key, []*FieldError) {
	var faults []*FieldError
	fault := func(field string, err error) {
		if err != nil {
			faults = append(faults, &FieldError{field, -1, err})
		}
	}
	var err error
	if k.Domain == "" {
		fault("Domain", ErrRequired)
	} else {
		k.Domain, err = hostname(k.Domain)
		fault("Domain", err)
	}
	if k.Selector == "" {
		fault("Selector", ErrRequired)
	} else {
		k.Selector, err = selector(k.Selector)
		fault("Selector", err)
	}
	fault("Private", checkPrivate(k.Private))
	if k.Identity != "" && faults == nil {
		k.Identity, err = identity(k.Identity, k.Domain)
		fault("Identity", err)
	}
	return k, faults
}
