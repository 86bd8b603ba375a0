package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"io"
	"sync/atomic"
)

// errIncomplete never reaches a caller, who gets what kept the message from being
// read to its end.
var errIncomplete = errors.New("dkim: the message is incomplete")

// guard is a key that signs only what is a whole message. To a signer of
// go-msgauth the message ends where it is closed, and closing is the only way to be
// rid of one.
type guard struct {
	crypto.Signer
	whole *atomic.Bool
}

// Sign verifies what keys give that aren't held in memory: a device or service
// that was set up for another kind of signature would spoil every mail.
func (g guard) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if !g.whole.Load() {
		return nil, errIncomplete
	}
	sig, err := g.Signer.Sign(rand, digest, opts)
	if err != nil {
		return nil, err
	}
	switch g.Signer.(type) {
	case *rsa.PrivateKey, ed25519.PrivateKey:
		return sig, nil
	}
	if !verifies(g.Public(), digest, sig) {
		return nil, ErrSignature
	}
	return sig, nil
}

func verifies(pub crypto.PublicKey, digest, sig []byte) bool {
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest, sig) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(pub, digest, sig)
	}
	return false
}
