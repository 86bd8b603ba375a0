package preflight

import "strings"

const whyDMARC = "Gmail, Yahoo, Outlook and docomo want the domain in From to have a DMARC record (RFC 9989) of those who send much, and trust " +
	"mail without it less."

// checkDMARC looks whether the domain in From, or one above it, has a policy.
func (r *run) checkDMARC() Finding {
	f := Finding{Check: CheckDMARC, About: r.from.ascii, Why: whyDMARC}
	if !r.from.usable(&f, "From") {
		return f
	}
	w := r.walks[r.from.ascii]()
	own := w.steps[0]
	if unanswered(&f, own.answer, "_dmarc."+own.domain) {
		return f
	}
	at := w.policy()
	switch {
	case len(own.ours) > 1:
		f.several(own)
	case at == nil && own.near() != "":
		f.set(Failure, CodeInvalid, "_dmarc.%s has \"%s\", which isn't taken for a DMARC record: that begins with v=DMARC1;", own.domain, show(own.near()))
		f.Fix, f.Records = "Correct it.", newPolicy(own.domain)
	case at == nil && w.doubt() != nil:
		s := w.doubt()
		unanswered(&f, s.answer, "_dmarc."+s.domain)
	case at == nil && w.crowded() != nil:
		f.several(*w.crowded())
	case at == nil:
		f.set(Failure, "none", "there is no DMARC record, neither for the domain nor above it")
		f.Fix = "Publish one: this asks for reports, to a mailbox that has to exist, and changes nothing else."
		f.Records = newPolicy(own.domain)
	default:
		f.judgePolicy(at, own.domain)
	}
	return f
}

func (f *Finding) several(s step) {
	f.set(Failure, "several", "_dmarc.%s has %d DMARC records, of which none counts", s.domain, len(s.ours))
	f.Fix = "Leave one of them."
}

// near returns a record that was probably meant to be a DMARC record.
func (s step) near() string {
	for _, txt := range s.answer.Records {
		if len(s.ours) == 0 && strings.Contains(strings.ToUpper(txt), "DMARC1") {
			return txt
		}
	}
	return ""
}

func newPolicy(domain string) []string {
	return []string{txtRecord("_dmarc."+domain, "v=DMARC1; p=none; rua=mailto:dmarc-reports@"+domain)}
}

// judgePolicy fills in what a record is worth.
func (f *Finding) judgePolicy(at *step, domain string) {
	d := at.record
	policy, tag := d.p, "p="
	if at.domain != domain && d.sp != "" {
		policy, tag = d.sp, "sp="
	}
	switch {
	case d.unclear && len(d.rua) == 0:
		f.set(Failure, CodeInvalid, "_dmarc.%s has no valid policy, so it doesn't count: \"%s\"", at.domain, show(at.ours[0]))
		f.Fix = "Begin it with v=DMARC1; p=none; and let each of p=, sp= and np= be none, quarantine or reject."
	case d.unclear:
		f.set(Warning, "no-policy", "_dmarc.%s has no valid policy, which counts as p=none where it counts at all: \"%s\"", at.domain, show(at.ours[0]))
		f.Fix = "Begin it with v=DMARC1; p=none; and let each of p=, sp= and np= be none, quarantine or reject."
	case len(d.faults) > 0:
		f.set(Warning, "faulty", "_dmarc.%s says %s%s, but also: %s", at.domain, tag, policy, list(d.faults))
		f.Fix = "Correct it: receivers ignore what they can't read, and some the whole record."
	default:
		f.set(OK, "published", "_dmarc.%s says %s%s%s", at.domain, tag, policy, map[bool]string{true: ", to be tested (t=y)"}[d.testing])
	}
}
