package cms_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"hash"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/smime/internal/cms"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The vectors of RFC 3394 section 4.
func TestWrapKey(t *testing.T) {
	const data = "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F"
	const kek = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"
	for _, c := range []struct{ kek, data, want string }{
		{kek[:32], data[:32], "1FA68B0A8112B447 AEF34BD8FB5A7B82 9D3E862371D2CFE5"},
		{kek[:48], data[:32], "96778B25AE6CA435 F92B5B97C050AED2 468AB8A17AD84E5D"},
		{kek, data[:32], "64E8C3F9CE0F5BA2 63E9777905818A2A 93C8191E7D6E8AE7"},
		{kek, data, "28C9F404C4B810F4 CBCCB35CFB87F826 3F5786E2D80ED326 CBC7F0E71A99F43B FB988B9B7A02DD21"},
	} {
		key, plain, want := unhex(t, c.kek), unhex(t, c.data), unhex(t, c.want)
		got, err := cms.WrapKey(key, plain)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("wrapped %X, %v, want %X", got, err, want)
		}
		back, err := cms.UnwrapKey(key, want)
		if err != nil || !bytes.Equal(back, plain) {
			t.Errorf("unwrapped %X, %v", back, err)
		}
		for i := range want {
			spoilt := bytes.Clone(want)
			spoilt[i] ^= 0x40
			if _, err := cms.UnwrapKey(key, spoilt); !errors.Is(err, cms.ErrDecrypt) {
				t.Errorf("octet %d changed: %v", i, err)
			}
		}
	}
	for _, n := range []int{0, 8, 16, 23, 25, 80} {
		if _, err := cms.UnwrapKey(make([]byte, 16), make([]byte, n)); err == nil {
			t.Errorf("%d octets were unwrapped", n)
		}
	}
}

// Vectors of ANSI X9.63, from NIST's CAVP ("ansx963_2001"), with and without
// shared info.
func TestDeriveKey(t *testing.T) {
	for _, c := range []struct {
		hash               func() hash.Hash
		secret, info, want string
	}{
		{sha1.New, "1c7d7b5f0597b03d06a018466ed1a93e30ed4b04dc64ccdd", "", "bf71dffd8f4d99223936beb46fee8ccc"},
		{sha256.New, "96c05619d56c328ab95fe84b18264b08725b85e33fd34f08", "", "443024c3dae66b95e6f5670601558f71"},
		{sha256.New, "22518b10e70f2a3f243810ae3254139efbee04aa57c7af7d", "75eef81aa3041e33b80971203d2c0c52",
			"c498af77161cc59f2962b9a713e2b215152d139766ce34a776df11866a69bf2e52a13d9c7c6fc878c50c5ea0bc7b00e0da2447cfd874f6cf92f30d0097111485500c90c3af8b487872d04685d14c8d1dc8d7fa08beb0ce0ababc11f0bd496269142d43525a78e5bc79a17f59676a5706dc54d54d4d1f0bd7e386128ec26afc21"},
	} {
		want := unhex(t, c.want)
		if got := cms.DeriveKey(c.hash, unhex(t, c.secret), unhex(t, c.info), len(want)); !bytes.Equal(got, want) {
			t.Errorf("%x, want %x", got, want)
		}
	}
}

func TestNormalize(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"DER":                      {"30 03 02 01 05", "30 03 02 01 05"},
		"what follows is left out": {"02 01 05 02 01 06", "02 01 05"},
		"long form of a length":    {"30 81 03 02 01 05", "30 03 02 01 05"},
		"longer form":              {"30 84 00000003 02 01 05", "30 03 02 01 05"},
		"indefinite":               {"30 80 02 01 05 00 00", "30 03 02 01 05"},
		"indefinite in indefinite": {"30 80 30 80 02 01 05 00 00 04 00 00 00", "30 07 30 03 02 01 05 04 00"},
		"pieces of a string":       {"24 80 04 02 6162 04 01 63 00 00", "04 03 616263"},
		"pieces of pieces":         {"24 80 24 80 04 01 61 00 00 24 03 04 01 62 00 00", "04 02 6162"},
		"no pieces":                {"24 00", "04 00"},
		"tagged":                   {"A0 80 04 01 61 00 00", "A0 03 04 01 61"},
		"empty":                    {"30 80 00 00", "30 00"},
	} {
		if got, err := cms.Normalize(unhex(t, c.in)); err != nil || !bytes.Equal(got, unhex(t, c.want)) {
			t.Errorf("%s: %X, %v, want %s", name, got, err, c.want)
		}
	}
	for _, in := range []string{
		"", "30", "30 01", "30 80", "30 80 02 01 05", "30 80 02 01 05 00", "04 80 00 00", "1F 01 00", "3F 01 00",
		"30 02 02 01", "30 85 0000000001", "30 88 7FFFFFFFFFFFFFFF", "30 88 FFFFFFFFFFFFFFFF", "30 FF", "24 80 02 01 05 00 00", "30 02 02 02 01 01",
	} {
		if got, err := cms.Normalize(unhex(t, in)); !errors.Is(err, cms.ErrSyntax) {
			t.Errorf("%s became %X, %v", in, got, err)
		}
	}
	deep := func(n int) []byte { return append(bytes.Repeat([]byte{0x30, 0x80}, n), make([]byte, 2*n)...) }
	if _, err := cms.Normalize(deep(cms.MaxDepth)); err != nil {
		t.Error(err)
	}
	for _, n := range []int{cms.MaxDepth + 2, 1 << 22} { // the latter would be the end of the stack
		if _, err := cms.Normalize(deep(n)); !errors.Is(err, cms.ErrSyntax) {
			t.Errorf("depth %d: %v", n, err)
		}
	}
}

// The octets of the object identifiers are those of the comments beside them.
func TestObjectIdentifiers(t *testing.T) {
	source, err := os.ReadFile("oid.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)= "((?:\\x[0-9a-f]{2})+)" +// ([0-9.]+)$`).FindAllSubmatch(source, -1)
	for _, m := range lines {
		var oid asn1.ObjectIdentifier
		der := unhex(t, strings.ReplaceAll(string(m[1]), `\x`, ""))
		if rest, err := asn1.Unmarshal(der, &oid); err != nil || len(rest) > 0 || oid.String() != string(m[2]) {
			t.Errorf("%s is %v, %v", m[2], oid, err)
		}
	}
	if len(lines) < 30 {
		t.Errorf("only %d identifiers were found", len(lines))
	}
}

// A message with more signatures than anybody needs is refused before it costs
// the time of checking them.
func TestManySigners(t *testing.T) {
	for n, want := range map[int]error{0: nil, 32: nil, 33: cms.ErrSyntax, 100000: cms.ErrSyntax} {
		ber := unhex(t, "3080 06092a864886f70d010702 A080 3080 020101 3100 3080 06092a864886f70d010701 0000")
		ber = append(ber, 0x31, 0x80)
		ber = append(ber, bytes.Repeat([]byte{0x30, 3, 2, 1, 1}, n)...)
		ber = append(ber, make([]byte, 8)...)
		if _, _, err := cms.Detach(ber); !errors.Is(err, want) {
			t.Errorf("%d signers: %v", n, err)
		}
	}
}
