package preflight

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/qdmail/qdmail/direct/dns"
)

const whyEHLO = "EHLO has to say the full name of the host (RFC 5321 section 4.1.1.1); receivers refuse names that can't be one or don't exist, " +
	"and distrust those of other hosts."

// isFull reports whether a name can be that of a host on the Internet.
func isFull(n name) bool {
	top := n.ascii[strings.LastIndexByte(n.ascii, '.')+1:]
	return n.err == nil && top != n.ascii && strings.Trim(top, "0123456789") != "" &&
		!slices.Contains([]string{"localhost", "localdomain", "local", "internal", "invalid", "lan", "home", "corp"}, top)
}

// checkEHLO looks whether the name in EHLO is a full one that exists.
func (r *run) checkEHLO() Finding {
	f := Finding{Check: CheckEHLO, About: r.local.ascii, Why: whyEHLO}
	switch {
	case r.local.err == errNotGiven:
		f.set(Failure, "not-full", "LocalName isn't set, and this machine has no fully qualified name")
		f.Fix = "Set LocalName to the name that the DNS has for the source address."
		return f
	case !isFull(r.local):
		f.About = show(r.local.given)
		f.set(Failure, "not-full", "that isn't the name of a host on the Internet")
		f.Fix = "Set LocalName to the name that the DNS has for the source address."
		return f
	}
	a := r.localAddrs()
	switch {
	case unanswered(&f, a, "the name"):
	case a.Status == dns.OK:
		f.set(OK, "exists", "a full name, with the address %s", list(texts(a.Records)))
	default:
		f.set(Failure, "none", "the name %s", map[bool]string{true: "doesn't exist", false: "has no address"}[a.Status == dns.NXDomain])
		f.Fix = "Give it the source addresses, or set LocalName to a name that has them."
		for _, addr := range r.addrs {
			f.Records = append(f.Records, addrRecord(r.local.ascii, addr))
		}
	}
	return f
}

// checkEHLOAddr looks whether the name in EHLO has the address, and is its name.
func (r *run) checkEHLOAddr(addr netip.Addr) Finding {
	f := Finding{Check: CheckEHLOAddr, About: addr.String(), Why: whyEHLO}
	if !isFull(r.local) {
		f.set(NotChecked, CodeInvalid, "the name in EHLO isn't one")
		return f
	}
	a := r.localAddrs()
	found, certain := has(a, addr)
	switch {
	case !found && !certain:
		if !unanswered(&f, a, r.local.ascii) {
			f.set(NotChecked, CodeTemporary, "the %s record of %s couldn't be looked up: %s", typeOf(addr), r.local.ascii, cause(a.Err))
		}
		return f
	case !found:
		f.set(Failure, "other-address", "%s, the name in EHLO, doesn't have this address", r.local.ascii)
		f.Fix = "Give it the address, or set LocalName to the name that has it; without a name for this family, leave it out of Source."
		f.Records = []string{addrRecord(r.local.ascii, addr)}
		return f
	}
	names := r.ptrs[addr]()
	switch {
	case unanswered(&f, names, "the PTR record"):
	case slices.Contains(names.Records, r.local.ascii):
		f.set(OK, "match", "%s has this address, and is its name", r.local.ascii)
	case names.Status != dns.OK:
		f.set(Warning, "other-name", "%s, the name in EHLO, has this address, which has no PTR record", r.local.ascii)
		f.Fix, f.Records = fixPTR, r.ownPTR(addr)
	default:
		f.set(Warning, "other-name", "%s, the name in EHLO, has this address, whose name is %s", r.local.ascii, list(shown(names.Records)))
		f.Fix, f.Records = "Let both be the same. "+fixPTR, r.ownPTR(addr)
	}
	return f
}

func texts(addrs []netip.Addr) []string {
	var list []string
	for _, addr := range addrs {
		list = append(list, addr.String())
	}
	return list
}
