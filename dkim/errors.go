package dkim

import (
	"errors"
	"strconv"
	"strings"
)

// What can be wrong with a key.
var (
	ErrKeyFormat    = errors.New("dkim: not one private key in PEM, as PKCS#1 or PKCS#8")
	ErrKeyEncrypted = errors.New("dkim: the private key is encrypted")
	ErrKeyType      = errors.New("dkim: the key is neither RSA nor Ed25519")
	ErrKeySize      = errors.New("dkim: the RSA key doesn't have 2048 to 4096 bits")
)

// What can be wrong with a configuration beside its keys.
var (
	ErrRequired  = errors.New("dkim: is required")
	ErrInvalid   = errors.New("dkim: is not valid")
	ErrDuplicate = errors.New("dkim: is there already")
)

// Why a message isn't signed.
var (
	// ErrNoKey: there is no key for the domain in From.
	ErrNoKey = errors.New("dkim: no key for this domain")
	// ErrHeader: the header can't be read, or has a field more often than readers
	// agree about.
	ErrHeader = errors.New("dkim: malformed header")
	// ErrNoFrom: there is no From field, or no address in it.
	ErrNoFrom = errors.New("dkim: no address in From")
	// ErrSignature: the key gave a signature that its own public half refuses. Only
	// keys that aren't held in memory are put to that test.
	ErrSignature = errors.New("dkim: the key signs wrongly")
)

// What can be wrong with what is published for a key.
var (
	ErrNoRecord    = errors.New("dkim: no record")
	ErrManyRecords = errors.New("dkim: more than one record")
	ErrRecord      = errors.New("dkim: malformed record")
	ErrRevoked     = errors.New("dkim: the key is revoked")
	ErrOtherKey    = errors.New("dkim: the record has another key")
	// ErrUnusable: the record has the key, and forbids what the signer does: SHA-256,
	// mail, or an Identity at a subdomain.
	ErrUnusable = errors.New("dkim: the record forbids this use")
)

// Error is a failure to do with a domain or a key of it.
type Error struct {
	// Domain is the domain in From or, if a key failed, the one of the key. Empty if
	// the message didn't get as far.
	Domain string
	// Selector is empty if no single key is to blame.
	Selector string
	// Err is the reason.
	Err error
}

// Error names the domain, or where the key is published.
func (e *Error) Error() string {
	switch {
	case e.Selector != "":
		return describe(recordName(e.Selector, e.Domain), e.Err)
	case e.Domain != "":
		return describe(e.Domain, e.Err)
	}
	return e.Err.Error()
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// FieldError is one fault of a Config.
type FieldError struct {
	// Field is the path of the Go field, such as "Lifetime" or "Keys.Selector".
	Field string
	// Index is the position in the list that the first element of Field names;
	// -1 if that is no list.
	Index int
	// Err is the reason.
	Err error
}

// Error names the field.
func (e *FieldError) Error() string {
	name := e.Field
	if e.Index >= 0 {
		list, rest, ok := strings.Cut(e.Field, ".")
		name = list + "[" + strconv.Itoa(e.Index) + "]"
		if ok {
			name += "." + rest
		}
	}
	return describe(name, e.Err)
}

// Unwrap returns the reason.
func (e *FieldError) Unwrap() error { return e.Err }

// describe puts the name of the thing between "dkim:" and the reason.
func describe(name string, err error) string {
	return "dkim: " + name + ": " + strings.TrimPrefix(err.Error(), "dkim: ")
}
