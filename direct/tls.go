package direct

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct/dane"
	"github.com/qdmail/qdmail/direct/mtasts"
)

// pkix returns a function that verifies a certificate for a name.
func (t *Transport) pkix(name string) func(tls.ConnectionState) error {
	return func(cs tls.ConnectionState) error {
		if len(cs.PeerCertificates) == 0 {
			return dane.ErrNoCertificate
		}
		opts := x509.VerifyOptions{DNSName: name, Intermediates: x509.NewCertPool()}
		if t.TLSConfig != nil {
			opts.Roots = t.TLSConfig.RootCAs
			if t.TLSConfig.Time != nil {
				opts.CurrentTime = t.TLSConfig.Time()
			}
		}
		for _, c := range cs.PeerCertificates[1:] {
			opts.Intermediates.AddCert(c)
		}
		_, err := cs.PeerCertificates[0].Verify(opts)
		return err
	}
}

// evidence is what the checks of a demand said about one server.
type evidence struct {
	checked bool // there was a certificate to look at
	errs    []error
}

// passed reports whether the binding checks let the server pass.
func (ev *evidence) passed(d *demand) bool {
	for i, err := range ev.errs {
		if err != nil && d.checks[i].binding {
			return false
		}
	}
	return true
}

// tlsConfig returns the configuration of one handshake, which lets the server
// pass if the binding checks do, and VerifyConnection and VerifyPeerCertificate of
// Transport.TLSConfig, and notes what all checks say.
func (t *Transport) tlsConfig(d *demand, s stage, ev *evidence) *tls.Config {
	cfg := t.TLSConfig.Clone()
	if cfg == nil {
		cfg = new(tls.Config)
	}
	if cfg.ServerName == "" {
		cfg.ServerName = d.name
	}
	if s == smallHello {
		cfg.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256}
	}
	if own := cfg.VerifyPeerCertificate; own != nil {
		cfg.VerifyPeerCertificate = func(raw [][]byte, chains [][]*x509.Certificate) error {
			if err := own(raw, chains); err != nil {
				return &PolicyError{"tls", err}
			}
			return nil
		}
	}
	own := cfg.VerifyConnection
	cfg.InsecureSkipVerify = true // the checks verify
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		if own != nil {
			if err := own(cs); err != nil {
				return &PolicyError{"tls", err}
			}
		}
		ev.checked, ev.errs = true, nil
		var fatal error
		for _, c := range d.checks {
			err := c.verify(cs)
			if err != nil {
				err = &PolicyError{c.policy, err}
			}
			ev.errs = append(ev.errs, err)
			if c.binding && fatal == nil {
				fatal = err
			}
		}
		return fatal
	}
	return cfg
}

// reportTLS reports what a conversation has shown about the policies. err is why
// it ended before the first message, if it did.
func (t *Transport) reportTLS(ctx context.Context, tgt target, d *demand, ev *evidence, encrypted bool, err *delivery.Error) {
	if t.Observer.TLS == nil {
		return
	}
	inTLS := err != nil && (err.Phase == delivery.PhaseSTARTTLS || err.Phase == delivery.PhaseTLS)
	var broken error
	switch {
	case ev.checked && !(inTLS && ev.passed(d)):
	case inTLS:
		broken = err
	case err != nil:
		return // it never came to that
	case !encrypted:
		broken = delivery.ErrTLSRequired
	}
	for i, c := range d.checks {
		r := TLSReport{PolicyType: c.typ, Domain: c.domain, Host: tgt.name, IP: tgt.ip, Err: broken}
		if broken == nil && ev.checked {
			r.Err = ev.errs[i]
		}
		r.Result = resultOf(r.Err)
		r.Enforced = r.Err != nil && c.binding
		t.report(ctx, r)
	}
}

// resultOf finds the name of a failure of TLS (RFC 8460 section 4.3.1).
func resultOf(err error) mtasts.Result {
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var byTLSA *dane.Error
	var e *delivery.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &byTLSA):
		return mtasts.Result(byTLSA.Result)
	case errors.As(err, &name):
		return mtasts.ResultCertificateHostMismatch
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return mtasts.ResultCertificateExpired
	case errors.As(err, &authority), errors.As(err, &invalid):
		return mtasts.ResultCertificateNotTrusted
	case err == delivery.ErrTLSRequired, errors.As(err, &e) && e.Phase == delivery.PhaseSTARTTLS:
		return mtasts.ResultSTARTTLSNotSupported
	}
	return mtasts.ResultValidationFailure
}
