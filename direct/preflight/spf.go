package preflight

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
	"strings"

	"blitiri.com.ar/go/spf"
)

const (
	whySPF = "Receivers look whether the domain of the envelope's sender names the address (RFC 7208); Gmail, Yahoo, Outlook and docomo " +
		"want that of everybody who sends much."
	whySPFHELO = "The name in EHLO may have an SPF record too (RFC 7208 section 2.3); some receivers refuse mail if that excludes the address."
)

// checkSPF looks whether SPF of the sender's domain names the address.
func (r *run) checkSPF(addr netip.Addr) Finding {
	f := Finding{Check: CheckSPF, About: addr.String(), Why: whySPF}
	if !r.sender.usable(&f, "Sender") {
		return f
	}
	domain := r.sender.ascii
	result, err := r.evaluate(&f, addr, domain, r.mailbox())
	switch result {
	case "":
		return f
	case spf.Pass:
		if errors.Is(err, spf.ErrMatchedAll) {
			f.set(Warning, "pass-all", "SPF of %s lets everybody send", domain)
			f.Fix = "Name the addresses that send, and end the record with ~all or -all instead of +all."
			return f
		}
		f.set(OK, string(result), "SPF of %s names the address", domain)
		return f
	case spf.TempError:
		f.set(NotChecked, string(result), "SPF of %s couldn't be looked up to the end: %s", domain, spfCause(err))
		return f
	case spf.None:
		f.set(Failure, string(result), "%s has no SPF record", domain)
		f.Fix = "Publish one, with everybody else in it who sends for the domain, such as a relay."
		f.Records = []string{txtRecord(domain, "v=spf1"+r.mechanisms()+" ~all")}
		return f
	case spf.PermError:
		f.set(Failure, string(result), "SPF of %s can't be used: %s", domain, spfCause(err))
		f.Fix = spfFix(err)
		return f
	}
	f.set(Failure, string(result), "SPF of %s doesn't name the address, and says %s", domain, map[spf.Result]string{
		spf.Fail: "that mail from elsewhere is forged (-all)", spf.SoftFail: "that mail from elsewhere is probably forged (~all)",
		spf.Neutral: "nothing of mail from elsewhere, which is as good as no record",
	}[result])
	f.Fix = "Add " + mechanism(addr) + " to the record."
	f.Records = r.amended(domain, addr)
	return f
}

// checkSPFHELO looks whether SPF of the name in EHLO excludes the address.
func (r *run) checkSPFHELO(addr netip.Addr) Finding {
	f := Finding{Check: CheckSPFHELO, About: addr.String(), Why: whySPFHELO}
	if !isFull(r.local) {
		f.set(NotChecked, CodeInvalid, "the name in EHLO isn't one")
		return f
	}
	domain := r.local.ascii
	result, err := r.evaluate(&f, addr, domain, "postmaster@"+domain)
	severity := Warning
	switch result {
	case "":
		return f
	case spf.None:
		f.set(OK, string(result), "%s has no SPF record and needs none", domain)
		return f
	case spf.Pass:
		f.set(OK, string(result), "SPF of %s names the address", domain)
		return f
	case spf.TempError:
		f.set(NotChecked, string(result), "SPF of %s couldn't be looked up to the end: %s", domain, spfCause(err))
		return f
	case spf.PermError:
		f.set(Warning, string(result), "SPF of %s can't be used: %s", domain, spfCause(err))
		f.Fix = spfFix(err)
		return f
	case spf.Fail:
		severity = Failure
	}
	f.set(severity, string(result), "SPF of %s doesn't name the address: %s", domain, result)
	f.Fix = "Let the record say what the name has for addresses, or take it out."
	f.Records = []string{txtRecord(domain, "v=spf1 a -all")}
	return f
}

// evaluate asks SPF about an address. The result is empty, with f filled in, if the
// record itself couldn't be had.
func (r *run) evaluate(f *Finding, addr netip.Addr, domain, sender string) (spf.Result, error) {
	if a := r.resolver.TXT(r.ctx, domain); unanswered(f, a, "the SPF record of "+domain) {
		return "", nil
	}
	helo := r.local.ascii
	if helo == "" {
		helo = domain
	}
	return spf.CheckHostWithSender(net.IP(addr.AsSlice()), helo, sender, spf.WithContext(r.ctx), spf.WithResolver(spfResolver{r.resolver}))
}

// mailbox is the envelope's sender, for records that look at its local part.
func (r *run) mailbox() string {
	given, local := cmp.Or(r.Sender, r.From), "postmaster" // RFC 7208 section 4.3
	if at := strings.LastIndexByte(given, '@'); at > 0 {
		local = given[:at]
	}
	return strings.ReplaceAll(local, "@", "") + "@" + r.sender.ascii
}

// mechanisms name all addresses.
func (r *run) mechanisms() string {
	var b strings.Builder
	for _, addr := range r.addrs {
		b.WriteString(" " + mechanism(addr))
	}
	return b.String()
}

func mechanism(addr netip.Addr) string {
	if addr.Is4() {
		return "ip4:" + addr.String()
	}
	return "ip6:" + addr.String()
}

// amended is the record of a domain with one address more, if that can be said.
func (r *run) amended(domain string, addr netip.Addr) []string {
	const tooLong = 450 // for an answer by UDP (RFC 7208 section 3.4)
	for _, txt := range r.resolver.TXT(r.ctx, domain).Records {
		rest, ok := cutVersion(txt)
		if ok && len(txt) < tooLong && escape(txt) == txt {
			return []string{txtRecord(domain, "v=spf1 "+mechanism(addr)+rest)}
		}
	}
	return nil
}

// cutVersion returns what follows the version of an SPF record.
func cutVersion(txt string) (rest string, ok bool) {
	const version = "v=spf1"
	if len(txt) < len(version) || !strings.EqualFold(txt[:len(version)], version) {
		return "", false
	}
	rest = txt[len(version):]
	return rest, rest == "" || rest[0] == ' '
}

// spfCauses say what is wrong with a record.
var spfCauses = [...]struct {
	err        error
	cause, fix string
}{
	{spf.ErrMultipleRecords, "there is more than one record", "Put all records of the domain into one."},
	{spf.ErrLookupLimitReached, "it takes more than 10 look-ups (RFC 7208 section 4.6.4)",
		"Put addresses (ip4:, ip6:) in the place of include:, a and mx; an include: that leads back to itself never ends."},
	{spf.ErrVoidLookupLimitReached, "more than 2 of its names don't exist (RFC 7208 section 4.6.4)", "Take the names out that don't exist."},
	{spf.ErrTooManyMXRecords, "a domain in mx has more than 10 exchangers", "Put their addresses in the place of mx."},
	{spf.ErrNoResult, "an include: or redirect= names a domain without an SPF record", "Take it out."},
	{spf.ErrUnknownField, "it has a term that isn't known", "Correct it."},
	{spf.ErrInvalidIP, "it has an address that isn't one", "Correct it."},
	{spf.ErrInvalidMask, "it has a prefix length that isn't one", "Correct it."},
	{spf.ErrInvalidMacro, "it has a macro that isn't one", "Correct it."},
	{spf.ErrInvalidDomain, "it has a name that isn't one, or two redirect=", "Correct it."},
}

func spfCause(err error) string {
	for _, c := range spfCauses {
		if errors.Is(err, c.err) {
			return c.cause
		}
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return show(e.Name + ": " + e.Err)
	}
	return cause(err)
}

func spfFix(err error) string {
	for _, c := range spfCauses {
		if errors.Is(err, c.err) {
			return c.fix
		}
	}
	return "Correct it."
}
