package dane

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// verifyAnchor verifies the server's certificate by a record that names an
// authority: one that the server has sent along, or one that is in the record
// itself. Others that are in records serve to get from one to the other.
func (v *Verifier) verifyAnchor(a association, all []association, chain []*x509.Certificate) error {
	leaf := chain[0]
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	for _, other := range all {
		if other.Usage == UsageTA && other.cert != nil {
			between.AddCert(other.cert)
		}
	}
	reason := ErrNoMatch
	for _, anchor := range a.anchors(chain) {
		roots := x509.NewCertPool()
		roots.AddCert(anchor)
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: v.now()})
		switch invalid := (x509.CertificateInvalidError{}); {
		case err == nil:
			return v.verifyNames(leaf)
		case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
			reason = fmt.Errorf("%w: %w", ErrExpired, err)
		default:
			reason = fmt.Errorf("%w: %w", ErrChain, err)
		}
	}
	return reason
}

// anchors returns the certificates with which a chain may end by the word of a
// record. If the record is a key and the server hasn't sent the certificate that
// belongs to it, these are the ones that the key has signed. Otherwise the
// server's own certificate is none.
func (a association) anchors(chain []*x509.Certificate) []*x509.Certificate {
	var list []*x509.Certificate
	for _, c := range chain[1:] {
		if a.matches(c) && !c.Equal(chain[0]) {
			list = append(list, c)
		}
	}
	if a.cert != nil && !a.cert.Equal(chain[0]) {
		list = append(list, a.cert)
	}
	if a.key != nil && len(list) == 0 {
		for _, c := range chain {
			if signedBy(c, a.key) {
				list = append(list, c)
			}
		}
	}
	return list
}

// signedBy reports whether the key has signed the certificate.
func signedBy(c *x509.Certificate, key any) bool {
	authority := &x509.Certificate{PublicKey: key}
	switch key.(type) {
	case *rsa.PublicKey:
		authority.PublicKeyAlgorithm = x509.RSA
	case *ecdsa.PublicKey:
		authority.PublicKeyAlgorithm = x509.ECDSA
	case ed25519.PublicKey:
		authority.PublicKeyAlgorithm = x509.Ed25519
	}
	return authority.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// verifyNames looks for one of the names in the certificate. Its common name
// counts only if it has no other DNS name (RFC 6125 section 6.4.4).
func (v *Verifier) verifyNames(leaf *x509.Certificate) error {
	cert := leaf
	if len(leaf.DNSNames) == 0 && leaf.Subject.CommonName != "" {
		cert = &x509.Certificate{DNSNames: []string{leaf.Subject.CommonName}}
	}
	for _, name := range v.Names {
		name = strings.TrimSuffix(name, ".")
		if name != "" && cert.VerifyHostname(name) == nil {
			return nil
		}
	}
	return fmt.Errorf("%w, such as %.80q", ErrName, cert.DNSNames[:min(3, len(cert.DNSNames))])
}
