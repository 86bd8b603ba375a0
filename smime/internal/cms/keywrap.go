package cms

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/binary"
	"hash"
)

// wrapIV is the initial value of RFC 3394 section 2.2.3.1.
const wrapIV = "\xa6\xa6\xa6\xa6\xa6\xa6\xa6\xa6"

// wrapKey encrypts a key with another one (RFC 3394 section 2.2.1). The key has
// a multiple of 8 octets.
func wrapKey(kek, key []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil || len(key) < 16 || len(key)%8 != 0 {
		return nil, ErrAlgorithm
	}
	n := len(key) / 8
	out := append([]byte(wrapIV), key...)
	var b [16]byte
	copy(b[:8], out)
	for j := range 6 {
		for i := 1; i <= n; i++ {
			copy(b[8:], out[8*i:])
			block.Encrypt(b[:], b[:])
			copy(out[8*i:8*i+8], b[8:])
			step(b[:8], n*j+i)
		}
	}
	copy(out, b[:8])
	return out, nil
}

// unwrapKey is the inverse of wrapKey (RFC 3394 section 2.2.2).
func unwrapKey(kek, wrapped []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil || len(wrapped) < 24 || len(wrapped) > 72 || len(wrapped)%8 != 0 {
		return nil, ErrDecrypt
	}
	n := len(wrapped)/8 - 1
	out := append([]byte(nil), wrapped...)
	var b [16]byte
	copy(b[:8], out)
	for j := 5; j >= 0; j-- {
		for i := n; i >= 1; i-- {
			step(b[:8], n*j+i)
			copy(b[8:], out[8*i:8*i+8])
			block.Decrypt(b[:], b[:])
			copy(out[8*i:], b[8:])
		}
	}
	if subtle.ConstantTimeCompare(b[:8], []byte(wrapIV)) != 1 {
		return nil, ErrDecrypt
	}
	return out[8:], nil
}

// step mixes the number of the step into the first half of a block.
func step(half []byte, t int) {
	binary.BigEndian.PutUint64(half, binary.BigEndian.Uint64(half)^uint64(t))
}

// deriveKey makes a key of a shared secret (ANSI X9.63, as in SEC 1 section
// 3.6.1).
func deriveKey(newHash func() hash.Hash, secret, info []byte, size int) []byte {
	var key []byte
	for counter := uint32(1); len(key) < size; counter++ {
		h := newHash()
		h.Write(secret)
		h.Write(binary.BigEndian.AppendUint32(nil, counter))
		h.Write(info)
		key = h.Sum(key)
	}
	return key[:size]
}

// sharedInfo is the ECC-CMS-SharedInfo of RFC 5753 section 7.2: what the key that
// is derived is for.
func sharedInfo(wrapAlgorithm, ukm []byte, size int) []byte {
	var user []byte
	if ukm != nil {
		user = element(explicit0, element(tagOctetString, ukm))
	}
	bits := binary.BigEndian.AppendUint32(nil, uint32(8*size))
	return sequence(wrapAlgorithm, user, element(explicit2, element(tagOctetString, bits)))
}
