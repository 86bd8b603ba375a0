package dane

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/qdmail/qdmail/direct/dns"
)

// The values of dns.TLSA.Usage (RFC 7218).
const (
	UsagePKIXTA uint8 = 0 // an authority, which the client trusts already
	UsagePKIXEE uint8 = 1 // a certificate, from an authority that the client trusts
	UsageTA     uint8 = 2 // an authority, which need not be known otherwise
	UsageEE     uint8 = 3 // the server's certificate
)

// The values of dns.TLSA.Selector.
const (
	SelectorCert uint8 = 0 // the whole certificate
	SelectorSPKI uint8 = 1 // its public key
)

// The values of dns.TLSA.MatchingType.
const (
	MatchingFull   uint8 = 0 // as it is
	MatchingSHA256 uint8 = 1
	MatchingSHA512 uint8 = 2
)

var (
	// ErrSyntax: a text isn't a TLSA record.
	ErrSyntax = errors.New("dane: not a TLSA record")
	// ErrUnusable is in every error of Check.
	ErrUnusable = errors.New("dane: unusable TLSA record")
)

// Name returns the name of the TLSA records of a host's TCP port, such as
// "_25._tcp.mx.example.jp" (RFC 6698 section 3).
func Name(host string, port int) string {
	return "_" + strconv.Itoa(port) + "._tcp." + host
}

// Parse reads a record as a zone file has it, "3 1 1" and hexadecimal digits,
// between which there may be blanks. It doesn't Check it.
func Parse(s string) (dns.TLSA, error) {
	words := strings.Fields(s)
	if len(words) < 4 {
		return dns.TLSA{}, fmt.Errorf("%w: %.60q", ErrSyntax, s)
	}
	var n [3]uint8
	for i := range n {
		v, err := strconv.ParseUint(words[i], 10, 8)
		if err != nil {
			return dns.TLSA{}, fmt.Errorf("%w: %.60q", ErrSyntax, s)
		}
		n[i] = uint8(v)
	}
	data, err := hex.DecodeString(strings.Join(words[3:], ""))
	if err != nil {
		return dns.TLSA{}, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return dns.TLSA{Usage: n[0], Selector: n[1], MatchingType: n[2], Data: data}, nil
}

// Check returns nil if a record is usable for SMTP (RFC 7672 section 3.1): it
// names the server or an authority independent of others, in a way that is
// known, and its data can be what it should be.
func Check(r dns.TLSA) error {
	_, err := newAssociation(r)
	return err
}

// association is a usable record, with what its data holds in full.
type association struct {
	dns.TLSA
	cert *x509.Certificate // of a TA, selector Cert, in full
	key  any               // of a TA, selector SPKI, in full
}

func newAssociation(r dns.TLSA) (association, error) {
	a := association{TLSA: r}
	switch {
	case r.Usage == UsagePKIXTA || r.Usage == UsagePKIXEE:
		return a, fmt.Errorf("%w: usage %d depends on certificate authorities", ErrUnusable, r.Usage)
	case r.Usage > UsageEE:
		return a, fmt.Errorf("%w: usage %d isn't known", ErrUnusable, r.Usage)
	case r.Selector > SelectorSPKI:
		return a, fmt.Errorf("%w: selector %d isn't known", ErrUnusable, r.Selector)
	}
	var err error
	switch r.MatchingType {
	case MatchingFull:
		if r.Selector == SelectorCert {
			a.cert, err = x509.ParseCertificate(r.Data)
		} else {
			a.key, err = x509.ParsePKIXPublicKey(r.Data)
		}
		if err != nil {
			return a, fmt.Errorf("%w: %w", ErrUnusable, err)
		}
	case MatchingSHA256, MatchingSHA512:
		if want := r.MatchingType * 32; len(r.Data) != int(want) {
			return a, fmt.Errorf("%w: a digest of %d octets instead of %d", ErrUnusable, len(r.Data), want)
		}
	default:
		return a, fmt.Errorf("%w: matching type %d isn't known", ErrUnusable, r.MatchingType)
	}
	return a, nil
}

// matches reports whether the record means this certificate.
func (a association) matches(cert *x509.Certificate) bool {
	selected := cert.Raw
	if a.Selector == SelectorSPKI {
		selected = cert.RawSubjectPublicKeyInfo
	}
	switch a.MatchingType {
	case MatchingSHA256:
		sum := sha256.Sum256(selected)
		return string(sum[:]) == string(a.Data)
	case MatchingSHA512:
		sum := sha512.Sum512(selected)
		return string(sum[:]) == string(a.Data)
	}
	return string(selected) == string(a.Data)
}

// usable returns what of the records can be used. Of two digests of the same kind
// of thing, the stronger counts, so that a server which moves on to it isn't held
// to the weaker (RFC 7671 section 9).
func usable(records []dns.TLSA) []association {
	var list []association
	strong := map[[2]uint8]bool{}
	for _, r := range records {
		a, err := newAssociation(r)
		if err != nil {
			continue
		}
		list = append(list, a)
		if r.MatchingType == MatchingSHA512 {
			strong[[2]uint8{r.Usage, r.Selector}] = true
		}
	}
	kept := list[:0]
	for _, a := range list {
		if a.MatchingType != MatchingSHA256 || !strong[[2]uint8{a.Usage, a.Selector}] {
			kept = append(kept, a)
		}
	}
	return kept
}
