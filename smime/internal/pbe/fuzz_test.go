package pbe_test

import (
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/qdmail/qdmail/smime/internal/pbe"
)

// FuzzDecrypt opens anything with any password.
func FuzzDecrypt(f *testing.F) {
	files, err := filepath.Glob("../../testdata/pkcs8-*.pem")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		block, _ := pem.Decode(data)
		f.Add(block.Bytes, "test")
	}
	f.Fuzz(func(t *testing.T, der []byte, password string) {
		key, err := pbe.Decrypt(der, password)
		switch {
		case err == nil && len(key) < 10:
			t.Errorf("%X is no key", key)
		case err != nil && !errors.Is(err, pbe.ErrSyntax) && !errors.Is(err, pbe.ErrPassword) &&
			!errors.Is(err, pbe.ErrAlgorithm) && !errors.Is(err, pbe.ErrIterations):
			t.Error(err)
		}
	})
}

// FuzzCheckIterations comes to an end, whatever it looks at.
func FuzzCheckIterations(f *testing.F) {
	for _, name := range []string{"modern.pfx", "legacy.pfx", "iterations.pfx"} {
		data, err := os.ReadFile(filepath.Join("../../testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		if err := pbe.CheckIterations(der); err != nil && !errors.Is(err, pbe.ErrIterations) && !errors.Is(err, pbe.ErrSyntax) {
			t.Error(err)
		}
	})
}
