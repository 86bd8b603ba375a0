package dns

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Resolver answers questions about names. Names are given and returned in ASCII
// (A-labels), in lower case and without the final dot, though both are forgiven
// in a question; no search list is ever applied. An Answer belongs to the
// caller. A Resolver may be used from many goroutines at once, and ctx bounds
// each call.
type Resolver interface {
	// MX returns the mail exchangers of a domain, the most preferred first, at
	// most 100: of more, the most preferred. Hosts that are no host names, such as
	// "192.0.2.1", are left out, and Err says so; if none is left the Status is
	// Temporary, so that nobody takes it for a domain without MX. A null MX
	// (RFC 7505) is one record for which Null is true; beside other records it is
	// left out.
	MX(ctx context.Context, domain string) Answer[MX]
	// Addrs returns the addresses of a host, IPv4 before IPv6, at most 100 of
	// each. If one family could be found and the other failed, the Status is OK
	// and Err tells of the other.
	Addrs(ctx context.Context, host string) Answer[netip.Addr]
	// TLSA returns the TLSA records of a name such as "_25._tcp.mx.example.jp"
	// (RFC 6698), at most 100.
	TLSA(ctx context.Context, name string) Answer[TLSA]
	// TXT returns the TXT records of a name, the strings of each put together
	// (RFC 7208 section 3.3), in any octets, at most 100.
	TXT(ctx context.Context, name string) Answer[string]
	// PTR returns the names of an address, at most 100.
	PTR(ctx context.Context, addr netip.Addr) Answer[string]
	// CNAME returns the name that name itself is an alias of, one step far, and
	// NoData if it is none. DANE wants to know whether that first step is Secure
	// (RFC 7672 section 2.2.2).
	CNAME(ctx context.Context, name string) Answer[string]
}

// Status says what kind of answer there is. The zero value is Temporary, so that
// an answer nobody filled in is never mistaken for the absence of something.
type Status uint8

const (
	// Temporary: there is no answer now: no server answered, or only with a
	// failure, or with what can't be used. Ask again later.
	Temporary Status = iota
	// OK: there is at least one record.
	OK
	// NoData: the name exists and has no record of this type.
	NoData
	// NXDomain: the name doesn't exist, or can't exist.
	NXDomain
	// Bogus: DNSSEC validation failed. It is as good as Temporary, since the
	// records are forged or broken, and nothing may be concluded from them.
	Bogus
)

var statusNames = [...]string{
	Temporary: "temporary failure",
	OK:        "ok",
	NoData:    "no data",
	NXDomain:  "no such name",
	Bogus:     "bogus",
}

// String returns the status in lower case words, such as "no data".
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("Status(%d)", uint8(s))
}

// Answer is what was found.
type Answer[T any] struct {
	// Records are what was asked for. There is at least one if Status is OK, and
	// otherwise none.
	Records []T
	// Name is the name that the records belong to: the one asked for, or where
	// its CNAMEs lead.
	Name string
	// Status says what kind of answer this is.
	Status Status
	// Secure says that DNSSEC vouches for the answer, each CNAME on the way
	// included, and for an absence too. It is the word of a validating server
	// that is trusted; see Client.TrustAD.
	Secure bool
	// TTL is for how long the answer holds, zero if that isn't known.
	TTL time.Duration
	// Err is the reason for Temporary and Bogus. Beside another Status it says
	// what is missing from the answer, and is usually nil. It is an *Error.
	Err error
}

// MX is one mail exchanger.
type MX struct {
	// Host is its name, or "." in a null MX.
	Host string
	// Preference is its rank; the lowest is tried first.
	Preference uint16
}

// Null reports whether the record says that the domain takes no mail (RFC 7505).
func (m MX) Null() bool { return m.Host == "." }

// String returns the record as a zone file has it.
func (m MX) String() string {
	return fmt.Sprintf("%d %s.", m.Preference, strings.TrimSuffix(m.Host, "."))
}

// TLSA says which certificate a server must show (RFC 6698 section 2.1). Package
// dane knows what it means.
type TLSA struct {
	Usage        uint8
	Selector     uint8
	MatchingType uint8
	Data         []byte
}

// String returns the record as a zone file has it.
func (r TLSA) String() string {
	return fmt.Sprintf("%d %d %d %s", r.Usage, r.Selector, r.MatchingType, hex.EncodeToString(r.Data))
}

// Type is the type of a record.
type Type uint16

// The types that a Resolver asks for. TypeANY stands for all of them in Host.Fail
// and is never asked for.
const (
	TypeA     Type = 1
	TypeCNAME Type = 5
	TypePTR   Type = 12
	TypeMX    Type = 15
	TypeTXT   Type = 16
	TypeAAAA  Type = 28
	TypeTLSA  Type = 52
	TypeANY   Type = 255
)

// String returns the type's name, such as "MX".
func (t Type) String() string {
	switch t {
	case TypeA:
		return "A"
	case TypeCNAME:
		return "CNAME"
	case TypePTR:
		return "PTR"
	case TypeMX:
		return "MX"
	case TypeTXT:
		return "TXT"
	case TypeAAAA:
		return "AAAA"
	case TypeTLSA:
		return "TLSA"
	case TypeANY:
		return "ANY"
	}
	return fmt.Sprintf("TYPE%d", uint16(t))
}
