package dkim

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"strings"
)

// LoadPEM reads the private key in a file; see ParsePEM.
func LoadPEM(file string) (crypto.Signer, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	key, err := ParsePEM(data)
	if err != nil {
		return nil, &fs.PathError{Op: "dkim: load", Path: file, Err: err}
	}
	return key, nil
}

// ParsePEM returns the private key in data: RSA as PKCS#1 ("RSA PRIVATE KEY") or
// PKCS#8 ("PRIVATE KEY"), or Ed25519 as PKCS#8. Certificates and public keys beside
// it are passed over. The errors are ErrKeyFormat, also for more than one key,
// ErrKeyEncrypted, ErrKeyType and ErrKeySize; none has anything of the content.
func ParsePEM(data []byte) (crypto.Signer, error) {
	var found *pem.Block
	for b, rest := pem.Decode(data); b != nil; b, rest = pem.Decode(rest) {
		if !strings.HasSuffix(b.Type, "PRIVATE KEY") {
			continue
		}
		if found != nil {
			return nil, ErrKeyFormat
		}
		found = b
	}
	if found == nil {
		return nil, ErrKeyFormat
	}
	key, err := parseBlock(found)
	if err != nil {
		return nil, err
	}
	if err := checkKey(key.Public()); err != nil {
		return nil, err
	}
	return key, nil
}

func parseBlock(b *pem.Block) (crypto.Signer, error) {
	if b.Type == "ENCRYPTED PRIVATE KEY" || b.Headers["DEK-Info"] != "" {
		return nil, ErrKeyEncrypted
	}
	// The reasons of these functions are left out: they are about the content.
	switch b.Type {
	case "RSA PRIVATE KEY":
		key, err := x509.ParsePKCS1PrivateKey(b.Bytes)
		if err != nil {
			return nil, ErrKeyFormat
		}
		return key, nil
	case "PRIVATE KEY":
		key, err := x509.ParsePKCS8PrivateKey(b.Bytes)
		if err != nil {
			return nil, ErrKeyFormat
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, ErrKeyType
		}
		return signer, nil
	case "EC PRIVATE KEY", "DSA PRIVATE KEY":
		return nil, ErrKeyType
	}
	return nil, ErrKeyFormat
}
