package smime

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/qdmail/qdmail/smime/internal/pbe"
)

const (
	defaultCertFile = "cert.pem"
	defaultKeyFile  = "private.pem"
)

// LoadPEM makes a Signer from two files in PEM: the certificate, with those that
// lead to its root in the same file, and the private key (PKCS #8, PKCS #1 or SEC
// 1). Empty names are cert.pem and private.pem; both may name the same file. The
// error is an Error with the reasons of New, and with ErrFormat, ErrUnsupported,
// ErrEncrypted or what the file system says.
func LoadPEM(certFile, keyFile string) (*Signer, error) {
	return loadPEM(certFile, keyFile, "")
}

// LoadEncryptedPEM is LoadPEM for a private key that is encrypted with a password:
// PKCS #8 with PBES2, and the old "Proc-Type: 4,ENCRYPTED". ErrPassword is among
// the reasons.
func LoadEncryptedPEM(certFile, keyFile, password string) (*Signer, error) {
	return loadPEM(certFile, keyFile, password)
}

func loadPEM(certFile, keyFile, password string) (*Signer, error) {
	certFile, keyFile = cmp.Or(certFile, defaultCertFile), cmp.Or(keyFile, defaultKeyFile)
	certPEM, err := readFile(certFile)
	if err != nil {
		return nil, err
	}
	certs, err := parseCertificates(certPEM)
	if err != nil {
		return nil, inFile(certFile, err)
	}
	keyPEM, err := readFile(keyFile)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(keyPEM, password)
	if err != nil {
		return nil, inFile(keyFile, err)
	}
	certs, err = leafFirst(key, certs)
	if err != nil {
		return nil, inFile(certFile, err)
	}
	s, err := New(key, certs[0], certs[1:]...)
	return s, inFile(certFile, err)
}

// ParsePEM reads what LoadPEM reads from memory, for programs whose keys aren't in
// files; both arguments may be the same. The certificate of the key is the first
// of certs, as New wants it. An empty password is none.
func ParsePEM(certPEM, keyPEM []byte, password string) (key crypto.Signer, certs []*x509.Certificate, err error) {
	if certs, err = parseCertificates(certPEM); err != nil {
		return nil, nil, err
	}
	if key, err = parseKey(keyPEM, password); err != nil {
		return nil, nil, err
	}
	if certs, err = leafFirst(key, certs); err != nil {
		return nil, nil, err
	}
	return key, certs, nil
}

// LoadCertificates reads the certificates of a PEM file, such as those of the
// people to whom mail is encrypted.
func LoadCertificates(file string) ([]*x509.Certificate, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	certs, err := parseCertificates(data)
	return certs, inFile(file, err)
}

// maxFile is the most octets that a file with keys may have.
const maxFile = 4 << 20

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, &Error{File: name, Err: err}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%w: it is too large", ErrFormat)
	}
	if err != nil {
		return nil, &Error{File: name, Err: err}
	}
	return data, nil
}

// inFile adds the file to an error.
func inFile(name string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		named := *e
		named.File = name
		return &named
	}
	return err
}

func parseCertificates(data []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fail(fmt.Errorf("a certificate %w: %w", ErrFormat, err))
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, fail(ErrNoCertificate)
	}
	return certs, nil
}

// parseKey returns the first private key of PEM.
func parseKey(data []byte, password string) (crypto.Signer, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		var der []byte
		var err error
		switch block.Type {
		case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
			der, err = decryptBlock(block, password)
		case "ENCRYPTED PRIVATE KEY":
			if password == "" {
				return nil, fail(ErrEncrypted)
			}
			der, err = pbe.Decrypt(block.Bytes, password)
		default:
			continue
		}
		if err != nil {
			return nil, fail(translate(err))
		}
		key, ok := parsePrivateKey(block.Type, der)
		switch {
		case key != nil:
			return key, nil
		case ok:
			return nil, fail(ErrUnsupportedKey)
		case block.Headers["DEK-Info"] != "": // one wrong password in 256 is noticed here
			return nil, fail(ErrPassword)
		}
		return nil, fail(fmt.Errorf("the private key %w", ErrFormat))
	}
	return nil, fail(ErrNoKey)
}

// decryptBlock returns the content of a block, which may be encrypted as in RFC
// 1421 section 4.6.1.1.
func decryptBlock(block *pem.Block, password string) ([]byte, error) {
	//lint:ignore SA1019 such keys exist, and whoever has one has the password as well
	if !x509.IsEncryptedPEMBlock(block) {
		return block.Bytes, nil
	}
	if password == "" {
		return nil, ErrEncrypted
	}
	//lint:ignore SA1019 as above
	der, err := x509.DecryptPEMBlock(block, []byte(password))
	switch {
	case err == x509.IncorrectPasswordError:
		return nil, ErrPassword
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return der, nil
}

// parsePrivateKey returns the key, or nil and whether it is one that can't sign.
// Errors of x509 are left out, lest they quote anything.
func parsePrivateKey(kind string, der []byte) (key crypto.Signer, known bool) {
	switch kind {
	case "RSA PRIVATE KEY":
		if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
			return k, true
		}
	case "EC PRIVATE KEY":
		if k, err := x509.ParseECPrivateKey(der); err == nil {
			return k, true
		}
	default:
		k, err := x509.ParsePKCS8PrivateKey(der)
		key, _ = k.(crypto.Signer)
		return key, err == nil
	}
	return nil, false
}

// leafFirst puts the certificate of the key in front.
func leafFirst(key crypto.Signer, certs []*x509.Certificate) ([]*x509.Certificate, error) {
	for i, c := range certs {
		if belongsTo(key.Public(), c) {
			out := []*x509.Certificate{c}
			return append(append(out, certs[:i]...), certs[i+1:]...), nil
		}
	}
	return nil, certificateError(certs[0], ErrKeyMismatch)
}
