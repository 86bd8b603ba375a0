package dkim_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/dkim"
)

// ofSize is an RSA key of which only the size is real.
func ofSize(bits uint) *rsa.PrivateKey {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}}
}

func TestConfigFaults(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*dkim.Key)) dkim.Config {
		k := edOne()
		change(&k)
		return dkim.Config{Keys: []dkim.Key{rsaOne(), k}}
	}
	twice := rsaOne()
	twice.Selector = "r2"
	fine := []dkim.Key{edOne()}
	for _, c := range []struct {
		config dkim.Config
		field  string
		index  int
		want   error
	}{
		{dkim.Config{}, "Keys", -1, dkim.ErrRequired},
		{with(func(k *dkim.Key) { k.Domain = "" }), "Keys.Domain", 1, dkim.ErrRequired},
		{with(func(k *dkim.Key) { k.Domain = "example..jp" }), "Keys.Domain", 1, dkim.ErrInvalid},
		{with(func(k *dkim.Key) { k.Domain = "a;b.jp" }), "Keys.Domain", 1, dkim.ErrInvalid},
		{with(func(k *dkim.Key) { k.Domain = strings.Repeat("a", 64) + ".jp" }), "Keys.Domain", 1, dkim.ErrInvalid},
		{with(func(k *dkim.Key) { k.Domain = strings.Repeat("a.", 127) + "jp" }), "Keys.Domain", 1, dkim.ErrInvalid},
		{with(func(k *dkim.Key) { k.Domain = "\xff.jp" }), "Keys.Domain", 1, dkim.ErrInvalid},
		{with(func(k *dkim.Key) { k.Selector = "" }), "Keys.Selector", 1, dkim.ErrRequired},
		{with(func(k *dkim.Key) { k.Selector = "a b" }), "Keys.Selector", 1, dkim.ErrInvalid},
		{with(func(k *dkim.Key) { k.Selector = "a\r\nTo" }), "Keys.Selector", 1, dkim.ErrInvalid},
		{with(func(k *dkim.Key) { k.Selector = "-a" }), "Keys.Selector", 1, dkim.ErrInvalid},
		{with(func(k *dkim.Key) { k.Private = nil }), "Keys.Private", 1, dkim.ErrRequired},
		{with(func(k *dkim.Key) { k.Private = ec }), "Keys.Private", 1, dkim.ErrKeyType},
		{with(func(k *dkim.Key) { k.Private = ofSize(2047) }), "Keys.Private", 1, dkim.ErrKeySize},
		{with(func(k *dkim.Key) { k.Private = ofSize(4097) }), "Keys.Private", 1, dkim.ErrKeySize},
		{with(func(k *dkim.Key) { k.Private = &rsa.PrivateKey{} }), "Keys.Private", 1, dkim.ErrKeyType},
		{with(func(k *dkim.Key) { k.Private = (*rsa.PrivateKey)(nil) }), "Keys.Private", 1, dkim.ErrRequired},
		{with(func(k *dkim.Key) { k.Private = ofSize(2048) }), "Keys.Private", 1, dkim.ErrInvalid},
		{with(func(k *dkim.Key) { k.Private = publicOnly{&ofSize(2047).PublicKey} }), "Keys.Private", 1, dkim.ErrKeySize},
		{with(func(k *dkim.Key) { k.Private = publicOnly{(*rsa.PublicKey)(nil)} }), "Keys.Private", 1, dkim.ErrKeyType},
		{with(func(k *dkim.Key) { k.Private = publicOnly{ed25519.PublicKey("short")} }), "Keys.Private", 1, dkim.ErrKeyType},
		{with(func(k *dkim.Key) { k.Private = ed25519.PrivateKey{} }), "Keys.Private", 1, dkim.ErrKeyType},
		{with(func(k *dkim.Key) { k.Identity = "example.jp" }), "Keys.Identity", 1, dkim.ErrInvalid},
		{with(func(k *dkim.Key) { k.Identity = "@example.com" }), "Keys.Identity", 1, dkim.ErrInvalid},
		{with(func(k *dkim.Key) { k.Identity = "@myexample.jp" }), "Keys.Identity", 1, dkim.ErrInvalid},
		{with(func(k *dkim.Key) { k.Identity = "a; d=x@example.jp" }), "Keys.Identity", 1, dkim.ErrInvalid},
		{with(func(k *dkim.Key) { *k = rsaOne() }), "Keys", 1, dkim.ErrDuplicate},
		{with(func(k *dkim.Key) { *k = twice }), "Keys", 1, dkim.ErrDuplicate},
		{dkim.Config{Keys: fine, Lifetime: -time.Hour}, "Lifetime", -1, dkim.ErrInvalid},
		{dkim.Config{Keys: fine, Lifetime: time.Second}, "Lifetime", -1, dkim.ErrInvalid},
		{dkim.Config{Keys: fine, Fields: []string{"X-A", ""}}, "Fields", 1, dkim.ErrInvalid},
		{dkim.Config{Keys: fine, Fields: []string{"X A"}}, "Fields", 0, dkim.ErrInvalid},
		{dkim.Config{Keys: fine, Fields: []string{"X;b"}}, "Fields", 0, dkim.ErrInvalid},
		{dkim.Config{Keys: fine, Fields: []string{"received"}}, "Fields", 0, dkim.ErrInvalid},
		{dkim.Config{Keys: fine, Fields: []string{strings.Repeat("x", 77)}}, "Fields", 0, dkim.ErrInvalid},
	} {
		s, err := dkim.New(c.config)
		e, ok := errors.AsType[*dkim.FieldError](err)
		if s != nil || !ok || e.Field != c.field || e.Index != c.index || !errors.Is(e, c.want) {
			t.Errorf("%v; want %s[%d]: %v", err, c.field, c.index, c.want)
		}
	}
	_, err = dkim.New(dkim.Config{Keys: []dkim.Key{{Domain: "a b", Private: ec}, rsaOne()}, Lifetime: 1})
	want := "dkim: Keys[0].Domain: is not valid\ndkim: Keys[0].Selector: is required\n" +
		"dkim: Keys[0].Private: the key is neither RSA nor Ed25519\ndkim: Lifetime: is not valid"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
}

// The sizes at both ends are let in.
func TestKeySizes(t *testing.T) {
	for _, bits := range []uint{2048, 4096} {
		if _, err := dkim.New(dkim.Config{Keys: []dkim.Key{{Domain: "a.jp", Selector: "s", Private: publicOnly{&ofSize(bits).PublicKey}}}}); err != nil {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}

// TestNoSecrets prints everything that holds a key in every way there is.
func TestNoSecrets(t *testing.T) {
	key := edOne()
	config := dkim.Config{Keys: []dkim.Key{key}}
	var out bytes.Buffer
	signer := newSigner(t, config)
	for _, v := range []any{key, &key, config, &config, signer} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Error(err)
		}
	}
	seed := edKey().Seed()
	for _, form := range []string{"%d", "%#v", "%x", "%s"} {
		secret := strings.Trim(fmt.Sprintf(form, seed[:8]), "[]{}")
		secret = strings.TrimSuffix(strings.TrimPrefix(secret, "[]byte{"), "}")
		if strings.Contains(out.String(), secret) {
			t.Errorf("the key is printed as %q:\n%s", secret, out.String())
		}
	}
	encoded, _ := json.Marshal(seed)
	if strings.Contains(out.String(), string(encoded[1:9])) {
		t.Errorf("the key is printed in base64:\n%s", out.String())
	}
	if !strings.Contains(out.String(), "e1._domainkey.example.jp") {
		t.Errorf("nothing says which key it is:\n%s", out.String())
	}
}
