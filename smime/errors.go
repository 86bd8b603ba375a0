package smime

import (
	"errors"
	"fmt"

	"github.com/qdmail/qdmail/smime/internal/cms"
	"github.com/qdmail/qdmail/smime/internal/pbe"
)

// What is wrong with a key or a certificate. An Error says with which.
var (
	ErrNoKey          = errors.New("there is no private key")
	ErrNoCertificate  = errors.New("there is no certificate")
	ErrKeyMismatch    = errors.New("the private key doesn't belong to the certificate")
	ErrUnsupportedKey = errors.New("unsupported kind of key")
	ErrHash           = errors.New("the hash doesn't fit the key")
	ErrExpired        = errors.New("the certificate has expired")
	ErrNotYetValid    = errors.New("the certificate isn't valid yet")
	ErrUsage          = errors.New("the certificate isn't for this use")
	ErrAddress        = errors.New("the address isn't in the certificate")
	ErrPassword       = errors.New("wrong password")
	ErrEncrypted      = errors.New("the private key is encrypted, and there is no password")
	ErrFormat         = errors.New("can't be read")
	ErrUnsupported    = errors.New("uses something that isn't supported")
)

// ErrEd25519 is the ErrUnsupportedKey for keys whose signatures are correct, but
// which the mail programs can't verify.
var ErrEd25519 = fmt.Errorf("%w: Ed25519, whose signatures mail programs don't verify", ErrUnsupportedKey)

// What is wrong with an entity that is to be signed or encrypted, or with a
// message that is read.
var (
	// ErrEntity: an entity isn't 7-bit text with lines of at most 998 octets.
	ErrEntity = errors.New("is no 7-bit MIME entity")
	// ErrChanged: an entity gave other octets when it was read again.
	ErrChanged = errors.New("the entity changed while it was being signed or encrypted")
	// ErrSignature: a signature isn't that of the content.
	ErrSignature = errors.New("the signature isn't valid")
	// ErrUntrusted: a certificate doesn't lead to a root, or isn't for mail.
	ErrUntrusted = errors.New("the signer's certificate isn't trusted")
	// ErrNotSigned and ErrNotEncrypted: the message is something else.
	ErrNotSigned    = errors.New("the message isn't signed")
	ErrNotEncrypted = errors.New("the message isn't encrypted")
	// ErrNotForUs: the message is encrypted to other certificates.
	ErrNotForUs = errors.New("the message isn't encrypted to this certificate")
	// ErrDecrypt: the message doesn't open.
	ErrDecrypt = errors.New("the message doesn't open")
)

// Error says what is wrong with which file, certificate or address. None of its
// fields ever has a key or a password.
type Error struct {
	// File is the file, if one is at fault.
	File string
	// Certificate is the subject of the certificate, if one is at fault.
	Certificate string
	// Address is the mail address, if one is at fault.
	Address string
	// Err is the reason.
	Err error
}

// Error returns what is at fault and the reason.
func (e *Error) Error() string {
	s := "smime: "
	for _, what := range []string{e.File, e.Certificate, e.Address} {
		if what != "" {
			s += what + ": "
		}
	}
	return s + e.Err.Error()
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// fail is an error that needs no place.
func fail(err error) error { return &Error{Err: err} }

// translate makes an error of the internal packages one of this package.
func translate(err error) error {
	for _, t := range []struct{ from, to error }{
		{cms.ErrSyntax, ErrFormat},
		{cms.ErrType, ErrNotSigned},
		{cms.ErrAlgorithm, ErrUnsupported},
		{cms.ErrSignature, ErrKeyMismatch},
		{cms.ErrRecipient, ErrNotForUs},
		{cms.ErrDecrypt, ErrDecrypt},
		{pbe.ErrSyntax, ErrFormat},
		{pbe.ErrPassword, ErrPassword},
		{pbe.ErrAlgorithm, ErrUnsupported},
		{pbe.ErrIterations, fmt.Errorf("%w: %w", ErrUnsupported, pbe.ErrIterations)},
	} {
		if err == t.from {
			return t.to
		}
	}
	return err
}
