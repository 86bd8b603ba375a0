package smime

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// leastRSA is the size in bits of the shortest RSA key that signs or receives
// (RFC 8551 section 4.2).
const leastRSA = 2048

// hashFor returns the hash that goes with a public key: as long as the curve's
// order, because verifiers such as gpgsm refuse a shorter one.
func hashFor(pub crypto.PublicKey) (crypto.Hash, error) {
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		if pub.N.BitLen() < leastRSA {
			return 0, fmt.Errorf("%w: RSA with %d bits, fewer than %d", ErrUnsupportedKey, pub.N.BitLen(), leastRSA)
		}
		return crypto.SHA256, nil
	case *ecdsa.PublicKey:
		switch pub.Curve {
		case elliptic.P256():
			return crypto.SHA256, nil
		case elliptic.P384():
			return crypto.SHA384, nil
		case elliptic.P521():
			return crypto.SHA512, nil
		}
	case ed25519.PublicKey:
		return 0, ErrEd25519
	}
	return 0, ErrUnsupportedKey
}

// belongsTo reports whether a certificate has the public key.
func belongsTo(pub crypto.PublicKey, cert *x509.Certificate) bool {
	k, ok := pub.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(cert.PublicKey)
}

// checkUsage reports whether a certificate is for mail and for one of the usages.
// One that doesn't say what it is for is for everything (RFC 8550 section 4.4).
func checkUsage(cert *x509.Certificate, usage x509.KeyUsage) error {
	if cert.KeyUsage != 0 && cert.KeyUsage&usage == 0 {
		return certificateError(cert, fmt.Errorf("%w: its keyUsage doesn't have it", ErrUsage))
	}
	if len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) > 0 &&
		!slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageEmailProtection) &&
		!slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny) {
		return certificateError(cert, fmt.Errorf("%w: its extKeyUsage lacks emailProtection", ErrUsage))
	}
	return nil
}

// checkValidity reports whether a certificate is valid at a moment.
func checkValidity(cert *x509.Certificate, now time.Time) error {
	switch {
	case now.Before(cert.NotBefore):
		return certificateError(cert, fmt.Errorf("%w, but from %s on", ErrNotYetValid, cert.NotBefore.UTC().Format(time.RFC3339)))
	case now.After(cert.NotAfter):
		return certificateError(cert, fmt.Errorf("%w at %s", ErrExpired, cert.NotAfter.UTC().Format(time.RFC3339)))
	}
	return nil
}

func certificateError(cert *x509.Certificate, err error) error {
	return &Error{Certificate: name(cert), Err: err}
}

// name is how errors call a certificate: on one line, though the certificate may
// be anybody's.
func name(cert *x509.Certificate) string {
	s := cert.Subject.String()
	if s == "" && len(cert.EmailAddresses) > 0 {
		s = cert.EmailAddresses[0]
	}
	s = strings.ToValidUTF8(strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, s), "?")
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "") + "..."
	}
	if s == "" {
		s = "certificate " + cert.SerialNumber.String()
	}
	return s
}

const maxName = 200

var oidEmailAddress = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}

// Addresses returns the mail addresses of a certificate: those of the alternative
// name, and those that old certificates have in the subject (RFC 8550 section 3).
func Addresses(cert *x509.Certificate) []string {
	list := slices.Clone(cert.EmailAddresses)
	for _, n := range cert.Subject.Names {
		if s, ok := n.Value.(string); ok && n.Type.Equal(oidEmailAddress) && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// hasAddress reports whether a certificate is that of an address.
//
// QUIRK: RFC 8550 section 3 tells upper from lower case in the local part. No
// mailbox provider does, and neither do the mail programs, so neither do we.
func hasAddress(cert *x509.Certificate, address string) bool {
	return slices.ContainsFunc(Addresses(cert), func(a string) bool { return lower(a) == lower(address) })
}

// lower makes the letters of ASCII small, and no others: some of those become
// letters of ASCII.
func lower(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, s)
}

// checkAddresses reports whether a certificate is that of one of the addresses.
func checkAddresses(cert *x509.Certificate, addresses []string) error {
	for _, a := range addresses {
		if hasAddress(cert, a) {
			return nil
		}
	}
	return &Error{Certificate: name(cert), Address: strings.Join(addresses, ", "), Err: ErrAddress}
}

// withoutRoot returns the certificates to send along with leaf: each once, and no
// root, because a verifier that doesn't have it won't trust one that it is sent.
func withoutRoot(leaf *x509.Certificate, chain []*x509.Certificate) []*x509.Certificate {
	var out []*x509.Certificate
	for _, c := range chain {
		root := bytes.Equal(c.RawSubject, c.RawIssuer)
		if !root && !c.Equal(leaf) && !slices.ContainsFunc(out, c.Equal) {
			out = append(out, c)
		}
	}
	return out
}
