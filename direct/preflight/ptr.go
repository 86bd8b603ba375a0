package preflight

import (
	"net/netip"

	"github.com/qdmail/qdmail/direct/dns"
)

const (
	whyPTR = "Gmail and most others refuse mail from an address without a name in the DNS that has this address in turn."
	fixPTR = "The provider of the address sets its name, often in a form called reverse DNS."
	// maxNames is how many names of an address are looked at.
	maxNames = 10
)

// checkPTR looks whether the address has a name, and the name the address: forward-
// confirmed reverse DNS.
func (r *run) checkPTR(addr netip.Addr) Finding {
	f := Finding{Check: CheckPTR, About: addr.String(), Why: whyPTR}
	a := r.ptrs[addr]()
	switch {
	case unanswered(&f, a, "the PTR record"):
		return f
	case a.Status != dns.OK:
		f.set(Failure, "none", "the address has no PTR record")
		f.Fix = fixPTR
		f.Records = r.ownPTR(addr)
		return f
	}
	names := a.Records[:min(len(a.Records), maxNames)]
	var doubt *Finding
	for _, n := range names {
		forward := r.resolver.Addrs(r.ctx, n)
		found, certain := has(forward, addr)
		if found {
			f.set(OK, "confirmed", "its name is %s, which has this address", show(n))
			return f
		}
		if !certain && doubt == nil {
			doubt = &Finding{Check: f.Check, About: f.About, Why: f.Why}
			if !unanswered(doubt, forward, show(n)) {
				doubt.set(NotChecked, CodeTemporary, "the %s record of %s couldn't be looked up: %s", typeOf(addr), show(n), cause(forward.Err))
			}
		}
	}
	if doubt != nil {
		return *doubt
	}
	f.set(Failure, "unconfirmed", "its name is %s, but that doesn't have this address", list(shown(names)))
	f.Fix = "Give the name the address; or, if it is a name of your provider, give the address yours. " + fixPTR
	f.Records = r.ownPTR(addr)
	for _, n := range names {
		if n == r.local.ascii {
			f.Records = []string{addrRecord(n, addr)}
		}
	}
	return f
}

// ownPTR is the record that makes the name in EHLO that of the address.
func (r *run) ownPTR(addr netip.Addr) []string {
	if !isFull(r.local) {
		return nil
	}
	return []string{ptrRecord(addr, r.local.ascii)}
}

func shown(names []string) []string {
	var list []string
	for _, n := range names {
		list = append(list, show(n))
	}
	return list
}
