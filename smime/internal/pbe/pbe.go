// Package pbe opens private keys that are encrypted with a password, PKCS #8 with
// PBES2 (RFC 5958, RFC 8018), which crypto/x509 doesn't.
package pbe

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/crypto/scrypt"
)

// MaxIterations is the most work that a file may ask for: a few seconds.
const MaxIterations = 2_000_000

// maxScrypt bounds memory and work of scrypt, which is N times r times p blocks of
// 128 octets.
const maxScrypt = 256 << 20

// The errors of Decrypt.
var (
	ErrSyntax     = errors.New("malformed")
	ErrPassword   = errors.New("wrong password")
	ErrAlgorithm  = errors.New("unsupported algorithm")
	ErrIterations = fmt.Errorf("asks for more than %d iterations", MaxIterations)
)

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidScrypt = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}
)

var prfs = []struct {
	oid asn1.ObjectIdentifier
	new func() hash.Hash
}{
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 7}, sha1.New}, // the default
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 8}, sha256.New224},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}, sha256.New},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 10}, sha512.New384},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 11}, sha512.New},
}

var ciphers = []struct {
	oid asn1.ObjectIdentifier
	key int
	new func([]byte) (cipher.Block, error)
}{
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, 32, aes.NewCipher},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 22}, 24, aes.NewCipher},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}, 16, aes.NewCipher},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 3, 7}, 24, des.NewTripleDESCipher},
}

type encryptedPrivateKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

// privateKeyInfo is how a PKCS #8 key begins.
type privateKeyInfo struct {
	Version   int
	Algorithm pkix.AlgorithmIdentifier
	Key       []byte
	Rest      asn1.RawValue `asn1:"optional,tag:0"`
	Public    asn1.RawValue `asn1:"optional,tag:1"`
}

type pbes2Params struct {
	KDF, Cipher pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

type scryptParams struct {
	Salt      []byte
	N, R, P   int
	KeyLength int `asn1:"optional"`
}

// Decrypt returns the PKCS #8 key of an EncryptedPrivateKeyInfo. A wrong password
// is recognized by what it opens not looking like a key.
func Decrypt(der []byte, password string) ([]byte, error) {
	var info encryptedPrivateKeyInfo
	if err := unmarshal(der, &info); err != nil {
		return nil, err
	}
	if !info.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, ErrAlgorithm
	}
	var params pbes2Params
	if err := unmarshal(info.Algorithm.Parameters.FullBytes, &params); err != nil {
		return nil, err
	}
	for _, c := range ciphers {
		if !c.oid.Equal(params.Cipher.Algorithm) {
			continue
		}
		key, err := derive(params.KDF, password, c.key)
		if err != nil {
			return nil, err
		}
		block, err := c.new(key)
		if err != nil {
			return nil, ErrAlgorithm
		}
		var iv []byte
		if err := unmarshal(params.Cipher.Parameters.FullBytes, &iv); err != nil {
			return nil, err
		}
		return decryptCBC(block, iv, info.Data)
	}
	return nil, ErrAlgorithm
}

// derive makes a key of size octets of the password.
func derive(kdf pkix.AlgorithmIdentifier, password string, size int) ([]byte, error) {
	switch {
	case kdf.Algorithm.Equal(oidPBKDF2):
		var p pbkdf2Params
		if err := unmarshal(kdf.Parameters.FullBytes, &p); err != nil {
			return nil, err
		}
		if p.Iterations > MaxIterations {
			return nil, ErrIterations
		}
		if p.Iterations < 1 || p.KeyLength != 0 && p.KeyLength != size {
			return nil, ErrSyntax
		}
		for i, prf := range prfs {
			if prf.oid.Equal(p.PRF.Algorithm) || i == 0 && p.PRF.Algorithm == nil {
				return pbkdf2.Key(prf.new, password, p.Salt, p.Iterations, size)
			}
		}
	case kdf.Algorithm.Equal(oidScrypt):
		var p scryptParams
		if err := unmarshal(kdf.Parameters.FullBytes, &p); err != nil {
			return nil, err
		}
		if p.N < 2 || p.R < 1 || p.P < 1 || p.KeyLength != 0 && p.KeyLength != size {
			return nil, ErrSyntax
		}
		if p.P > maxScrypt/128 || p.R > maxScrypt/128/p.P || p.N > maxScrypt/128/p.P/p.R {
			return nil, ErrIterations
		}
		key, err := scrypt.Key([]byte(password), p.Salt, p.N, p.R, p.P, size)
		if err != nil {
			return nil, ErrSyntax
		}
		return key, nil
	}
	return nil, ErrAlgorithm
}

func decryptCBC(block cipher.Block, iv, data []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
		return nil, ErrSyntax
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > size {
		return nil, ErrPassword
	}
	for _, b := range plain[len(plain)-pad:] {
		if int(b) != pad {
			return nil, ErrPassword
		}
	}
	plain = plain[:len(plain)-pad]
	var shape privateKeyInfo // one in 256 wrong passwords gets here
	if _, err := asn1.Unmarshal(plain, &shape); err != nil {
		return nil, ErrPassword
	}
	return plain, nil
}

func unmarshal(der []byte, v any) error {
	if rest, err := asn1.Unmarshal(der, v); err != nil || len(rest) > 0 {
		return ErrSyntax
	}
	return nil
}

// CheckIterations looks for a salt with a count of iterations behind it, wherever
// it stands in DER that isn't encrypted, and refuses one over MaxIterations: PKCS
// #12 has them in the form of PBES1, of PBKDF2 and of MacData.
func CheckIterations(der []byte) error { return checkIterations(der, 0) }

func checkIterations(der []byte, depth int) error {
	if depth > 40 {
		return ErrSyntax
	}
	salt := false
	for len(der) > 0 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			return nil // octets that are no DER
		}
		der = rest
		if salt && v.Class == asn1.ClassUniversal && v.Tag == asn1.TagInteger {
			var n int
			if err := unmarshal(v.FullBytes, &n); err != nil || n > MaxIterations {
				return ErrIterations
			}
		}
		salt = v.Class == asn1.ClassUniversal && v.Tag == asn1.TagOctetString
		if v.IsCompound || salt {
			if err := checkIterations(v.Bytes, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
