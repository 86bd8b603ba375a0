package smime

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
)

// Keys are the keys of a mail URL that this package understands; they go into
// qdmail.OpenWith, and make a Signer:
//
//	smime-cert, smime-key  PEM files of certificate and key. Default: cert.pem
//	                       and private.pem, if one of the two is given
//	smime-pfx              a PFX file in place of the two
//	smime-password-file    a file with the password of the key; a line end at its
//	                       end doesn't count
//	smime-opaque           true: the content goes inside the signature
//
// Without smime-cert, smime-key and smime-pfx there is no Signer. No error has
// the password in it.
func Keys() struct {
	Names []string
	Take  func(url.Values) (any, error)
} {
	return struct {
		Names []string
		Take  func(url.Values) (any, error)
	}{[]string{"smime-cert", "smime-key", "smime-pfx", "smime-password-file", "smime-opaque"}, takeKeys}
}

func takeKeys(q url.Values) (any, error) {
	cert, key, pfx := q.Get("smime-cert"), q.Get("smime-key"), q.Get("smime-pfx")
	file, opaque := q.Get("smime-password-file"), q.Get("smime-opaque")
	switch {
	case cert == "" && key == "" && pfx == "":
		if file != "" || opaque != "" {
			return nil, errors.New("smime-password-file and smime-opaque need smime-cert, smime-key or smime-pfx")
		}
		return nil, nil
	case pfx != "" && (cert != "" || key != ""):
		return nil, errors.New("smime-pfx stands in place of smime-cert and smime-key")
	case opaque != "" && opaque != "true" && opaque != "false":
		return nil, errors.New("smime-opaque doesn't have that value")
	}
	password, err := readPassword(file)
	if err != nil {
		return nil, err
	}
	var s *Signer
	switch {
	case pfx != "":
		s, err = LoadPFX(pfx, password)
	case file != "":
		s, err = LoadEncryptedPEM(cert, key, password)
	default:
		s, err = LoadPEM(cert, key)
	}
	if err != nil {
		return nil, err
	}
	s.Opaque = opaque == "true"
	return s, nil
}

// readPassword reads the file; its error doesn't quote the name, which may be the
// password itself in the wrong place.
func readPassword(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	if err != nil {
		return "", fmt.Errorf("smime-password-file: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}
