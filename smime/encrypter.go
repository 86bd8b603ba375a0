package smime

import (
	"cmp"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/qdmail/qdmail/smime/internal/cms"
)

// Cipher is what the content of a message is encrypted with.
type Cipher uint8

const (
	// AES256CBC is EnvelopedData with AES-256 in CBC mode, which every mail
	// program reads. It is the default.
	AES256CBC Cipher = iota
	// AES256GCM is AuthEnvelopedData with AES-256 in GCM mode (RFC 5083), which
	// recent mail programs read; a change on the way is noticed. The message is
	// held in memory once, since nothing can be opened before the end of it.
	AES256GCM
)

// Missing says what happens to recipients who have no certificate.
type Missing uint8

const (
	// MissingError makes For fail, with an error for each of them. It is the
	// default.
	MissingError Missing = iota
	// MissingClear gives them a copy of their own that isn't encrypted. It is
	// signed if there is a Signer.
	MissingClear
)

// Encrypter encrypts mail to the certificates of its recipients. It may be used
// from many goroutines at once and must not be changed after its first use.
type Encrypter struct {
	// Find returns the certificate of an address, nil if there is none; an error
	// makes For fail. It gets the addresses as For does. Among is one for
	// certificates in memory, which have domains in A-labels. Default: nobody has a
	// certificate.
	Find func(address string) (*x509.Certificate, error)
	// Signer signs each message before it is encrypted. Default: nil, encrypted
	// messages say nothing about who wrote them.
	Signer *Signer
	// Also are certificates to which every copy is encrypted beside those of its
	// recipients, such as the sender's own for an archive. Every recipient can
	// see that. Default: none.
	Also []*x509.Certificate
	// Cipher encrypts the content. Default: AES256CBC.
	Cipher Cipher
	// OAEP encrypts the key of the content with RSAES-OAEP (RFC 3560) where the
	// recipient has an RSA key. Default: false, PKCS #1 v1.5, which every mail
	// program reads.
	OAEP bool
	// Missing says what happens to recipients who have no certificate. Default:
	// MissingError.
	Missing Missing
	// Clock tells when the certificates have to be valid. Default: time.Now.
	Clock func() time.Time
}

// Among returns a function for Encrypter.Find that knows these certificates by
// their addresses. If an address has several, it is the one that is valid longest.
func Among(certs ...*x509.Certificate) func(address string) (*x509.Certificate, error) {
	certs = slices.Clone(certs)
	slices.SortStableFunc(certs, func(a, b *x509.Certificate) int { return b.NotAfter.Compare(a.NotAfter) })
	return func(address string) (*x509.Certificate, error) {
		for _, c := range certs {
			if hasAddress(c, address) && canReceive(c) == nil {
				return c, nil
			}
		}
		for _, c := range certs { // one that can't be used is another error than none
			if hasAddress(c, address) {
				return c, nil
			}
		}
		return nil, nil
	}
}

// For finds the certificates of the recipients and returns the copies that have to
// be made, each with those who get it. The visible recipients, those of To and Cc,
// get the same copy; each of the hidden ones, those of Bcc, gets one that names
// nobody else's certificate, since everybody can read to whom a message is
// encrypted. Recipients without a certificate get copies that aren't encrypted, if
// Missing allows that.
//
// The error joins an Error for each recipient whose certificate is missing
// (ErrNoCertificate), isn't valid now (ErrExpired, ErrNotYetValid), isn't for this
// (ErrUsage, ErrUnsupportedKey), or can't be found.
func (e *Encrypter) For(visible, hidden []string) ([]*Copy, error) {
	secret, open := &Copy{encrypter: e}, &Copy{encrypter: e, Clear: true}
	var faults []error
	now := time.Now
	if e.Clock != nil {
		now = e.Clock
	}
	at := now()
	for _, c := range e.Also {
		faults = append(faults, checkRecipient(c, at))
	}
	for _, address := range visible {
		switch cert, err := e.find(address, at); {
		case err != nil:
			faults = append(faults, err)
		case cert == nil:
			open.Recipients = append(open.Recipients, address)
		default:
			secret.add(address, cert)
		}
	}
	copies := []*Copy{secret, open}
	for _, address := range hidden {
		own := &Copy{encrypter: e}
		switch cert, err := e.find(address, at); {
		case err != nil:
			faults = append(faults, err)
		case cert == nil:
			own.Clear, own.Recipients = true, []string{address}
		default:
			own.add(address, cert)
		}
		copies = append(copies, own)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(copies, func(c *Copy) bool { return len(c.Recipients) == 0 }), nil
}

// find returns the certificate of an address, nil if it may do without.
func (e *Encrypter) find(address string, at time.Time) (*x509.Certificate, error) {
	var cert *x509.Certificate
	var err error
	if e.Find != nil {
		cert, err = e.Find(address)
	}
	switch {
	case err != nil:
	case cert != nil:
		err = checkRecipient(cert, at)
	case e.Missing != MissingClear:
		err = ErrNoCertificate
	}
	if err == nil {
		return cert, nil
	}
	var known *Error
	if errors.As(err, &known) {
		named := *known
		named.Address = cmp.Or(named.Address, address)
		return nil, &named
	}
	return nil, &Error{Address: address, Err: err}
}

// checkRecipient reports whether something can be encrypted to a certificate.
func checkRecipient(cert *x509.Certificate, at time.Time) error {
	if err := canReceive(cert); err != nil {
		return err
	}
	return checkValidity(cert, at)
}

func canReceive(cert *x509.Certificate) error {
	if _, err := hashFor(cert.PublicKey); err != nil || !cms.CanReceive(cert.PublicKey) {
		return certificateError(cert, cmp.Or(err, ErrUnsupportedKey))
	}
	usage := x509.KeyUsageKeyEncipherment
	if cert.PublicKeyAlgorithm == x509.ECDSA {
		usage = x509.KeyUsageKeyAgreement
	}
	return checkUsage(cert, usage)
}
