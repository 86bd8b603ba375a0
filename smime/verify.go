package smime

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"go.mozilla.org/pkcs7"

	"github.com/qdmail/qdmail/smime/internal/cms"
)

// Verifier checks the signatures of messages. The zero value works; it may be used
// from many goroutines at once.
type Verifier struct {
	// Roots are the certificates in which trust ends. Default: those of the system.
	Roots *x509.CertPool
	// Intermediates lead from signers to roots, beside those that a message has.
	// Default: none.
	Intermediates *x509.CertPool
	// Clock tells the moment at which the certificates have to be valid. Default:
	// time.Now.
	Clock func() time.Time
}

// Verified is a message whose signatures are good.
type Verified struct {
	// Entity is the MIME entity that was signed, and all that is to be believed of
	// the message: what stands around it, the header too, is anybody's.
	Entity []byte
	// Signatures are the signatures, at least one.
	Signatures []Signature
}

// Signature is one signature of a message.
type Signature struct {
	// Certificate is the signer's.
	Certificate *x509.Certificate
	// Chains are the ways from it to a root.
	Chains [][]*x509.Certificate
	// Hash is the hash function.
	Hash crypto.Hash
	// Time is when the signer says it was; zero if it doesn't.
	Time time.Time
}

// CheckFrom reports whether one of the addresses, those of From and Sender of the
// message, is in the certificate of each signature. A good signature of somebody
// else proves nothing, so every reader has to ask.
func (v *Verified) CheckFrom(addresses ...string) error {
	if len(v.Signatures) == 0 {
		return fail(ErrNotSigned)
	}
	for _, s := range v.Signatures {
		if err := checkAddresses(s.Certificate, addresses); err != nil {
			return err
		}
	}
	return nil
}

// Verify checks all signatures of a message or entity, multipart/signed or opaque,
// with CRLF or, as it is stored on Unix, LF line endings. Every certificate has to
// lead to a root, be valid and be for mail. Signatures with SHA-1 or MD5 aren't
// believed.
//
// The error is an Error with ErrNotSigned, ErrFormat, ErrUnsupported,
// ErrSignature or ErrUntrusted.
func (v *Verifier) Verify(mail []byte) (*Verified, error) {
	entity, object, err := signedObject(mail)
	if err != nil {
		return nil, err
	}
	p7, err := parseSigned(object, &entity)
	if err != nil {
		return nil, err
	}
	out := &Verified{Entity: entity}
	for i := range p7.Signers {
		s, err := v.signature(p7, i)
		if err != nil {
			return nil, err
		}
		out.Signatures = append(out.Signatures, s)
	}
	return out, nil
}

// signedObject returns the SignedData of a message and, if it is detached, the
// entity.
func signedObject(mail []byte) (entity, object []byte, err error) {
	p, err := parsePart(mail)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case p.mediaType == "multipart/signed":
		entity, raw, err := p.signedParts()
		if err != nil {
			return nil, nil, err
		}
		signature, err := parsePart(raw)
		if err != nil {
			return nil, nil, err
		}
		if !signature.is("pkcs7-signature") {
			return nil, nil, fail(ErrNotSigned)
		}
		object, err = signature.decoded()
		return canonicalized(entity), object, err
	case p.is("pkcs7-mime"):
		object, err = p.decoded()
		return nil, object, err
	}
	return nil, nil, fail(ErrNotSigned)
}

// parseSigned parses a SignedData and checks that its signatures are those of the
// entity, which is its content if it has one.
func parseSigned(object []byte, entity *[]byte) (p7 *pkcs7.PKCS7, err error) {
	signed, content, err := cms.Detach(object)
	switch {
	case err != nil:
		return nil, fail(translate(err))
	case content == nil == (*entity == nil):
		return nil, fail(ErrNotSigned) // two contents, or none
	case content != nil:
		*entity = content
	}
	defer func() {
		if recover() != nil { // whatever a hostile signature does to the parser
			p7, err = nil, fail(ErrFormat)
		}
	}()
	if p7, err = pkcs7.Parse(signed); err != nil {
		return nil, fail(fmt.Errorf("the signature %w: %w", ErrFormat, err))
	}
	if len(p7.Signers) == 0 {
		return nil, fail(ErrNotSigned)
	}
	p7.Content = *entity
	if err := p7.Verify(); err != nil {
		return nil, fail(fmt.Errorf("%w: %w", ErrSignature, reason(err)))
	}
	return p7, nil
}

// reason is why a signature isn't valid, on one line.
func reason(err error) error {
	var digest *pkcs7.MessageDigestMismatchError
	if errors.As(err, &digest) {
		return errors.New("the content was changed")
	}
	return err
}

// signature judges a signature that is known to be that of the content.
func (v *Verifier) signature(p7 *pkcs7.PKCS7, i int) (s Signature, err error) {
	signer := p7.Signers[i]
	for _, c := range p7.Certificates {
		id := signer.IssuerAndSerialNumber
		if c.SerialNumber.Cmp(id.SerialNumber) == 0 && string(c.RawIssuer) == string(id.IssuerName.FullBytes) {
			s.Certificate = c
			break
		}
	}
	if s.Certificate == nil {
		return s, fail(ErrNoCertificate)
	}
	hash, known := cms.SignatureHash(signer.DigestAlgorithm.Algorithm)
	if !known || signer.DigestEncryptionAlgorithm.Algorithm.Equal(pkcs7.OIDDigestAlgorithmECDSASHA1) {
		return s, certificateError(s.Certificate, fmt.Errorf("%w: the hash function of its signature", ErrUnsupported))
	}
	s.Hash = hash
	for _, a := range signer.AuthenticatedAttributes {
		switch {
		case a.Type.Equal(pkcs7.OIDAttributeSigningTime):
			if _, err := asn1.Unmarshal(a.Value.Bytes, &s.Time); err != nil {
				return s, fail(ErrFormat)
			}
		case a.Type.Equal(pkcs7.OIDAttributeContentType): // which pkcs7 leaves to us
			var kind asn1.ObjectIdentifier
			if _, err := asn1.Unmarshal(a.Value.Bytes, &kind); err != nil || !kind.Equal(pkcs7.OIDData) {
				return s, fail(fmt.Errorf("%w: it is that of another type of content", ErrSignature))
			}
		}
	}
	s.Chains, err = v.chains(s.Certificate, p7.Certificates)
	return s, err
}

// chains leads from a signer's certificate to the roots.
func (v *Verifier) chains(cert *x509.Certificate, others []*x509.Certificate) ([][]*x509.Certificate, error) {
	pool := x509.NewCertPool()
	if v.Intermediates != nil {
		pool = v.Intermediates.Clone()
	}
	for _, c := range others {
		pool.AddCert(c)
	}
	now := time.Now
	if v.Clock != nil {
		now = v.Clock
	}
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots:         v.Roots,
		Intermediates: pool,
		CurrentTime:   now(),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
	})
	if err == nil {
		err = checkUsage(cert, x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment)
	}
	if err != nil {
		return nil, certificateError(cert, fmt.Errorf("%w: %w", ErrUntrusted, err))
	}
	return chains, nil
}
