package cms

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"hash"
)

// ErrDecrypt is the error for a message that doesn't open, whatever the reason:
// one that told more would help somebody who tries out messages.
var ErrDecrypt = errors.New("cms: the message does not open")

// ErrType is the error for a message that is something else.
var ErrType = errors.New("cms: another type of message")

// ErrRecipient is the error for a message that isn't encrypted to a certificate.
var ErrRecipient = errors.New("cms: not encrypted to this certificate")

// Open returns the content of an EnvelopedData or AuthEnvelopedData that is
// encrypted to a certificate. The key is a crypto.Decrypter for RSA, and an
// *ecdsa.PrivateKey or an ecdh.KeyExchanger for elliptic curves. Authenticated
// says that nobody without a certificate of the message has changed it since.
func Open(ber []byte, cert *x509.Certificate, key crypto.PrivateKey) (content []byte, authenticated bool, err error) {
	der, err := normalize(ber)
	if err != nil {
		return nil, false, err
	}
	m, err := parseEnveloped(der)
	if err != nil {
		return nil, false, err
	}
	cek, err := m.contentKey(cert, key)
	if err != nil {
		return nil, false, err
	}
	content, err = m.cipher.decrypt(cek, m.parameters, m.content, m.mac, m.attributes)
	return content, m.cipher.gcm, err
}

// envelopedData is what is read of an EnvelopedData or AuthEnvelopedData.
type envelopedData struct {
	recipients input
	cipher     *contentCipher
	parameters input
	content    []byte
	attributes []byte // that are authenticated, as a SET
	mac        []byte
}

func parseEnveloped(der []byte) (*envelopedData, error) {
	outer := input{rest: der}
	info := outer.enter(tagSequence)
	id, _ := info.next()
	authenticated := string(id) == idAuthEnveloped
	if !info.bad && !authenticated && string(id) != idEnvelopedData {
		return nil, ErrType
	}
	wrapped := info.enter(explicit0)
	data := wrapped.enter(tagSequence)
	data.take(tagInteger)
	data.optional(explicit0) // OriginatorInfo
	m := &envelopedData{recipients: data.enter(tagSet)}
	encrypted := data.enter(tagSequence)
	encrypted.next() // the type of the content: whatever it is, it is returned
	cipherID, parameters := encrypted.algorithm()
	m.parameters = parameters
	m.content = encryptedContent(&encrypted)
	if authenticated {
		if attrs, there := data.optional(explicit1); there {
			m.attributes = element(tagSet, attrs)
		}
		m.mac = data.take(tagOctetString)
	}
	if data.bad || encrypted.bad || info.bad || wrapped.bad {
		return nil, ErrSyntax
	}
	m.cipher = contentCipherOf(cipherID)
	if m.cipher == nil || m.cipher.gcm != authenticated {
		return nil, ErrAlgorithm
	}
	return m, nil
}

// encryptedContent returns [0] IMPLICIT OCTET STRING, which may be in pieces. The
// normalizer can't know that it is one.
func encryptedContent(in *input) []byte {
	if in.peek() == context0 {
		return in.take(context0)
	}
	pieces := in.enter(explicit0)
	var all []byte
	for len(pieces.rest) > 0 && !pieces.bad {
		all = append(all, pieces.take(tagOctetString)...)
	}
	in.bad = in.bad || pieces.bad
	return all
}

// contentKey finds what is encrypted to the certificate and decrypts it.
func (m *envelopedData) contentKey(cert *x509.Certificate, key crypto.PrivateKey) ([]byte, error) {
	for r := m.recipients; len(r.rest) > 0 && !r.bad; {
		tag := r.peek()
		_, content := r.next()
		info := input{rest: content}
		switch tag {
		case tagSequence:
			if info.take(tagInteger); isFor(&info, cert) {
				return m.transported(&info, key)
			}
		case explicit1:
			if k, err := m.agreed(&info, cert, key); err != ErrRecipient {
				return k, err
			}
		}
	}
	return nil, ErrRecipient
}

// isFor reads an identifier of a recipient and reports whether it means the
// certificate.
func isFor(in *input, cert *x509.Certificate) bool {
	switch in.peek() {
	case tagSequence:
		whole, _ := in.next()
		return bytes.Equal(whole, issuerAndSerial(cert))
	case context0: // SubjectKeyIdentifier
		id := in.take(context0)
		return len(id) > 0 && bytes.Equal(id, cert.SubjectKeyId)
	case explicit0: // RecipientKeyIdentifier
		id := in.enter(explicit0)
		key := id.take(tagOctetString)
		return len(key) > 0 && bytes.Equal(key, cert.SubjectKeyId)
	}
	in.next()
	return false
}

// transported decrypts the content key with RSA. If the padding of PKCS #1 v1.5 is
// wrong, a random key takes its place, so that nobody learns where it failed.
func (m *envelopedData) transported(info *input, key crypto.PrivateKey) ([]byte, error) {
	d, ok := key.(crypto.Decrypter)
	if !ok {
		return nil, ErrAlgorithm
	}
	if _, ok := d.Public().(*rsa.PublicKey); !ok {
		return nil, ErrAlgorithm
	}
	id, parameters := info.algorithm()
	encrypted := info.take(tagOctetString)
	var opts crypto.DecrypterOpts
	switch id {
	case idRSA:
		//lint:ignore SA1019 it is what all mail programs write; a failure can't be told from success
		opts = &rsa.PKCS1v15DecryptOptions{SessionKeyLen: m.cipher.key}
	case idOAEP:
		o, err := oaepOptions(parameters)
		if err != nil {
			return nil, err
		}
		opts = o
	default:
		return nil, ErrAlgorithm
	}
	if info.bad {
		return nil, ErrSyntax
	}
	k, err := d.Decrypt(rand.Reader, encrypted, opts)
	if err != nil || len(k) != m.cipher.key {
		return nil, ErrDecrypt
	}
	return k, nil
}

// oaepOptions reads RSAES-OAEP-params (RFC 4055 section 4.1).
func oaepOptions(in input) (*rsa.OAEPOptions, error) {
	o := &rsa.OAEPOptions{Hash: crypto.SHA1, MGFHash: crypto.SHA1}
	if len(in.rest) == 0 {
		return o, nil
	}
	p := in.enter(tagSequence)
	known := true
	if h, there := p.optional(explicit0); there {
		digest := input{rest: h}
		id, _ := digest.algorithm()
		o.Hash, known = hashOf(id)
	}
	if g, there := p.optional(explicit1); there && known {
		mgf := input{rest: g}
		id, digest := mgf.algorithm()
		digestID, _ := digest.algorithm()
		o.MGFHash, known = hashOf(digestID)
		known = known && id == idMGF1
	}
	if s, there := p.optional(explicit2); there && known {
		source := input{rest: s}
		id, label := source.algorithm()
		o.Label = label.take(tagOctetString)
		known = id == idPSpecified && !label.bad
	}
	if p.bad || !known {
		return nil, ErrAlgorithm
	}
	return o, nil
}

func hashOf(id string) (crypto.Hash, bool) {
	switch id {
	case idSHA1:
		return crypto.SHA1, true
	case idSHA224:
		return crypto.SHA224, true
	case idSHA256:
		return crypto.SHA256, true
	case idSHA384:
		return crypto.SHA384, true
	case idSHA512:
		return crypto.SHA512, true
	}
	return 0, false
}

// derivations are the hash functions of key agreement (RFC 5753 section 7.1.4).
// SHA-1 is what OpenSSL writes if it isn't told otherwise.
var derivations = map[string]func() hash.Hash{
	idStdDHSHA1:   sha1.New,
	idStdDHSHA224: sha256.New224,
	idStdDHSHA256: sha256.New,
	idStdDHSHA384: sha512.New384,
	idStdDHSHA512: sha512.New,
}

var wraps = map[string]int{idAES128Wrap: 16, idAES192Wrap: 24, idAES256Wrap: 32}

// agreed decrypts the content key with an elliptic curve.
func (m *envelopedData) agreed(info *input, cert *x509.Certificate, key crypto.PrivateKey) ([]byte, error) {
	info.take(tagInteger)
	choice := info.enter(explicit0)
	originator := choice.enter(explicit1)
	originator.algorithm()
	point := originator.take(tagBitString)
	var ukm []byte
	if u, there := info.optional(explicit1); there {
		inner := input{rest: u}
		ukm = inner.take(tagOctetString)
	}
	id, parameters := info.algorithm()
	wrapAlg, _ := parameters.next()
	keys := info.enter(tagSequence)
	var wrapped []byte
	for len(keys.rest) > 0 && !keys.bad && wrapped == nil {
		one := keys.enter(tagSequence)
		if isFor(&one, cert) {
			wrapped = one.take(tagOctetString)
		}
	}
	if wrapped == nil {
		return nil, ErrRecipient
	}
	wrapInput := input{rest: wrapAlg}
	wrapID, _ := wrapInput.algorithm()
	kdf, size := derivations[id], wraps[wrapID]
	if kdf == nil || size == 0 {
		return nil, ErrAlgorithm
	}
	if info.bad || choice.bad || originator.bad || len(point) < 2 {
		return nil, ErrSyntax
	}
	secret, err := sharedSecret(key, point[1:])
	if err != nil {
		return nil, err
	}
	k, err := unwrapKey(deriveKey(kdf, secret, sharedInfo(wrapAlg, ukm, size), size), wrapped)
	if err != nil || len(k) != m.cipher.key {
		return nil, ErrDecrypt
	}
	return k, nil
}

func sharedSecret(key crypto.PrivateKey, point []byte) ([]byte, error) {
	if k, ok := key.(*ecdsa.PrivateKey); ok {
		converted, err := k.ECDH()
		if err != nil {
			return nil, ErrAlgorithm
		}
		key = converted
	}
	k, ok := key.(ecdh.KeyExchanger)
	if !ok {
		return nil, ErrAlgorithm
	}
	peer, err := k.Curve().NewPublicKey(point)
	if err != nil {
		return nil, ErrDecrypt
	}
	secret, err := k.ECDH(peer)
	if err != nil {
		return nil, ErrDecrypt
	}
	return secret, nil
}
