package smime

import (
	"crypto"
	"encoding/base32"
	"fmt"
	"io"
	"strings"
)

// Sign writes a MIME entity, header and body, signed to dst, as an entity that
// takes its place. What is signed is the entity with CRLF line endings; one that
// isn't 7-bit text is refused with ErrEntity before anything is written, because
// a relay may change it. The entity is read twice, a few kilobytes at a time; if
// it isn't the same then, the error is ErrChanged and what was written is useless.
func (s *Signer) Sign(dst io.Writer, entity func() (io.ReadCloser, error)) error {
	f, err := s.freeze(entity)
	if err != nil {
		return err
	}
	return f.writeTo(dst)
}

// Freeze is Sign for somebody who sends the result more than once: the entity is
// signed now, and what open returns reads it, with the same signature each time,
// and gives size octets.
func (s *Signer) Freeze(entity func() (io.ReadCloser, error)) (open func() (io.ReadCloser, error), size int64, err error) {
	f, err := s.freeze(entity)
	if err != nil {
		return nil, 0, err
	}
	return f.open, f.size, nil
}

// Seal signs the content of a finished message, from wherever it comes. It has to
// be done before the message is signed with DKIM.
func (s *Signer) Seal(mail func() (io.ReadCloser, error)) (*Sealed, error) {
	return seal(mail, s.freeze)
}

// freeze signs an entity.
func (s *Signer) freeze(entity func() (io.ReadCloser, error)) (*frozen, error) {
	h, at, err := s.ready()
	if err != nil {
		return nil, err
	}
	src, err := measure(entity, h)
	if err != nil {
		return nil, err
	}
	sig, err := s.sign(h, src.digest, at)
	if err != nil {
		return nil, err
	}
	if s.Opaque {
		before, after := sig.Around(src.size)
		return pkcs7MIME("signed-data", int64(len(before))+src.size+int64(len(after)), func() (io.ReadCloser, error) {
			r, err := src.open()
			if err != nil {
				return nil, err
			}
			return around(before, r, after), nil
		}), nil
	}
	boundary, err := s.boundary()
	if err != nil {
		return nil, err
	}
	before, after := multipartSigned(boundary, micalg(h), sig.Detached())
	return &frozen{
		size: int64(len(before)) + src.size + int64(len(after)),
		open: func() (io.ReadCloser, error) {
			r, err := src.open()
			if err != nil {
				return nil, err
			}
			return around(before, r, after), nil
		},
	}, nil
}

// micalg is the name of a hash function (RFC 8551 section 3.5.3.2).
func micalg(h crypto.Hash) string {
	switch h {
	case crypto.SHA384:
		return "sha-384"
	case crypto.SHA512:
		return "sha-512"
	}
	return "sha-256"
}

// boundaryAlphabet has neither upper case, which some systems fold, nor padding.
var boundaryAlphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// boundary returns one that the entity doesn't have, since it has 120 random bits.
func (s *Signer) boundary() (string, error) {
	var random [15]byte
	if _, err := io.ReadFull(s.random(), random[:]); err != nil {
		return "", fail(fmt.Errorf("choosing a boundary: %w", err))
	}
	return "=_signed_" + boundaryAlphabet.EncodeToString(random[:]), nil
}

// multipartSigned returns what stands before and after an entity that is signed
// (RFC 8551 section 3.5.3).
func multipartSigned(boundary, micalg string, signature []byte) (before, after []byte) {
	before = []byte("Content-Type: multipart/signed; micalg=" + micalg + ";\r\n" +
		" protocol=\"application/pkcs7-signature\";\r\n" +
		" boundary=\"" + boundary + "\"\r\n" +
		"\r\n" +
		"--" + boundary + "\r\n")
	head := "\r\n--" + boundary + "\r\n" +
		"Content-Type: application/pkcs7-signature; name=smime.p7s\r\n" +
		"Content-Transfer-Encoding: base64\r\n" +
		"Content-Disposition: attachment; filename=smime.p7s\r\n" +
		"\r\n"
	tail := "--" + boundary + "--\r\n"
	after = make([]byte, 0, len(head)+int(base64Len(int64(len(signature))))+len(tail))
	after = appendBase64(append(after, head...), signature)
	return before, append(after, tail...)
}

// pkcs7MIME returns an entity of application/pkcs7-mime (RFC 8551 section 3.2)
// around a CMS object of size octets.
func pkcs7MIME(smimeType string, size int64, object func() (io.ReadCloser, error)) *frozen {
	header := []byte(strings.Join([]string{
		"Content-Type: application/pkcs7-mime; smime-type=" + smimeType + ";",
		" name=smime.p7m",
		"Content-Transfer-Encoding: base64",
		"Content-Disposition: attachment; filename=smime.p7m",
		"", "",
	}, "\r\n"))
	return &frozen{
		size: int64(len(header)) + base64Len(size),
		open: func() (io.ReadCloser, error) {
			r, err := object()
			if err != nil {
				return nil, err
			}
			return around(header, stream{&base64Reader{src: r}, r}, nil), nil
		},
	}
}
