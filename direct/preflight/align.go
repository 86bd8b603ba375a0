package preflight

import (
	"cmp"
	"slices"
)

const whyAlign = "Mail passes DMARC if SPF or DKIM succeeds for a domain that is that of From, or belongs to the same organization (RFC 9989). " +
	"SPF fails where mail is forwarded, so only DKIM lasts."

// checkAlignment looks whether the domains that SPF and DKIM speak for are aligned
// with that in From.
func (r *run) checkAlignment() Finding {
	f := Finding{Check: CheckAlignment, About: r.from.ascii, Why: whyAlign}
	if !r.from.usable(&f, "From") {
		return f
	}
	w := r.walks[r.from.ascii]()
	if unanswered(&f, w.steps[0].answer, "_dmarc."+r.from.ascii) {
		return f
	}
	at := w.policy()
	if at == nil {
		f.set(NotChecked, "no-record", "there is no DMARC record that says how")
		if s := w.doubt(); s != nil {
			unanswered(&f, s.answer, "_dmarc."+s.domain)
		}
		return f
	}
	bySPF, doubt := r.aligned(r.sender, at.record.aspf == "s")
	var with, without []string // domains that sign
	for _, k := range r.keys {
		d := parseName(k.Domain)
		yes, unsure := r.aligned(d, at.record.adkim == "s")
		switch {
		case unsure != nil:
			doubt = unsure
		case yes && !slices.Contains(with, d.ascii):
			with = append(with, d.ascii)
		case !yes && d.err == nil && !slices.Contains(without, d.ascii):
			without = append(without, d.ascii)
		}
	}
	if doubt != nil && with == nil {
		unanswered(&f, doubt.answer, "_dmarc."+doubt.domain)
		return f
	}
	f.judgeAlignment(bySPF, cmp.Or(r.sender.ascii, show(r.sender.given)), with, without)
	return f
}

// aligned reports whether a domain is aligned with that in From, or which look-up
// would have to succeed to know.
func (r *run) aligned(n name, strict bool) (yes bool, doubt *step) {
	switch {
	case n.err != nil:
		return false, nil
	case n.ascii == r.from.ascii:
		return true, nil
	case strict:
		return false, nil
	}
	a, b := r.walks[r.from.ascii](), r.walks[n.ascii]()
	for _, w := range []*walk{a, b} {
		if doubt = w.doubt(); doubt != nil {
			return false, doubt
		}
	}
	return a.organization() == b.organization(), nil
}

// judgeAlignment fills in what follows. Whether SPF and DKIM succeed is for other
// checks to say.
func (f *Finding) judgeAlignment(bySPF bool, sender string, with, without []string) {
	keys := "no key is given"
	if without != nil {
		keys = "the keys are those of " + list(without)
	}
	switch {
	case bySPF && with != nil:
		f.set(OK, "both", "SPF speaks for %s and DKIM for %s", sender, list(with))
	case with != nil:
		f.set(OK, "dkim", "DKIM speaks for %s; SPF doesn't count, since the envelope's sender is at %s", list(with), sender)
	case bySPF:
		f.set(Warning, "spf", "only SPF speaks for the domain: %s", keys)
		f.Fix = "Sign with a key of the domain in From."
	default:
		f.set(Failure, "neither", "neither SPF nor DKIM speaks for the domain: the envelope's sender is at %s, and %s", sender, keys)
		f.Fix = "Sign with a key of the domain in From, or let Sender be at that domain or below it."
	}
}
