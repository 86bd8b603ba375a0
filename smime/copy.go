package smime

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"io"

	"github.com/qdmail/qdmail/smime/internal/cms"
)

// Copy is a message as some of its recipients get it. Encrypter.For makes it. It
// may be used from many goroutines at once.
type Copy struct {
	// Recipients are who gets this copy, and nobody else may.
	Recipients []string
	// Clear says that this copy isn't encrypted, since they have no certificates.
	Clear bool

	encrypter *Encrypter
	to        []cms.Recipient
}

func (c *Copy) add(address string, cert *x509.Certificate) {
	c.Recipients = append(c.Recipients, address)
	c.to = append(c.to, cms.Recipient{Certificate: cert, OAEP: c.encrypter.OAEP})
}

// Sign signs an entity, if the Encrypter has a Signer, and encrypts it, unless
// this is a clear copy. It has the name and form of Signer.Sign, so that a Copy
// can take the place of a Signer, and reads the entity twice as that does.
func (c *Copy) Sign(dst io.Writer, entity func() (io.ReadCloser, error)) error {
	f, err := c.freeze(entity)
	if err != nil {
		return err
	}
	return f.writeTo(dst)
}

// Freeze is to Sign what Signer.Freeze is to Signer.Sign: keys are chosen now,
// and each reading gives the same octets.
func (c *Copy) Freeze(entity func() (io.ReadCloser, error)) (open func() (io.ReadCloser, error), size int64, err error) {
	f, err := c.freeze(entity)
	if err != nil {
		return nil, 0, err
	}
	return f.open, f.size, nil
}

// Seal signs and encrypts the content of a finished message. Its header, with the
// subject, stays readable. It has to be done before the message is signed with
// DKIM.
func (c *Copy) Seal(mail func() (io.ReadCloser, error)) (*Sealed, error) {
	return seal(mail, c.freeze)
}

// CheckFrom is that of the Signer; without one there is nothing to check.
func (c *Copy) CheckFrom(addresses ...string) error {
	if c.encrypter == nil || c.encrypter.Signer == nil {
		return nil
	}
	return c.encrypter.Signer.CheckFrom(addresses...)
}

func (c *Copy) freeze(entity func() (io.ReadCloser, error)) (*frozen, error) {
	if c.encrypter == nil {
		return nil, fail(ErrNoCertificate)
	}
	f, err := c.signed(entity)
	if err != nil || c.Clear {
		return f, err
	}
	to := c.to
	for _, cert := range c.encrypter.Also {
		to = append(to[:len(to):len(to)], cms.Recipient{Certificate: cert, OAEP: c.encrypter.OAEP})
	}
	if c.encrypter.Cipher == AES256GCM {
		return sealGCM(f, to)
	}
	envelope, err := cms.NewEnvelope(to, f.size)
	if err != nil {
		return nil, fail(translate(err))
	}
	return pkcs7MIME("enveloped-data", envelope.Size(), func() (io.ReadCloser, error) {
		r, err := f.open()
		if err != nil {
			return nil, err
		}
		return stream{envelope.Reader(r), r}, nil
	}), nil
}

// signed is the entity that is encrypted.
func (c *Copy) signed(entity func() (io.ReadCloser, error)) (*frozen, error) {
	if c.encrypter.Signer != nil {
		return c.encrypter.Signer.freeze(entity)
	}
	src, err := measure(entity, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return &frozen{src.size, src.open}, nil
}

func sealGCM(f *frozen, to []cms.Recipient) (*frozen, error) {
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	object, err := cms.Seal(to, r, f.size)
	if err != nil {
		return nil, translate(err)
	}
	return pkcs7MIME("authEnveloped-data", int64(len(object)), func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(object)), nil
	}), nil
}
