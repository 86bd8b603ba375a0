package cms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
)

// contentCipher is how a content is encrypted.
type contentCipher struct {
	id        string
	key       int // octets
	gcm       bool
	newCipher func(key []byte) (cipher.Block, error)
}

// contentCiphers are those that can be read; only those of AES-256 are written.
// Triple DES is what OpenSSL 3.0 still writes if it isn't told otherwise.
var contentCiphers = []contentCipher{
	{idAES256CBC, 32, false, aes.NewCipher},
	{idAES192CBC, 24, false, aes.NewCipher},
	{idAES128CBC, 16, false, aes.NewCipher},
	{idAES256GCM, 32, true, aes.NewCipher},
	{idAES192GCM, 24, true, aes.NewCipher},
	{idAES128GCM, 16, true, aes.NewCipher},
	{idTripleDESCBC, 24, false, des.NewTripleDESCipher},
}

func contentCipherOf(id string) *contentCipher {
	for i := range contentCiphers {
		if contentCiphers[i].id == id {
			return &contentCiphers[i]
		}
	}
	return nil
}

// decrypt opens a content in place. mac and aad are those of GCM. The padding of
// CBC proves nothing; only a signature does.
func (c *contentCipher) decrypt(key []byte, parameters input, content, mac, aad []byte) ([]byte, error) {
	block, err := c.newCipher(key)
	if err != nil {
		return nil, ErrDecrypt
	}
	if c.gcm {
		return openGCM(block, parameters, content, mac, aad)
	}
	iv := parameters.take(tagOctetString)
	size := block.BlockSize()
	if parameters.bad || len(iv) != size || len(content) == 0 || len(content)%size != 0 {
		return nil, ErrDecrypt
	}
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(content, content)
	pad := int(content[len(content)-1])
	if pad == 0 || pad > size {
		return nil, ErrDecrypt
	}
	end := len(content) - pad
	for _, b := range content[end:] {
		if int(b) != pad {
			return nil, ErrDecrypt
		}
	}
	return content[:end], nil
}

// openGCM checks and opens a content with the GCMParameters of RFC 5084 section
// 3.2.
func openGCM(block cipher.Block, parameters input, content, mac, aad []byte) ([]byte, error) {
	p := parameters.enter(tagSequence)
	nonce := p.take(tagOctetString)
	tag := 12
	if n, there := p.optional(tagInteger); there && len(n) == 1 {
		tag = int(n[0])
	}
	if p.bad || tag != len(mac) {
		return nil, ErrDecrypt
	}
	var aead cipher.AEAD
	var err error
	switch {
	case len(nonce) == nonceSize:
		aead, err = cipher.NewGCMWithTagSize(block, tag)
	case len(nonce) > 0 && tag == tagSize:
		aead, err = cipher.NewGCMWithNonceSize(block, len(nonce))
	default:
		return nil, ErrAlgorithm
	}
	if err != nil {
		return nil, ErrDecrypt
	}
	sealed := append(content, mac...)
	if content, err = aead.Open(sealed[:0], nonce, sealed, aad); err != nil {
		return nil, ErrDecrypt
	}
	return content, nil
}
