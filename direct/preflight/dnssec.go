package preflight

import (
	"cmp"

	"github.com/qdmail/qdmail/direct/dns"
)

const (
	whyDNSSEC = "Without DNSSEC there is no DANE: hosts that publish which certificate they have (RFC 7672) get mail over TLS with whoever it is."
	fixDNSSEC = "Run a validating resolver on this machine, such as Unbound, and put nameserver 127.0.0.1 into /etc/resolv.conf, or its address into " +
		"Servers of a dns.Client."
)

// checkDNSSEC looks whether the resolver validates, and says so.
func (r *run) checkDNSSEC() Finding {
	f := Finding{Check: CheckDNSSEC, Why: whyDNSSEC, About: cmp.Or(r.SignedName, "arpa")}
	signed := r.resolver.TXT(r.ctx, f.About)
	switch {
	case signed.Status == dns.Bogus:
		f.set(Failure, CodeBogus, "validation of %s fails, so it fails for all that is signed", show(f.About))
		f.Fix = "Set the clock of the resolver's machine, and renew its trust anchor."
		return f
	case unanswered(&f, signed, show(f.About)):
		return f
	case !signed.Secure:
		f.set(Warning, "insecure", "the resolver doesn't say that DNSSEC vouches for %s, which is signed; DANE is off", show(f.About))
		f.Fix = fixDNSSEC
		return f
	case r.BogusName == "":
		f.set(OK, "secure", "the resolver validates")
		return f
	}
	switch bogus := r.resolver.Addrs(r.ctx, r.BogusName); bogus.Status {
	case dns.Bogus:
		f.set(OK, "validates", "the resolver validates, and refuses %s", show(r.BogusName))
	case dns.Temporary:
		f.set(NotChecked, CodeTemporary, "%s couldn't be looked up: %s", show(r.BogusName), cause(bogus.Err))
	default:
		f.set(Failure, "accepts-bogus", "the resolver has an answer for %s, whose signatures are broken, and yet claims to validate", show(r.BogusName))
		f.Fix = fixDNSSEC
	}
	return f
}
