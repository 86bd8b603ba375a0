package direct

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct/dane"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/direct/mtasts"
	"github.com/qdmail/qdmail/smtp"
)

// demand is what TLS a host must have: all that the transport, DANE and MTA-STS
// ask for, together.
type demand struct {
	mode   smtp.TLSMode
	name   string // asked for in the handshake; empty: the host's
	checks []check
	// authentic says that a host which meets the demand is the right one.
	authentic bool
	// key is equal for two demands that the same connection meets.
	key string
}

// check is one policy for the certificate.
type check struct {
	policy  string // of PolicyError
	typ     string // of TLSReport
	domain  string
	binding bool // otherwise it is only reported
	verify  func(tls.ConnectionState) error
}

// demand finds out, once for each host, what it must have. The error says that it
// can't be used.
func (t *Transport) demand(ctx context.Context, p *plan, h *host) (*demand, *delivery.Error) {
	if !h.asked {
		h.want, h.unable = t.ask(ctx, p, h)
		h.asked = ctx.Err() == nil
	}
	return h.want, h.unable
}

func (t *Transport) ask(ctx context.Context, p *plan, h *host) (*demand, *delivery.Error) {
	d := &demand{mode: smtp.InsecureTLSOpportunistic, key: t.TLS.String()}
	switch t.TLS {
	case InsecureTLSNone:
		d.mode = smtp.InsecureTLSNone
		return d, nil
	case TLSRequired, TLSVerified:
		d.mode = smtp.TLSStartTLS
	}
	if err := t.addDANE(ctx, d, p, h); err != nil {
		return nil, err
	}
	if p.policy != nil {
		d.add(check{"mta-sts", mtasts.PolicyTypeSTS, p.domain, p.policy.Enforced(), t.pkix(h.name)})
	}
	if t.TLS == TLSVerified || len(d.checks) == 0 {
		name := h.name
		if t.TLSConfig != nil && t.TLSConfig.ServerName != "" {
			name = t.TLSConfig.ServerName
		}
		d.add(check{"tls", mtasts.PolicyTypeNone, p.domain, t.TLS == TLSVerified, t.pkix(name)})
	}
	return d, nil
}

// add adds a policy that is met by a valid certificate.
func (d *demand) add(c check) {
	d.checks = append(d.checks, c)
	if c.binding {
		d.mode, d.authentic = smtp.TLSStartTLS, true
		d.key += " " + c.policy
	}
}

// addDANE adds what the TLSA records of the host demand (RFC 7672 section 2.2).
func (t *Transport) addDANE(ctx context.Context, d *demand, p *plan, h *host) *delivery.Error {
	if t.NoDANE || !p.secure {
		return nil
	}
	records, base, err := t.tlsa(ctx, h)
	if err != nil {
		if ctx.Err() != nil {
			return unresolved(ctx, h.addr(), err).err
		}
		err = &PolicyError{"dane", err}
		t.report(ctx, TLSReport{
			PolicyType: mtasts.PolicyTypeTLSA, Domain: base, Host: h.name,
			Result: mtasts.ResultDNSSECInvalid, Err: err, Enforced: true,
		})
		return resolveError(h.addr(), err)
	}
	if len(records) == 0 {
		return nil
	}
	v := &dane.Verifier{Records: records, Names: []string{base, p.domain, p.expanded}}
	if !v.Usable() {
		t.report(ctx, TLSReport{
			PolicyType: mtasts.PolicyTypeTLSA, Domain: base, Host: h.name,
			Result: mtasts.ResultTLSAInvalid, Err: dane.ErrUnusable,
		})
	}
	d.add(check{"dane", mtasts.PolicyTypeTLSA, base, true, v.VerifyConnection})
	d.authentic, d.name = v.Usable(), base // without a usable one, any TLS will do
	d.key += "=" + digest(v)
	return nil
}

// tlsa returns the TLSA records of a host, and the name that they were found
// under: where its CNAMEs lead, or itself (RFC 7672 section 2.2.2 and 2.2.3).
func (t *Transport) tlsa(ctx context.Context, h *host) (records []dns.TLSA, base string, err error) {
	var bases []string
	alias := h.canonical != "" && h.canonical != h.name
	switch {
	case h.secure && alias:
		bases = []string{h.canonical, h.name}
	case h.secure:
		bases = []string{h.name}
	case alias:
		first := t.state.resolver.CNAME(ctx, h.name)
		if first.Status == dns.Temporary || first.Status == dns.Bogus {
			return nil, h.name, first.Err
		}
		if first.Secure && first.Status == dns.OK {
			bases = []string{h.name}
		}
	}
	for _, base := range bases {
		a := t.state.resolver.TLSA(ctx, dane.Name(base, int(h.port)))
		switch {
		case a.Status == dns.Temporary || a.Status == dns.Bogus:
			return nil, base, a.Err
		case a.Status == dns.OK && a.Secure:
			return a.Records, base, nil
		}
	}
	return nil, h.name, nil
}

// digest is equal for verifiers that let the same servers pass.
func digest(v *dane.Verifier) string {
	var lines []string
	for _, r := range v.Records {
		lines = append(lines, r.String())
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(append(lines, v.Names...), "\n")))
	return hex.EncodeToString(sum[:8])
}
