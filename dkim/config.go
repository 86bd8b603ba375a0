package dkim

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// minLifetime keeps mail that waits for a while from expiring on its way.
const minLifetime = time.Hour

// Config says which mail is signed, and with what.
type Config struct {
	// Keys are the keys, of one or more domains. A message is signed with all keys of
	// the domain in From, in this order. A domain has at most one RSA and one
	// Ed25519 key: receivers don't verify any number of signatures. Required.
	Keys []Key
	// Parents lets the keys of example.jp sign for news.example.jp as well, unless
	// that has keys of its own, as the relaxed alignment of DMARC does (RFC 7489
	// section 3.1.1). Default: false.
	Parents bool
	// AllowUnsigned lets mail out unsigned if there is no key for its domain.
	// Default: false, it is refused with ErrNoKey.
	AllowUnsigned bool
	// Lifetime is how long a signature can be verified (x=), an hour at least; mail
	// may wait in queues for days. Default: 0, without end.
	Lifetime time.Duration
	// Fields are the names of further header fields to be covered where a message
	// has them. Default: none; see Signer.SignMessage for those that always are.
	Fields []string
}

// String tells the names of the keys and nothing else, least of all the keys.
func (c Config) String() string { return fmt.Sprint("dkim with ", c.Keys) }

// GoString is String.
func (c Config) GoString() string { return c.String() }

// LogValue is String, for log/slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// New returns a Signer. Everything that is wrong with the configuration is
// reported at once, each as a FieldError.
func New(c Config) (*Signer, error) {
	s := &Signer{keys: map[string][]Key{}, parents: c.Parents, allowUnsigned: c.AllowUnsigned, lifetime: c.Lifetime}
	var faults []error
	if len(c.Keys) == 0 {
		faults = append(faults, &FieldError{"Keys", -1, ErrRequired})
	}
	for i, k := range c.Keys {
		k, wrong := k.prepare()
		for _, f := range wrong {
			f.Field, f.Index = "Keys."+f.Field, i
			faults = append(faults, f)
		}
		if wrong != nil {
			continue
		}
		if slices.ContainsFunc(s.keys[k.Domain], k.sameKind) {
			faults = append(faults, &FieldError{"Keys", i, ErrDuplicate})
		}
		s.keys[k.Domain] = append(s.keys[k.Domain], k)
	}
	if c.Lifetime != 0 && c.Lifetime < minLifetime {
		faults = append(faults, &FieldError{"Lifetime", -1, ErrInvalid})
	}
	s.cover = slices.Clone(standard)
	for i, name := range c.Fields {
		if err := checkField(name); err != nil {
			faults = append(faults, &FieldError{"Fields", i, err})
			continue
		}
		// One that is there already is found before this one.
		s.cover = append(s.cover, cover{name, maxRepeats, false})
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return s, nil
}

// sameKind says whether both keys are RSA, or both Ed25519.
func (k Key) sameKind(other Key) bool {
	_, a := k.Private.Public().(ed25519.PublicKey)
	_, b := other.Private.Public().(ed25519.PublicKey)
	return a == b
}
