package smime

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/qdmail/qdmail/smime/internal/cms"
)

// Signer signs MIME entities with a private key and its certificate. It is made
// by LoadPEM, LoadEncryptedPEM, LoadPFX or New; after that its fields may be set.
// It may be used from many goroutines at once, if its key may, and must not be
// changed after its first use.
type Signer struct {
	// Hash is the hash function: crypto.SHA256, SHA384 or SHA512, and none that
	// is shorter than an elliptic curve's order. Default: SHA-256; for keys on
	// P-384 SHA-384, on P-521 SHA-512.
	Hash crypto.Hash
	// Opaque puts the content into the signature (application/pkcs7-mime), so
	// that no relay can break it, and no mail program without S/MIME can show it.
	// Default: false, multipart/signed.
	Opaque bool
	// Clock tells the time of signing, at which the certificate has to be valid.
	// Default: time.Now.
	Clock func() time.Time
	// Rand is the source of boundaries, and what the key is given to sign; it has
	// to serve as many goroutines as the Signer does. Default: crypto/rand.
	Rand io.Reader
	// Logger gets a warning for what InsecureExpired and InsecureFrom let pass.
	// Default: nothing is logged.
	Logger *slog.Logger
	// InsecureExpired signs even while the certificate has expired or isn't valid
	// yet. Default: false, that is an error.
	InsecureExpired bool
	// InsecureFrom signs for authors whose address isn't in the certificate; mail
	// programs warn of such mail. Default: false, CheckFrom returns an error.
	InsecureFrom bool

	key   func() crypto.Signer // in a function, where no formatting finds it
	cert  *x509.Certificate
	chain []*x509.Certificate
	hash  crypto.Hash
	id    *cms.Identity
}

// New makes a Signer from a key and its certificate. The key may be on another
// machine or in hardware; it is asked for RSA PKCS #1 v1.5 or ECDSA signatures of
// digests. The chain is what leads from the certificate to its root; it goes
// along with each signature, without the root.
//
// The error is an Error with ErrNoKey, ErrNoCertificate, ErrKeyMismatch,
// ErrUnsupportedKey or ErrUsage. Whether the certificate is valid is checked when
// something is signed, and by Check.
func New(key crypto.Signer, cert *x509.Certificate, chain ...*x509.Certificate) (*Signer, error) {
	switch {
	case key == nil:
		return nil, fail(ErrNoKey)
	case cert == nil:
		return nil, fail(ErrNoCertificate)
	}
	hash, err := hashFor(key.Public())
	if err != nil {
		return nil, certificateError(cert, err)
	}
	if !belongsTo(key.Public(), cert) {
		return nil, certificateError(cert, ErrKeyMismatch)
	}
	if err := checkUsage(cert, x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment); err != nil {
		return nil, err
	}
	chain = withoutRoot(cert, chain)
	return &Signer{
		key:   func() crypto.Signer { return key },
		cert:  cert,
		chain: chain,
		hash:  hash,
		id:    cms.NewIdentity(cert, chain),
	}, nil
}

// Certificate returns the certificate.
func (s *Signer) Certificate() *x509.Certificate { return s.cert }

// Chain returns the certificates that go along with a signature beside the
// signer's own.
func (s *Signer) Chain() []*x509.Certificate { return slices.Clone(s.chain) }

// String names the certificate. Nothing ever prints the key.
func (s *Signer) String() string {
	if s == nil || s.cert == nil {
		return "smime signer without a key"
	}
	return "smime signer " + name(s.cert)
}

// GoString is String.
func (s *Signer) GoString() string { return s.String() }

// LogValue is String, for log/slog.
func (s *Signer) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Check reports whether something could be signed now: an Error with ErrNoKey,
// ErrHash, ErrExpired or ErrNotYetValid otherwise.
func (s *Signer) Check() error {
	_, _, err := s.ready()
	return err
}

// ready returns the hash function and the time of signing.
func (s *Signer) ready() (crypto.Hash, time.Time, error) {
	if s.key == nil {
		return 0, time.Time{}, fail(ErrNoKey)
	}
	h := cmp.Or(s.Hash, s.hash)
	if h != crypto.SHA256 && h != crypto.SHA384 && h != crypto.SHA512 || h.Size() < s.hash.Size() {
		return 0, time.Time{}, certificateError(s.cert, ErrHash)
	}
	now := time.Now
	if s.Clock != nil {
		now = s.Clock
	}
	at := now()
	err := checkValidity(s.cert, at)
	if err != nil && s.InsecureExpired {
		s.warn(err)
		err = nil
	}
	return h, at, err
}

func (s *Signer) warn(err error) {
	if s.Logger != nil {
		s.Logger.Warn("signing all the same", slog.Any("error", err))
	}
}

func (s *Signer) random() io.Reader {
	if s.Rand != nil {
		return s.Rand
	}
	return rand.Reader
}

// CheckFrom reports whether the certificate is that of the author: one of the
// addresses, which are those of From and Sender of a message, has to be in it
// (RFC 8550 section 3). The domain of an address is given in A-labels. Upper and
// lower case are the same. Otherwise the error is an Error with ErrAddress,
// unless InsecureFrom says that there is none.
//
// Sign doesn't know the author; whoever composes a message calls this.
func (s *Signer) CheckFrom(addresses ...string) error {
	if s.cert == nil {
		return fail(ErrNoKey)
	}
	err := checkAddresses(s.cert, addresses)
	if err != nil && s.InsecureFrom {
		s.warn(err)
		err = nil
	}
	return err
}

// sign signs a content with the given digest.
func (s *Signer) sign(h crypto.Hash, digest []byte, at time.Time) (*cms.Signature, error) {
	sig, err := s.id.Sign(s.key(), s.random(), h, digest, at)
	if err != nil {
		return nil, certificateError(s.cert, translate(err))
	}
	return sig, nil
}
