package smtp

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/qdmail/qdmail/internal/show"
)

// ErrPinMismatch: no key of the server is among the Pins. It comes with
// delivery.ErrTLSFailed.
var ErrPinMismatch = errors.New("the server's key is none of those that are pinned")

const pinPrefix = "sha256/"

// PinOf returns the pin of a certificate: "sha256/" and the SHA-256 digest of its
// SubjectPublicKeyInfo in base64 (RFC 7469 section 2.4). It stays the same when
// a certificate is renewed for the same key.
func PinOf(cert *x509.Certificate) string {
	digest := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return pinPrefix + base64.StdEncoding.EncodeToString(digest[:])
}

// preparePins reads the pins, and lets nothing through where they can't be
// checked.
func (cfg *Config) preparePins() error {
	cfg.pins = nil
	for _, s := range cfg.Pins {
		pin, err := parsePin(s)
		if err != nil {
			return err
		}
		cfg.pins = append(cfg.pins, pin)
	}
	switch {
	case len(cfg.pins) == 0 && cfg.InsecurePinsOnly:
		return &FieldError{"InsecurePinsOnly", "is set, but there are no Pins"}
	case len(cfg.pins) > 0 && cfg.TLS == TLSDefault:
		cfg.TLS = TLSStartTLS // on loopback too
	case len(cfg.pins) > 0 && !cfg.TLS.required():
		return &FieldError{"Pins", "are set, but TLS doesn't have to be used"}
	}
	return nil
}

func parsePin(s string) (pin [sha256.Size]byte, err error) {
	text, ok := strings.CutPrefix(s, pinPrefix)
	digest, err := base64.StdEncoding.Strict().DecodeString(text)
	if !ok || err != nil || len(digest) != len(pin) || len(text) != base64.StdEncoding.EncodedLen(len(pin)) {
		return pin, &FieldError{"Pins", fmt.Sprintf("has %q, which isn't sha256/ and 32 octets in base64", show.Cut(s, 80))}
	}
	return [sha256.Size]byte(digest), nil
}

// checkPins looks for a pinned key in what the server has proved: in the chains
// that were verified, or else, since anybody can send anybody's certificates, in
// the certificate whose key the handshake was made with.
func (cfg *Config) checkPins(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return ErrPinMismatch
	}
	chains := state.VerifiedChains
	if len(chains) == 0 {
		chains = [][]*x509.Certificate{state.PeerCertificates[:1]}
	}
	for _, chain := range chains {
		for _, cert := range chain {
			if slices.Contains(cfg.pins, sha256.Sum256(cert.RawSubjectPublicKeyInfo)) {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: it is %s", ErrPinMismatch, PinOf(state.PeerCertificates[0]))
}

// newSessionCache makes the cache by which the conversations of a Relay resume
// each other's TLS sessions. Certificates are looked at anew each time: crypto/tls
// checks the time and the name, and we the pins.
func newSessionCache() tls.ClientSessionCache { return tls.NewLRUClientSessionCache(maxSessions) }

// maxSessions is how many TLS sessions a Relay keeps. It has one server, which gives
// out several tickets at most.
const maxSessions = 4
