package dkim_test

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/qdmail/qdmail/dkim"
)

// FuzzHeader: whatever the header is, reading it comes to an end, unfolds, and
// doesn't depend on how the octets come in.
func FuzzHeader(f *testing.F) {
	f.Add(letter)
	f.Add("A: b\n c\r\n\td\r\n\r\nbody")
	f.Add("A : b\r\nX\r\n")
	f.Add("A: " + strings.Repeat("x", 5000) + "\r\n " + strings.Repeat("y", 5000) + "\r\n\r\n")
	f.Add("A: b\rc\r\r\n\r\n")
	f.Fuzz(func(t *testing.T, message string) {
		all, err := dkim.ReadFields(bufio.NewReader(strings.NewReader(message)))
		slow, slowErr := dkim.ReadFields(bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(message)), 16))
		if (err == nil) != (slowErr == nil) || err != nil && !errors.Is(err, dkim.ErrHeader) || len(all) != len(slow) {
			t.Fatalf("%q, %v; octet by octet %q, %v", all, err, slow, slowErr)
		}
		var again strings.Builder
		for i, f := range all {
			if f != slow[i] || f[0] == "" || strings.ContainsAny(f[0]+f[1], "\r\n") {
				t.Fatalf("field %q, octet by octet %q", f, slow[i])
			}
			again.WriteString(f[0] + ":" + f[1] + "\r\n")
		}
		same, err2 := dkim.ReadFields(bufio.NewReader(io.MultiReader(strings.NewReader(again.String()), strings.NewReader("\r\n"))))
		if err == nil && (err2 != nil || len(same) != len(all)) {
			t.Errorf("%q is read as %q, %v", again.String(), same, err2)
		}
	})
}

// FuzzSign: what is signed verifies.
func FuzzSign(f *testing.F) {
	s := newSigner(f, dkim.Config{Keys: []dkim.Key{edOne()}, Fields: []string{"X-Ours"}})
	f.Add(letter)
	f.Add("From: a@example.jp\nTo:\n\tb\n \n\r\n\r\n x \n\n")
	f.Add("from : a@example.jp\r\nX-Ours: \xff\u00a0 \r\nx-ours:\x00\x0b\r\n\r\n\r \r\n\r")
	f.Fuzz(func(t *testing.T, message string) {
		if strings.Contains(strings.ToLower(message), "dkim-signature") {
			return // somebody else's, that doesn't verify
		}
		field, err := s.SignMessage(opener(message))
		if err != nil {
			if _, ok := errors.AsType[*dkim.Error](err); !ok || field != "" {
				t.Fatalf("%q, %v", field, err)
			}
			return
		}
		if !strings.Contains(message, "\n\n") && !strings.Contains(message, "\n\r\n") {
			message += "\r\n" // the verifier wants a blank line also if there is no body
		}
		wantValid(t, field+message, strings.Count(field, "DKIM-Signature: "), edOne())
	})
}
