package smime_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/qdmail/qdmail/smime"
)

// reader is somebody who can be written to.
type reader struct {
	address string
	cert    *x509.Certificate
	key     crypto.Signer
}

func newReader(t testing.TB, address, kind string) reader {
	t.Helper()
	key := keys[kind]()
	return reader{address, issue(t, key, func(c *x509.Certificate) {
		c.EmailAddresses, c.Subject = []string{address}, pkix.Name{CommonName: address}
	}), key}
}

func encrypter(readers ...reader) *smime.Encrypter {
	var certs []*x509.Certificate
	for _, r := range readers {
		certs = append(certs, r.cert)
	}
	return &smime.Encrypter{Find: smime.Among(certs...), Clock: clock}
}

// copiesFor returns the copies for visible recipients.
func copiesFor(t testing.TB, e *smime.Encrypter, addresses ...string) []*smime.Copy {
	t.Helper()
	copies, err := e.For(addresses, nil)
	must(t, err)
	return copies
}

func TestEncryption(t *testing.T) {
	for _, cipher := range []smime.Cipher{smime.AES256CBC, smime.AES256GCM} {
		for _, oaep := range []bool{false, true} {
			var readers []reader
			for _, kind := range goodKinds {
				readers = append(readers, newReader(t, kind+"@example.jp", kind))
			}
			e := encrypter(readers...)
			e.Cipher, e.OAEP, e.Signer = cipher, oaep, newSigner(t, "p256")
			copies := copiesFor(t, e, "rsa2048@example.jp", "RSA4096@example.jp", "p256@example.jp", "p384@example.jp", "p521@example.jp")
			if len(copies) != 1 || copies[0].Clear {
				t.Fatalf("%+v", copies)
			}
			mail := signed(t, copies[0], entity)
			for _, r := range readers {
				got, err := smime.Decrypt(mail, r.cert, r.key)
				must(t, err)
				if got.Authenticated != (cipher == smime.AES256GCM) {
					t.Errorf("authenticated: %v", got.Authenticated)
				}
				inner, err := verifier(t).Verify(got.Entity)
				if err != nil || string(inner.Entity) != entity {
					t.Errorf("%s: %v", r.address, err)
				}
			}
			stranger := newReader(t, "other@example.jp", "p256")
			if _, err := smime.Decrypt(mail, stranger.cert, stranger.key); !errors.Is(err, smime.ErrNotForUs) {
				t.Errorf("a stranger: %v", err)
			}
			if _, err := smime.Decrypt(mail, readers[0].cert, stranger.key); !errors.Is(err, smime.ErrUnsupported) {
				t.Errorf("a key of another kind: %v", err)
			}
			if _, err := smime.Decrypt(mail, readers[2].cert, ecdsaKey(t)); !errors.Is(err, smime.ErrDecrypt) {
				t.Errorf("another key: %v", err)
			}
			if _, err := smime.Decrypt(mail, readers[0].cert, rsaKey(t)); !errors.Is(err, smime.ErrDecrypt) {
				t.Errorf("another key: %v", err)
			}
		}
	}
}

func ecdsaKey(t *testing.T) crypto.Signer {
	k, err := ecdsa.GenerateKey(keys["p256"]().(*ecdsa.PrivateKey).Curve, rand.Reader)
	must(t, err)
	return k
}

func rsaKey(t *testing.T) crypto.Signer {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	return k
}

// Contents of all sizes, also those at the edges of blocks and buffers.
func TestEncryptedSizes(t *testing.T) {
	r := newReader(t, "a@example.jp", "p256")
	for _, cipher := range []smime.Cipher{smime.AES256CBC, smime.AES256GCM} {
		e := encrypter(r)
		e.Cipher = cipher
		c := copiesFor(t, e, r.address)[0]
		for _, size := range []int{0, 1, 15, 16, 17, 110, 111, 112, 113, 127, 128, 16383, 16384, 16385, 65536, 100000} {
			want := strings.Repeat(strings.Repeat("x", 62)+"\r\n", size/64) + strings.Repeat("y", size%64)
			open, n, err := c.Freeze(from(want))
			must(t, err)
			var all [][]byte
			for range 2 {
				body, err := open()
				must(t, err)
				b, err := io.ReadAll(iotest.HalfReader(body))
				must(t, err)
				must(t, body.Close())
				all = append(all, b)
			}
			if !bytes.Equal(all[0], all[1]) || int64(len(all[0])) != n {
				t.Errorf("%d and %d octets, the size is %d", len(all[0]), len(all[1]), n)
			}
			got, err := smime.Decrypt(all[0], r.cert, r.key)
			if err != nil || string(got.Entity) != want {
				t.Errorf("cipher %d, %d octets: %v", cipher, size, err)
			}
		}
	}
}

// Who gets which copy, and which certificates are named in it.
func TestCopies(t *testing.T) {
	a, b, c, d := newReader(t, "a@x", "p256"), newReader(t, "b@x", "rsa2048"), newReader(t, "c@x", "p384"), newReader(t, "d@x", "p521")
	all := []reader{a, b, c, d}
	e := encrypter(all...)
	e.Missing = smime.MissingClear
	copies, err := e.For([]string{"a@x", "none@x", "b@x"}, []string{"c@x", "nobody@x", "d@x"})
	must(t, err)
	want := []string{"[a@x b@x]", "[none@x] clear", "[c@x]", "[nobody@x] clear", "[d@x]"}
	var got []string
	for _, c := range copies {
		s := fmt.Sprint(c.Recipients)
		if c.Clear {
			s += " clear"
		}
		got = append(got, s)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
	for _, copy := range copies {
		mail := signed(t, copy, entity)
		if copy.Clear {
			if string(mail) != entity {
				t.Errorf("%v get %q", copy.Recipients, mail)
			}
			continue
		}
		for _, r := range all {
			_, err := smime.Decrypt(mail, r.cert, r.key)
			if mine := slices.Contains(copy.Recipients, r.address); mine != (err == nil) {
				t.Errorf("%s opens the copy of %v: %v", r.address, copy.Recipients, err)
			}
		}
	}
	e.Signer = newSigner(t, "p256")
	copies, err = e.For(nil, []string{"nobody@x"})
	must(t, err)
	if _, err := verifier(t).Verify(signed(t, copies[0], entity)); err != nil || !copies[0].Clear {
		t.Errorf("a clear copy isn't signed: %v", err)
	}
	if copies, err := e.For(nil, nil); err != nil || len(copies) != 0 {
		t.Errorf("for nobody: %v, %v", copies, err)
	}
}

// Also is in each encrypted copy and in no clear one.
func TestAlso(t *testing.T) {
	a, b, archive := newReader(t, "a@x", "p256"), newReader(t, "b@x", "rsa2048"), newReader(t, "archive@x", "p384")
	e := encrypter(a, b)
	e.Also, e.Missing = []*x509.Certificate{archive.cert}, smime.MissingClear
	copies, err := e.For([]string{"a@x", "none@x"}, []string{"b@x"})
	must(t, err)
	for _, c := range copies {
		_, err := smime.Decrypt(signed(t, c, entity), archive.cert, archive.key)
		if (err == nil) == c.Clear {
			t.Errorf("the copy of %v: %v", c.Recipients, err)
		}
	}
}

// Nothing goes out in clear unless that was asked for, and every fault is told.
func TestMissingCertificates(t *testing.T) {
	good := newReader(t, "good@x", "p256")
	expired, server := newReader(t, "expired@x", "p256"), newReader(t, "server@x", "p256")
	expired.cert = issue(t, expired.key, func(c *x509.Certificate) {
		c.EmailAddresses, c.NotAfter = []string{"expired@x"}, moment.AddDate(-1, 0, 0)
	})
	server.cert = issue(t, server.key, func(c *x509.Certificate) {
		c.EmailAddresses, c.ExtKeyUsage = []string{"server@x"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	signOnly := newReader(t, "sign@x", "p256")
	signOnly.cert = issue(t, signOnly.key, func(c *x509.Certificate) {
		c.EmailAddresses, c.KeyUsage = []string{"sign@x"}, x509.KeyUsageDigitalSignature
	})
	for _, missing := range []smime.Missing{smime.MissingError, smime.MissingClear} {
		e := encrypter(good, expired, server, signOnly)
		e.Missing = missing
		_, err := e.For([]string{"good@x", "none@x", "expired@x"}, []string{"server@x", "sign@x"})
		want := map[string]error{"expired@x": smime.ErrExpired, "server@x": smime.ErrUsage, "sign@x": smime.ErrUsage}
		if missing == smime.MissingError {
			want["none@x"] = smime.ErrNoCertificate
		}
		list, ok := err.(interface{ Unwrap() []error })
		if !ok || len(list.Unwrap()) != len(want) {
			t.Fatalf("%v", err)
		}
		for _, err := range list.Unwrap() {
			var e *smime.Error
			if !errors.As(err, &e) || !errors.Is(err, want[e.Address]) {
				t.Errorf("%v", err)
			}
		}
	}
	if _, err := new(smime.Encrypter).For([]string{"a@x"}, nil); !errors.Is(err, smime.ErrNoCertificate) {
		t.Errorf("the zero Encrypter: %v", err)
	}
	down := errors.New("the directory is down")
	e := smime.Encrypter{Missing: smime.MissingClear, Find: func(string) (*x509.Certificate, error) { return nil, down }}
	if _, err := e.For([]string{"a@x"}, nil); !errors.Is(err, down) {
		t.Errorf("a directory that is down: %v", err)
	}
	if err := new(smime.Copy).Sign(io.Discard, from(entity)); err == nil {
		t.Error("the zero Copy sends in clear")
	}
}

// Of several certificates for an address it is the usable one that is valid
// longest.
func TestAmong(t *testing.T) {
	key := keys["p256"]()
	make := func(years int, usage x509.KeyUsage) *x509.Certificate {
		return issue(t, key, func(c *x509.Certificate) { c.NotAfter, c.KeyUsage = moment.AddDate(years, 0, 0), usage })
	}
	old, good := make(1, x509.KeyUsageKeyAgreement), make(2, x509.KeyUsageKeyAgreement)
	find := smime.Among(old, make(3, x509.KeyUsageDigitalSignature), good)
	if c, err := find(strings.ToUpper(sender)); err != nil || !c.Equal(good) {
		t.Errorf("%v, %v", c.NotAfter, err)
	}
	if c, err := find("other@example.jp"); c != nil || err != nil {
		t.Errorf("%v, %v", c, err)
	}
}

// CBC takes no memory for the content, GCM takes it once.
func TestEncryptionMemory(t *testing.T) {
	const size = 25 << 20 / 78 * 78
	large := func() (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(&repeat{line: strings.Repeat("x", 76) + "\r\n"}, size)), nil
	}
	for cipher, most := range map[smime.Cipher]uint64{smime.AES256CBC: 128 << 10, smime.AES256GCM: size + 128<<10} {
		e := encrypter(newReader(t, "a@x", "p256"))
		e.Cipher, e.Signer = cipher, newSigner(t, "p256")
		c := copiesFor(t, e, "a@x")[0]
		allocated := allocation(func() { must(t, c.Sign(io.Discard, large)) })
		t.Logf("cipher %d: %d octets", cipher, allocated)
		if allocated > most {
			t.Errorf("cipher %d: %d octets allocated for 25 MiB, more than %d", cipher, allocated, most)
		}
	}
}

// A content that changes between its readings is noticed by both ciphers.
func TestChangedWhileEncrypted(t *testing.T) {
	for _, cipher := range []smime.Cipher{smime.AES256CBC, smime.AES256GCM} {
		e := encrypter(newReader(t, "a@x", "p256"))
		e.Cipher = cipher
		for _, second := range []string{strings.Replace(entity, "me", "us", 1), entity + "x\r\n", entity[:10]} {
			contents, n := []string{entity, second}, 0
			err := copiesFor(t, e, "a@x")[0].Sign(io.Discard, func() (io.ReadCloser, error) {
				n++
				return io.NopCloser(strings.NewReader(contents[n-1])), nil
			})
			if !errors.Is(err, smime.ErrChanged) {
				t.Errorf("cipher %d: %v", cipher, err)
			}
		}
	}
}

func TestConcurrentCopies(t *testing.T) {
	r := newReader(t, "a@x", "p256")
	e := encrypter(r)
	e.Signer = newSigner(t, "p256")
	c := copiesFor(t, e, "a@x")[0]
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			var out bytes.Buffer
			if err := c.Sign(&out, from(entity)); err != nil {
				t.Error(err)
			} else if _, err := smime.Decrypt(out.Bytes(), r.cert, r.key); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
