package cms

import (
	"crypto/x509"
	"encoding/asn1"
	"math/big"
)

// Tags of elements that are written and read.
const (
	tagInteger     = 0x02
	tagBitString   = 0x03
	tagOctetString = 0x04
	tagUTCTime     = 0x17
	tagTime        = 0x18
	tagSequence    = 0x30
	tagSet         = 0x31
	constructed    = 0x20
	context0       = 0x80 // [0] IMPLICIT of something primitive
	explicit0      = 0xA0 // [0] of something constructed
	explicit1      = 0xA1
	explicit2      = 0xA2
)

// element returns one element that contains the pieces.
func element(tag byte, pieces ...[]byte) []byte {
	n := 0
	for _, p := range pieces {
		n += len(p)
	}
	out := appendHeader(make([]byte, 0, n+10), tag, int64(n))
	for _, p := range pieces {
		out = append(out, p...)
	}
	return out
}

// appendHeader appends the tag and the length of an element.
func appendHeader(dst []byte, tag byte, length int64) []byte {
	dst = append(dst, tag)
	if length < 0x80 {
		return append(dst, byte(length))
	}
	octets := 0
	for n := length; n > 0; n >>= 8 {
		octets++
	}
	dst = append(dst, 0x80|byte(octets))
	for octets--; octets >= 0; octets-- {
		dst = append(dst, byte(length>>(8*octets)))
	}
	return dst
}

// headerLen is the number of octets that appendHeader appends.
func headerLen(length int64) int64 {
	n := int64(2)
	if length >= 0x80 {
		for ; length > 0; length >>= 8 {
			n++
		}
	}
	return n
}

func sequence(pieces ...[]byte) []byte { return element(tagSequence, pieces...) }

// number returns a small INTEGER.
func number(n byte) []byte { return []byte{tagInteger, 1, n} }

// algorithm returns an AlgorithmIdentifier.
func algorithm(id string, parameters ...[]byte) []byte {
	return sequence(append([][]byte{[]byte(id)}, parameters...)...)
}

// issuerAndSerial names a certificate (RFC 5652 section 10.2.4).
func issuerAndSerial(cert *x509.Certificate) []byte {
	serial := cert.SerialNumber
	if serial == nil {
		serial = new(big.Int)
	}
	der, _ := asn1.Marshal(serial) // never fails
	return sequence(cert.RawIssuer, der)
}
