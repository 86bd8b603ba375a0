package preflight

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"

	"github.com/qdmail/qdmail/direct/dns"
)

// unanswered fills f in and reports true if an answer tells nothing about what it
// was asked for: if there is none, or one that can't be used. name is what was
// looked up, for people.
func unanswered[T any](f *Finding, a dns.Answer[T], name string) bool {
	switch {
	case a.Status == dns.OK || a.Status == dns.NoData || a.Status == dns.NXDomain:
		return false
	case a.Status == dns.Bogus:
		f.set(Failure, CodeBogus, "DNSSEC validation of %s fails", name)
		f.Why = "Receivers that validate, which the big ones do, get no answer at all."
		f.Fix = "Mend the signatures of the zone, or its DS record, which stands in the zone above; `delv` shows where it breaks."
	case errors.Is(a.Err, dns.ErrUnusable):
		f.set(Failure, CodeUnusable, "%s is answered by records that name no host", name)
		f.Fix = "Put the name of a host into the record, never an address."
	default:
		f.set(NotChecked, CodeTemporary, "%s couldn't be looked up: %s", name, cause(a.Err))
	}
	return true
}

// cause says why there is no answer. It doesn't repeat the question.
func cause(err error) string {
	e, ok := errors.AsType[*dns.Error](err)
	switch {
	case err == nil:
		return "no answer"
	case !ok:
		return show(err.Error())
	case e.Server != "":
		return show(e.Err.Error() + " (" + e.Server + ")")
	}
	return show(e.Err.Error())
}

// has reports whether an address is among those of a name, and whether that is
// certain.
func has(a dns.Answer[netip.Addr], addr netip.Addr) (found, certain bool) {
	switch a.Status {
	case dns.OK:
		found = slices.Contains(a.Records, addr)
		return found, found || a.Err == nil
	case dns.NoData, dns.NXDomain:
		return false, true
	}
	return false, false
}

// typeOf is the type of record that an address stands in.
func typeOf(addr netip.Addr) string {
	if addr.Is4() {
		return "A"
	}
	return "AAAA"
}

// byFamily puts IPv4 first, and leaves the order otherwise.
func byFamily(a, b netip.Addr) int { return cmp.Compare(a.BitLen(), b.BitLen()) }
