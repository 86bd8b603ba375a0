// Package preflight tells whether this machine is fit to deliver mail directly,
// before the first mail does: what receivers look up about a host and a domain is
// looked up in the same way, and what they would miss is named together with the
// record that mends it.
//
//	check := preflight.For(transport) // a *direct.Transport
//	check.From = "example.jp"
//	report := check.Run(ctx)
//	fmt.Print(report)       // for people
//	if !report.OK() { ... } // for programs; Report is JSON as well
//
// Nothing is sent: [Check] looks names up, and connects to port 25 of hosts only
// if it is told which. A look-up that fails costs its own [Finding] and no other
// one. What a receiver thinks of a new address, and what a mail has in it, can't
// be seen from here.
//
// Read check.go, what is looked at; finding.go and report.go, what comes of it;
// text.go, how people read it; run.go, who does what when. Then each check by
// itself: ptr.go and ehlo.go, the name of the host; spf.go and spf_resolver.go;
// dkim.go and dkim_record.go; dmarc.go, dmarc_record.go, dmarc_walk.go and
// align.go; domain.go, whether anybody would take an answer; blocklist.go;
// port25.go and probe.go, the way out; dnssec.go. They share answer.go, what an
// answer means; name.go and zone.go, names and records; taglist.go; once.go.
package preflight
