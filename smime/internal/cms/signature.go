package cms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"io"
	"slices"
	"time"
)

// ErrSignature is the error for a key that makes signatures which its certificate
// doesn't verify, and ErrAlgorithm the one for what nobody can do here.
var (
	ErrSignature = errors.New("cms: the signature doesn't fit the certificate")
	ErrAlgorithm = errors.New("cms: unsupported algorithm")
)

// Identity is who signs: a certificate with those that lead to its root.
type Identity struct {
	public       crypto.PublicKey
	signer       []byte // IssuerAndSerialNumber
	certificates []byte // of SignedData
}

// NewIdentity prepares what is the same in all signatures of a certificate.
func NewIdentity(leaf *x509.Certificate, chain []*x509.Certificate) *Identity {
	all := [][]byte{leaf.Raw}
	for _, c := range chain {
		all = append(all, c.Raw)
	}
	return &Identity{
		public:       leaf.PublicKey,
		signer:       issuerAndSerial(leaf),
		certificates: element(explicit0, all...),
	}
}

// digestID returns the identifier of a digest that is used for signing.
func digestID(h crypto.Hash) string {
	switch h {
	case crypto.SHA256:
		return idSHA256
	case crypto.SHA384:
		return idSHA384
	case crypto.SHA512:
		return idSHA512
	}
	return ""
}

// signatureAlgorithm returns the AlgorithmIdentifier of a signature (RFC 5754
// section 3), or nil if there is none for that key and digest.
func signatureAlgorithm(pub crypto.PublicKey, h crypto.Hash) []byte {
	switch pub.(type) {
	case *rsa.PublicKey:
		return algorithm(idRSA, []byte(null))
	case *ecdsa.PublicKey:
		switch h {
		case crypto.SHA256:
			return algorithm(idECDSAWithSHA256)
		case crypto.SHA384:
			return algorithm(idECDSAWithSHA384)
		case crypto.SHA512:
			return algorithm(idECDSAWithSHA512)
		}
	}
	return nil
}

// Signature is the signature of one content.
type Signature struct {
	id     *Identity
	digest []byte // SET OF DigestAlgorithmIdentifier
	info   []byte // SET OF SignerInfo
}

// Sign signs a content with the given digest by h, which is SHA-256, SHA-384 or
// SHA-512. A key that isn't one of the standard library's is checked: it may be
// another machine's.
func (id *Identity) Sign(key crypto.Signer, rand io.Reader, h crypto.Hash, digest []byte, at time.Time) (*Signature, error) {
	dID, alg := digestID(h), signatureAlgorithm(id.public, h)
	if dID == "" || alg == nil {
		return nil, ErrAlgorithm
	}
	attrs := signedAttributes(digest, at)
	hash := h.New()
	hash.Write(attrs)
	sum := hash.Sum(nil)
	value, err := key.Sign(rand, sum, h)
	if err != nil {
		return nil, err
	}
	switch key.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey:
	default:
		if !id.verifies(h, sum, value) {
			return nil, ErrSignature
		}
	}
	digestAlg := algorithm(dID)
	attrs[0] = explicit0 // the digest was that of a SET (RFC 5652 section 5.4)
	info := sequence(number(1), id.signer, digestAlg, attrs, alg, element(tagOctetString, value))
	return &Signature{id, element(tagSet, digestAlg), element(tagSet, info)}, nil
}

func (id *Identity) verifies(h crypto.Hash, sum, value []byte) bool {
	switch pub := id.public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(pub, h, sum, value) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(pub, sum, value)
	}
	return false
}

// capabilities are the ciphers that somebody who answers may use (RFC 8551
// section 2.5.2), the strongest first: those that every mail program reads.
var capabilities = sequence(algorithm(idAES256CBC), algorithm(idAES192CBC), algorithm(idAES128CBC))

// signedAttributes returns the SET OF attributes that is signed.
func signedAttributes(digest []byte, at time.Time) []byte {
	attrs := [][]byte{
		attribute(idContentType, []byte(idData)),
		attribute(idSigningTime, timeElement(at)),
		attribute(idMessageDigest, element(tagOctetString, digest)),
		attribute(idCapabilities, capabilities),
	}
	slices.SortFunc(attrs, bytes.Compare)
	return element(tagSet, attrs...)
}

func attribute(id string, value []byte) []byte {
	return sequence([]byte(id), element(tagSet, value))
}

// timeElement returns a Time (RFC 5652 section 11.3): UTCTime until 2049.
func timeElement(t time.Time) []byte {
	t = t.UTC()
	if y := t.Year(); y >= 1950 && y < 2050 {
		return element(tagUTCTime, t.AppendFormat(nil, "060102150405Z"))
	}
	return element(tagTime, t.AppendFormat(nil, "20060102150405Z"))
}

// Detached returns the SignedData without the content.
func (s *Signature) Detached() []byte {
	before, after := s.around(sequence([]byte(idData)), 0)
	return append(before, after...)
}

// Around returns what stands in a SignedData before and after its content of
// size octets.
func (s *Signature) Around(size int64) (before, after []byte) {
	// EncapsulatedContentInfo ::= SEQUENCE { id-data, [0] { OCTET STRING } }
	octets := headerLen(size) + size
	wrapped := headerLen(octets) + octets
	head := appendHeader(nil, tagSequence, int64(len(idData))+wrapped)
	head = append(head, idData...)
	head = appendHeader(head, explicit0, octets)
	head = appendHeader(head, tagOctetString, size)
	return s.around(head, size)
}

// around returns the SignedData around an EncapsulatedContentInfo of which the
// last size octets are left out.
func (s *Signature) around(encap []byte, size int64) (before, after []byte) {
	version := number(1)
	data := int64(len(version)+len(s.digest)+len(encap)+len(s.id.certificates)+len(s.info)) + size
	wrapped := headerLen(data) + data
	before = make([]byte, 0, 64+len(encap)+len(s.id.certificates)+len(s.info))
	before = appendHeader(before, tagSequence, int64(len(idSignedData))+headerLen(wrapped)+wrapped)
	before = append(before, idSignedData...)
	before = appendHeader(before, explicit0, wrapped)
	before = appendHeader(before, tagSequence, data)
	before = append(before, version...)
	before = append(before, s.digest...)
	before = append(before, encap...)
	return before, slices.Concat(s.id.certificates, s.info)
}
