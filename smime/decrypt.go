package smime

import (
	"crypto"
	"crypto/x509"

	"github.com/qdmail/qdmail/smime/internal/cms"
)

// Decrypted is a message that was encrypted.
type Decrypted struct {
	// Entity is the MIME entity that was encrypted. It may be a signed one, which
	// Verify reads.
	Entity []byte
	// Authenticated says that the content came as it was encrypted (AES-GCM).
	// With AES-CBC somebody on the way may have changed it; only a signature
	// inside tells. It never says who it is from.
	Authenticated bool
}

// Decrypt opens a message or entity that is encrypted to a certificate. The key is
// the certificate's: a crypto.Decrypter for RSA; an *ecdsa.PrivateKey or an
// ecdh.KeyExchanger for elliptic curves. What can be read beside what an
// Encrypter writes: AES-128, AES-192 and triple DES, RSAES-OAEP with any SHA, key
// agreement with any SHA, BER.
//
// The error is an Error with ErrNotEncrypted, ErrNotForUs, ErrFormat,
// ErrUnsupported or ErrDecrypt.
func Decrypt(mail []byte, cert *x509.Certificate, key crypto.PrivateKey) (*Decrypted, error) {
	if cert == nil || key == nil {
		return nil, fail(ErrNoKey)
	}
	p, err := parsePart(mail)
	if err != nil {
		return nil, err
	}
	if !p.is("pkcs7-mime") {
		return nil, fail(ErrNotEncrypted)
	}
	object, err := p.decoded()
	if err != nil {
		return nil, err
	}
	content, authenticated, err := cms.Open(object, cert, key)
	switch {
	case err == cms.ErrType:
		return nil, fail(ErrNotEncrypted)
	case err != nil:
		return nil, certificateError(cert, translate(err))
	}
	return &Decrypted{content, authenticated}, nil
}

// Decrypt opens a message or entity that is encrypted to the signer's own
// certificate, as the function Decrypt does.
func (s *Signer) Decrypt(mail []byte) (*Decrypted, error) {
	if s.key == nil {
		return nil, fail(ErrNoKey)
	}
	return Decrypt(mail, s.cert, s.key())
}
