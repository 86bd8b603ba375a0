package dane

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"github.com/qdmail/qdmail/direct/dns"
)

// Reasons why a server isn't the right one.
var (
	// ErrNoRecords: there is nothing to verify by.
	ErrNoRecords = errors.New("there are no TLSA records")
	// ErrNoCertificate: the server has shown no certificate.
	ErrNoCertificate = errors.New("the server has no certificate")
	// ErrNoMatch: no record means a certificate that the server has shown.
	ErrNoMatch = errors.New("no TLSA record matches")
	// ErrName: the certificate is for other names.
	ErrName = errors.New("the certificate is for other names")
	// ErrExpired: a certificate isn't valid at this time.
	ErrExpired = errors.New("a certificate is expired or not yet valid")
	// ErrChain: the certificate doesn't come from the authority in the way that it
	// should.
	ErrChain = errors.New("the authority doesn't vouch for the certificate")
)

// Error says that the server isn't the one that the records mean, or can't show
// it. The connection must not be used.
type Error struct {
	// Result is the name that TLS reporting has for this (RFC 8460 section 4.3.1),
	// such as "certificate-host-mismatch".
	Result string
	// Err is the reason, one of the errors above or wrapping it.
	Err error
}

// Error names the reason.
func (e *Error) Error() string { return "dane: " + e.Err.Error() }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Verifier verifies a server by the TLSA records of its port.
type Verifier struct {
	// Records are the TLSA records of the host. Required; with none, nothing is
	// verified and that is an error.
	Records []dns.TLSA
	// Names are those that a certificate which an authority vouches for (usage 2)
	// may be for, one of which is enough: the name that the TLSA records were found
	// under, the domain of the recipient, and where that one's CNAME leads (RFC
	// 7672 section 3.2.3). A server's own record (usage 3) counts whatever the
	// names in the certificate. Default: none, and no authority can vouch.
	Names []string
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Match says how the server is known.
type Match struct {
	// Authenticated: it is the one that the records mean. Otherwise no record is
	// usable, and all there is is an encrypted connection, which then suffices
	// (RFC 7672 section 2.2).
	Authenticated bool
	// Record is the one that was met.
	Record dns.TLSA
}

// Usable reports whether at least one record is usable.
func (v *Verifier) Usable() bool { return len(usable(v.Records)) > 0 }

// VerifyConnection is for tls.Config.VerifyConnection, together with
// InsecureSkipVerify. Its error is an *Error.
func (v *Verifier) VerifyConnection(cs tls.ConnectionState) error {
	_, err := v.Verify(cs.PeerCertificates)
	return err
}

// Verify judges the certificates as the server has sent them, its own first. If
// no record is usable, that is no error; see Match. The error is an *Error.
func (v *Verifier) Verify(chain []*x509.Certificate) (Match, error) {
	if len(v.Records) == 0 {
		return Match{}, failure(ErrNoRecords)
	}
	if len(chain) == 0 {
		return Match{}, failure(ErrNoCertificate)
	}
	list := usable(v.Records)
	if len(list) == 0 {
		return Match{}, nil
	}
	for _, a := range list {
		if a.Usage == UsageEE && a.matches(chain[0]) {
			return Match{true, a.TLSA}, nil
		}
	}
	reason := ErrNoMatch
	for _, a := range list {
		if a.Usage != UsageTA {
			continue
		}
		err := v.verifyAnchor(a, list, chain)
		if err == nil {
			return Match{true, a.TLSA}, nil
		}
		if errors.Is(reason, ErrNoMatch) {
			reason = err
		}
	}
	return Match{}, failure(reason)
}

func (v *Verifier) now() time.Time {
	if v.Now != nil {
		return v.Now()
	}
	return time.Now()
}

// failure finds the name of a reason (RFC 8460 section 4.3.1).
func failure(err error) error {
	e := &Error{Result: "validation-failure", Err: err}
	switch {
	case errors.Is(err, ErrName):
		e.Result = "certificate-host-mismatch"
	case errors.Is(err, ErrExpired):
		e.Result = "certificate-expired"
	case errors.Is(err, ErrChain):
		e.Result = "certificate-not-trusted"
	}
	return e
}
