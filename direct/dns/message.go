package dns

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
)

// payloadSize is the datagram that we take: what passes everywhere unfragmented.
const payloadSize = 1232

// The response codes that mean something to us.
const (
	rcodeSuccess  = mdns.RcodeSuccess
	rcodeFormErr  = mdns.RcodeFormatError
	rcodeServFail = mdns.RcodeServerFailure
	rcodeNXDomain = mdns.RcodeNameError
	rcodeNotImp   = mdns.RcodeNotImplemented
	rcodeBadVers  = mdns.RcodeBadVers
)

func rcodeName(rcode int) string {
	switch rcode {
	case rcodeFormErr:
		return "FORMERR"
	case rcodeServFail:
		return "SERVFAIL"
	case rcodeNotImp:
		return "NOTIMP"
	case mdns.RcodeRefused:
		return "REFUSED"
	}
	return "RCODE " + strconv.Itoa(rcode)
}

// errNotOurs: a message that doesn't answer the query.
var errNotOurs = errors.New("not an answer to the question")

// queryOptions are in what ways a question can be put.
type queryOptions struct {
	edns      bool // with EDNS0, which asks for DNSSEC as well
	unchecked bool // with checking disabled
}

// query is a question as it goes over the wire.
type query struct {
	question
	id     uint16
	octets []byte
}

// packQuery asks for recursion and for the AD bit (RFC 6840 section 5.7).
func packQuery(q question, opt queryOptions) (query, error) {
	var id [2]byte
	rand.Read(id[:])
	m := &mdns.Msg{}
	m.SetQuestion(q.name+".", uint16(q.typ))
	m.Id = binary.BigEndian.Uint16(id[:])
	m.AuthenticatedData = true
	m.CheckingDisabled = opt.unchecked
	if opt.edns {
		m.SetEdns0(payloadSize, true)
	}
	octets, err := m.Pack()
	if err != nil {
		return query{}, ErrName
	}
	return query{q, m.Id, octets}, nil
}

// message is what is of interest in an answer.
type message struct {
	rcode       int
	truncated   bool
	authentic   bool // the AD bit
	bogus       bool // the server says that validation failed
	negative    bool // it says for how long something is absent
	negativeTTL time.Duration
	answer      []record
}

// unpack reads the answer to q. The error is errNotOurs or ErrMalformed.
func unpack(octets []byte, q query) (message, error) {
	if len(octets) < 12 || binary.BigEndian.Uint16(octets) != q.id {
		return message{}, errNotOurs
	}
	m := &mdns.Msg{}
	if err := m.Unpack(octets); err != nil && !m.Truncated {
		return message{}, ErrMalformed // one that was truncated may end anywhere
	}
	if !m.Response || !answers(m, q.question) {
		return message{}, errNotOurs
	}
	res := message{rcode: m.Rcode, truncated: m.Truncated, authentic: m.AuthenticatedData}
	for _, rr := range m.Answer {
		if r, ok := convert(rr); ok {
			res.answer = append(res.answer, r)
		}
	}
	for _, rr := range m.Ns {
		if soa, ok := rr.(*mdns.SOA); ok { // RFC 2308 section 5
			res.negative = true
			res.negativeTTL = seconds(min(soa.Hdr.Ttl, soa.Minttl))
		}
	}
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if ede, ok := o.(*mdns.EDNS0_EDE); ok {
				res.bogus = res.bogus || isBogus(ede.InfoCode)
			}
		}
	}
	return res, nil
}

// answers reports whether the question of m is q. One that couldn't be read may
// be missing, but then there is no answer either.
func answers(m *mdns.Msg, q question) bool {
	if len(m.Question) == 0 {
		return m.Truncated || m.Rcode != rcodeSuccess && m.Rcode != rcodeNXDomain
	}
	asked := m.Question[0]
	return len(m.Question) == 1 && asked.Qtype == uint16(q.typ) && asked.Qclass == mdns.ClassINET &&
		nameOf(asked.Name) == q.name
}

// isBogus reports whether an extended error (RFC 8914 section 4) says that the
// records contradict their signatures or lack them.
func isBogus(code uint16) bool {
	switch code {
	case mdns.ExtendedErrorCodeDNSBogus,
		mdns.ExtendedErrorCodeSignatureExpired,
		mdns.ExtendedErrorCodeSignatureNotYetValid,
		mdns.ExtendedErrorCodeDNSKEYMissing,
		mdns.ExtendedErrorCodeRRSIGsMissing,
		mdns.ExtendedErrorCodeNoZoneKeyBitSet,
		mdns.ExtendedErrorCodeNSECMissing:
		return true
	}
	return false
}

// convert reads a record of one of our types.
func convert(rr mdns.RR) (r record, ok bool) {
	h := rr.Header()
	if h.Class != mdns.ClassINET {
		return r, false
	}
	r = record{name: nameOf(h.Name), typ: Type(h.Rrtype), ttl: seconds(h.Ttl)}
	switch rr := rr.(type) {
	case *mdns.A:
		r.data, ok = addrOf(rr.A.To4())
	case *mdns.AAAA:
		r.data, ok = addrOf(rr.AAAA)
	case *mdns.CNAME:
		r.data, ok = nameOf(rr.Target), true
	case *mdns.PTR:
		r.data, ok = nameOf(rr.Ptr), true
	case *mdns.MX:
		r.data, ok = MX{Host: nameOf(rr.Mx), Preference: rr.Preference}, true
	case *mdns.TXT:
		r.data, ok = unescape(strings.Join(rr.Txt, "")), true
	case *mdns.TLSA:
		data, err := hex.DecodeString(rr.Certificate)
		r.data, ok = TLSA{rr.Usage, rr.Selector, rr.MatchingType, data}, err == nil
	}
	return r, ok
}

func addrOf(octets []byte) (any, bool) {
	addr, ok := netip.AddrFromSlice(octets)
	return addr, ok
}

// nameOf returns a name as we write it; the root is ".".
func nameOf(s string) string {
	if s == "." {
		return s
	}
	return strings.ToLower(strings.TrimSuffix(s, "."))
}

// seconds reads a TTL; one with the highest bit set is zero (RFC 2181 section 8).
func seconds(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}

// unescape undoes what the library writes text in: "\" before a character, or
// three decimal digits of an octet.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if i+3 < len(s) {
				if n, err := strconv.ParseUint(s[i+1:i+4], 10, 8); err == nil {
					b = append(b, byte(n))
					i += 3
					continue
				}
			}
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}
