package smime

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/qdmail/qdmail/smime/internal/pbe"
)

// LoadPFX makes a Signer from a PFX or PKCS #12 file with one private key, its
// certificate and those that lead to its root. The error is an Error with the
// reasons of New, and with ErrPassword, ErrFormat, ErrUnsupported or what the file
// system says.
func LoadPFX(file, password string) (*Signer, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	key, certs, err := ParsePFX(data, password)
	if err != nil {
		return nil, inFile(file, err)
	}
	s, err := New(key, certs[0], certs[1:]...)
	return s, inFile(file, err)
}

// ParsePFX reads what LoadPFX reads from memory. The certificate of the key is the
// first of certs, as New wants it.
func ParsePFX(data []byte, password string) (key crypto.Signer, certs []*x509.Certificate, err error) {
	if err := checkPFX(data, password); err != nil {
		return nil, nil, fail(err)
	}
	private, leaf, chain, err := decodePFX(data, password)
	if err != nil {
		return nil, nil, fail(err)
	}
	key, ok := private.(crypto.Signer)
	if !ok {
		return nil, nil, fail(ErrUnsupportedKey)
	}
	certs, err = leafFirst(key, append([]*x509.Certificate{leaf}, chain...))
	if err != nil {
		return nil, nil, err
	}
	return key, certs, nil
}

// checkPFX looks for what the decoder would refuse with an error that can't be
// told from others, or work on for very long.
func checkPFX(data []byte, password string) error {
	if len(data) > 1 && data[0] == 0x30 && data[1] == 0x80 {
		return fmt.Errorf("%w: BER with indefinite lengths, which openssl pkcs12 rewrites", ErrUnsupported)
	}
	var pfx struct {
		Version  int
		AuthSafe asn1.RawValue
		MAC      asn1.RawValue `asn1:"optional"`
	}
	if rest, err := asn1.Unmarshal(data, &pfx); err != nil || len(rest) > 0 {
		return fmt.Errorf("the file %w as PKCS #12", ErrFormat)
	}
	if len(pfx.MAC.FullBytes) == 0 && password != "" {
		return fmt.Errorf("%w: it has no MAC, so no password can be checked", ErrUnsupported)
	}
	if strings.ContainsFunc(password, func(c rune) bool { return c > 0xFFFF }) {
		return fmt.Errorf("%w: the password has characters that PKCS #12 can't write", ErrUnsupported)
	}
	return translate(pbe.CheckIterations(data))
}

// decodePFX has the PFX decoded, whatever it does to the decoder.
func decodePFX(data []byte, password string) (key any, leaf *x509.Certificate, chain []*x509.Certificate, err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("the file %w", ErrFormat)
		}
	}()
	key, leaf, chain, err = pkcs12.DecodeChain(data, password)
	var missing pkcs12.NotImplementedError
	switch {
	case err == nil:
		return key, leaf, chain, nil
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		err = ErrPassword
	case errors.As(err, &missing):
		err = fmt.Errorf("%w: %w", ErrUnsupported, err)
	default:
		err = fmt.Errorf("the file %w: %w", ErrFormat, err)
	}
	return nil, nil, nil, err
}
