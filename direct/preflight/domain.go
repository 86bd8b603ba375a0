package preflight

import (
	"fmt"

	"github.com/qdmail/qdmail/direct/dns"
)

const whyDomain = "Receivers refuse mail from a domain that could take no answer and no bounce; docomo and SoftBank look for that."

// checkDomain looks whether a domain could take mail: it has an MX or an address.
func (r *run) checkDomain(n name, field string) Finding {
	f := Finding{Check: CheckDomain, About: n.ascii, Why: whyDomain}
	if !n.usable(&f, field) {
		return f
	}
	a := r.resolver.MX(r.ctx, n.ascii)
	switch {
	case unanswered(&f, a, "the MX record"):
	case a.Status == dns.NXDomain:
		f.set(Failure, "nxdomain", "the domain doesn't exist")
		f.Fix = "Register it, or send from one that exists."
	case a.Status == dns.OK && a.Records[0].Null():
		f.set(Failure, "null-mx", "the domain says that it takes no mail (RFC 7505)")
		f.Fix = "Send from a domain that takes mail, or give this one a host that does in the place of \"0 .\"."
	case a.Status == dns.OK:
		f.set(OK, "mx", "its mail goes to %s%s", show(a.Records[0].Host), others(len(a.Records)-1))
	default:
		r.checkImplicitMX(&f, n.ascii)
	}
	return f
}

// checkImplicitMX looks at the address of a domain without MX (RFC 5321 section
// 5.1).
func (r *run) checkImplicitMX(f *Finding, domain string) {
	a := r.resolver.Addrs(r.ctx, domain)
	switch {
	case unanswered(f, a, "the address"):
	case a.Status == dns.OK:
		f.set(OK, "address", "it has no MX, so its mail goes to %s itself", a.Records[0])
	default:
		f.set(Failure, "none", "the domain has neither MX nor address")
		f.Fix = "Publish where its mail goes, to a host that takes it."
		f.Records = []string{domain + ". IN MX 10 mail." + domain + "."}
	}
}

func others(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return " and another host"
	}
	return fmt.Sprintf(" and %d other hosts", n)
}
