package cms

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
)

// Detach returns a SignedData in DER without its content, and the content, which
// is nil if it is somewhere else. Without the content it is small, whatever was
// signed; its depth is bounded; and all signers are named by issuer and serial
// number, which are the only ones that pkcs7 knows. None of this is signed.
func Detach(ber []byte) (signed, content []byte, err error) {
	der, err := normalize(ber)
	if err != nil {
		return nil, nil, err
	}
	outer := input{rest: der}
	info := outer.enter(tagSequence)
	id, _ := info.next()
	wrapped := info.enter(explicit0)
	data := wrapped.enter(tagSequence)
	version, _ := data.next()
	digests, _ := data.next()
	encap := data.enter(tagSequence)
	kind, _ := encap.next()
	if c, there := encap.optional(explicit0); there {
		octets := input{rest: c}
		if content = octets.take(tagOctetString); octets.bad {
			return nil, nil, ErrSyntax
		}
	}
	switch {
	case !info.bad && string(id) != idSignedData:
		return nil, nil, ErrType
	case data.bad || encap.bad || info.bad || wrapped.bad || string(kind) != idData:
		return nil, nil, ErrSyntax
	}
	certificates, _ := data.optional(explicit0)
	data.optional(explicit1) // revocation lists
	infos, err := named(data.enter(tagSet), certificates)
	if err != nil {
		return nil, nil, err
	}
	if len(certificates) > 0 {
		certificates = element(explicit0, certificates)
	}
	all := sequence(version, digests, sequence(kind), certificates, element(tagSet, infos))
	return sequence(id, element(explicit0, all)), content, nil
}

// maxSigners is how many signatures a message may have; each takes the time of
// reading all of it.
const maxSigners = 32

// named returns SignerInfos that all have an IssuerAndSerialNumber. Those that
// have a SubjectKeyIdentifier get the one of the certificate that it means.
func named(infos input, certificates []byte) ([]byte, error) {
	var out []byte
	for n := 0; len(infos.rest) > 0 && !infos.bad; n++ {
		if n == maxSigners {
			return nil, ErrSyntax
		}
		whole, content := infos.next()
		info := input{rest: content}
		info.take(tagInteger)
		if keyID, there := info.optional(context0); there {
			cert := byKeyID(certificates, keyID)
			if cert == nil {
				return nil, ErrSyntax
			}
			whole = sequence(number(1), issuerAndSerial(cert), info.rest)
		}
		out = append(out, whole...)
	}
	if infos.bad {
		return nil, ErrSyntax
	}
	return out, nil
}

// byKeyID returns the certificate with a SubjectKeyIdentifier, or nil.
func byKeyID(certificates, keyID []byte) *x509.Certificate {
	for in := (input{rest: certificates}); len(in.rest) > 0 && !in.bad; {
		whole, _ := in.next()
		cert, err := x509.ParseCertificate(whole)
		if err == nil && len(keyID) > 0 && bytes.Equal(cert.SubjectKeyId, keyID) {
			return cert
		}
	}
	return nil
}

// SignatureHash returns the hash function with the identifier, if signatures with
// it are to be believed.
func SignatureHash(id asn1.ObjectIdentifier) (crypto.Hash, bool) {
	der, err := asn1.Marshal(id)
	h, known := hashOf(string(der))
	return h, err == nil && known && h >= crypto.SHA256
}
