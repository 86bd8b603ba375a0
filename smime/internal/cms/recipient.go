package cms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
)

// Recipient is whom a message is encrypted to.
type Recipient struct {
	Certificate *x509.Certificate
	// OAEP chooses RSAES-OAEP with SHA-256 (RFC 3560) instead of PKCS #1 v1.5
	// where the key is RSA.
	OAEP bool
}

// CanReceive reports whether anything can be encrypted to the holder of a
// certificate with this public key.
func CanReceive(pub crypto.PublicKey) bool {
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		return true
	case *ecdsa.PublicKey:
		_, err := pub.ECDH()
		return err == nil
	}
	return false
}

// recipientInfos encrypts the content key to each recipient. The version is that
// of the EnvelopedData which they make necessary (RFC 5652 section 6.1).
func recipientInfos(key []byte, to []Recipient) (infos []byte, version byte, err error) {
	var all [][]byte
	for _, r := range to {
		var info []byte
		switch pub := r.Certificate.PublicKey.(type) {
		case *rsa.PublicKey:
			info, err = transport(key, r, pub)
		case *ecdsa.PublicKey:
			version = 2
			info, err = agree(key, r, pub)
		default:
			err = ErrAlgorithm
		}
		if err != nil {
			return nil, 0, err
		}
		all = append(all, info)
	}
	return element(tagSet, all...), version, nil
}

// transport returns a KeyTransRecipientInfo (RFC 5652 section 6.2.1).
func transport(key []byte, r Recipient, pub *rsa.PublicKey) (info []byte, err error) {
	var alg, encrypted []byte
	if r.OAEP {
		digest := algorithm(idSHA256, []byte(null)) // RFC 4055 section 2.1
		alg = algorithm(idOAEP, sequence(element(explicit0, digest), element(explicit1, algorithm(idMGF1, digest))))
		encrypted, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, pub, key, nil)
	} else {
		alg = algorithm(idRSA, []byte(null))
		//lint:ignore SA1019 it is what all mail programs read; whoever decrypts has to be careful
		encrypted, err = rsa.EncryptPKCS1v15(rand.Reader, pub, key)
	}
	if err != nil {
		return nil, err
	}
	return sequence(number(0), issuerAndSerial(r.Certificate), alg, element(tagOctetString, encrypted)), nil
}

// agree returns a KeyAgreeRecipientInfo with a key pair for this once (RFC 5753
// section 3.1): dhSinglePass-stdDH-sha256kdf, and AES-256 to wrap.
func agree(key []byte, r Recipient, pub *ecdsa.PublicKey) ([]byte, error) {
	peer, err := pub.ECDH()
	if err != nil {
		return nil, ErrAlgorithm
	}
	once, err := peer.Curve().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	secret, err := once.ECDH(peer)
	if err != nil {
		return nil, err
	}
	const size = 32
	wrapAlg := algorithm(idAES256Wrap)
	kek := deriveKey(sha256.New, secret, sharedInfo(wrapAlg, nil, size), size)
	wrapped, err := wrapKey(kek, key)
	if err != nil {
		return nil, err
	}
	point := append([]byte{0}, once.PublicKey().Bytes()...) // no unused bits
	originator := element(explicit1, algorithm(idECPublicKey), element(tagBitString, point))
	return element(explicit1,
		number(3),
		element(explicit0, originator),
		algorithm(idStdDHSHA256, wrapAlg),
		sequence(sequence(issuerAndSerial(r.Certificate), element(tagOctetString, wrapped))),
	), nil
}
