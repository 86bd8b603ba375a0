//go:build integration

package integration_test

import (
	"net/netip"
	"slices"

	mdns "github.com/miekg/dns"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

// Steps that no server sees.
const (
	resolving  testsmtp.Phase = "DNS"
	connecting testsmtp.Phase = "connecting"
)

// The opinions that occur often. A DNS answer leads to no other host.
var (
	accepts    = opinion{"accepted", "no", "no"}
	rejects    = opinion{"rejected", "no", "no"}
	rejectsAt1 = opinion{"rejected", "yes", "no"} // another host is asked
	defers     = opinion{"deferred", "no", "no"}
	goesOn     = opinion{"deferred", "yes", "no"}
	goesOnAll  = opinion{"deferred", "yes", "yes"}
	sendsTwice = opinion{"deferred", "yes, twice", "yes, twice"}
	isUnsure   = opinion{"unknown", "no", "no"}
	losesIt    = opinion{"accepted but lost", "no", "no"}
	dnsRejects = opinion{"rejected", notTried, "no"}
	dnsRelays  = opinion{"rejected", notTried, "yes"} // if there is a fallback
	dnsDefers  = opinion{"deferred", notTried, "yes"}
)

// The reasons for which we differ: headlines of docs/postfix.md.
const (
	whyNoDomain  = "A domain that takes no mail takes none from a relay"
	whyPublic    = "Only addresses on the Internet are connected to"
	whyGreeting  = "A greeting is 220"
	whyClosed    = "521 means no mail at all"
	whyHELO      = "HELO is for servers that do not know EHLO"
	whyRefused   = "A refused greeting or EHLO is not about the message"
	whyTLS       = "Broken TLS is tried again at once"
	whyFallback  = "The fallback is for mail that no host has judged"
	whySame      = "Other hosts would say the same"
	whyClass     = "A reply out of place is no refusal"
	whyGarbage   = "What is no reply is not skipped"
	whyLong      = "A reply has a limited length"
	whyDrips     = "A reply has one time limit"
	whyMixed     = "Lines that disagree are no reply"
	whyLost      = "Nothing is sent twice unasked"
	whyHalf      = "A whole line is enough of a reply"
	whyEarly     = "Nothing is accepted before its end"
	whyMailbox   = "552 to a recipient is a full mailbox"
	whyLacks     = "What one host lacks another may have"
	whyUnchanged = "A message is not changed on the way"
	whyOne       = "One refused recipient does not cost the others their mail"
	whyFull      = "A full transaction is no refusal"
)

// trials is the table, in the order in which a conversation goes.
func trials() []*trial {
	var all []*trial
	for _, tr := range slices.Concat(trialsOfPath(), trialsOfHello(), trialsOfTLS(), trialsOfMAIL(), trialsOfRCPT(), trialsOfMessage(), trialsOfEnd()) {
		all = append(all, &tr)
	}
	return all
}

func trialsOfPath() []trial {
	zone := func(records ...string) *zoneOf { return &zoneOf{records: records} }
	const toUs, gone = "mx.@ A 127.0.0.1", "the MX host doesn't exist"
	return []trial{
		{phase: resolving, note: "NXDOMAIN", zone: zone(), postfix: dnsRelays, ours: dnsRejects, why: whyNoDomain},
		{phase: resolving, note: "null MX", zone: zone("@ MX 0 ."), postfix: dnsRelays, ours: dnsRejects, why: whyNoDomain},
		{phase: resolving, note: "neither MX nor address", zone: zone("@ TXT -"), postfix: dnsRelays, ours: dnsRejects, why: whyNoDomain},
		{phase: resolving, note: "the MX host has no address", zone: zone("@ MX 1 mx.@", "mx.@ TXT -"), postfix: dnsRelays, ours: dnsRejects, why: whyNoDomain},
		{phase: resolving, note: gone, zone: zone("@ MX 1 mx.@"), postfix: dnsRelays, ours: dnsRejects, why: whyNoDomain},
		{
			phase: resolving, note: gone, conf: "smtp_defer_if_no_mx_address_found=yes",
			zone: zone("@ MX 1 mx.@"), postfix: dnsDefers, ours: dnsRejects, why: whyNoDomain,
		},
		{
			phase: resolving, note: "the MX host is this one", postfix: dnsRejects, ours: dnsRejects,
			zone: &zoneOf{records: []string{"@ MX 1 mx.@", toUs}, own: []netip.Addr{netip.MustParseAddr("127.0.0.1")}},
		},
		{
			phase: resolving, note: "the MX host has the address 127.0.0.1, where a server takes the mail", postfix: accepts, ours: rejects,
			zone: &zoneOf{records: []string{"@ MX 1 mx.@", toUs}, served: true}, why: whyPublic,
		},
		{phase: resolving, note: "SERVFAIL", zone: &zoneOf{rcode: mdns.RcodeServerFailure}, postfix: dnsDefers, ours: dnsDefers},
		{phase: resolving, note: "REFUSED", zone: &zoneOf{rcode: mdns.RcodeRefused}, postfix: dnsDefers, ours: dnsDefers},
		{phase: resolving, note: "no answer", zone: &zoneOf{silent: true}, postfix: dnsDefers, ours: dnsDefers},

		{phase: connecting, note: "refused", at: refusing, postfix: goesOnAll, ours: goesOnAll},
		{phase: connecting, faults: "silent", at: unanswering, postfix: goesOnAll, ours: goesOnAll},
	}
}

func trialsOfHello() []trial {
	const greeting, hello = testsmtp.Greeting, testsmtp.EHLO
	return []trial{
		{phase: greeting, note: "nothing is wrong", postfix: accepts, ours: accepts},
		{phase: greeting, faults: "421, 450, 451 4.3.0, 451 4.7.1, 550, 550 5.7.1, 554, 554 5.7.1", postfix: goesOnAll, ours: goesOnAll},
		{phase: greeting, faults: "closed, reset, silent, 220- closed, 22 closed, 220- 554, 450- 554, garbage", postfix: goesOnAll, ours: goesOnAll},
		{phase: greeting, faults: "554", conf: "smtp_skip_5xx_greeting=no", postfix: rejects, ours: goesOnAll, why: whyRefused},
		{phase: greeting, faults: "521", postfix: goesOnAll, ours: rejectsAt1, why: whyClosed},
		{phase: greeting, faults: "250, 251", postfix: accepts, ours: goesOnAll, why: whyGreeting},
		{phase: greeting, faults: "150, 354", postfix: rejects, ours: goesOnAll, why: whyClass},
		{phase: greeting, faults: "garbage before the reply", postfix: accepts, ours: goesOnAll, why: whyGarbage},
		{phase: greeting, faults: "a line of 5000 octets, 1000 lines", postfix: accepts, ours: goesOnAll, why: whyLong},
		{phase: greeting, faults: "drips", postfix: accepts, ours: goesOnAll, why: whyDrips},
		{phase: greeting, faults: "drips", conf: "smtp_per_request_deadline=yes", postfix: goesOnAll, ours: goesOnAll},

		{phase: hello, faults: "500, 501, 502, 503, 504, 550, 550 5.7.1", postfix: accepts, ours: accepts},
		{phase: hello, faults: "421, closed, reset, silent, 250- closed, 25 closed, garbage", postfix: goesOnAll, ours: goesOnAll},
		{phase: hello, faults: "450, 451 4.3.0, 451 4.7.1, 521, 530 5.7.0, 554, 554 5.7.1, 150, 354", postfix: accepts, ours: goesOnAll, why: whyHELO},
		{phase: hello, faults: "250- 550", postfix: accepts, ours: goesOnAll, why: whyMixed},
		{phase: hello, faults: "450, 451 4.7.1", note: "HELO too", helo: true, postfix: goesOnAll, ours: goesOnAll},
		{phase: hello, faults: "550, 550 5.7.1, 554 5.7.1", note: "HELO too", helo: true, postfix: rejects, ours: goesOnAll, why: whyRefused},
		{phase: hello, faults: "garbage before the reply", postfix: accepts, ours: goesOnAll, why: whyGarbage},
		{phase: hello, faults: "a line of 5000 octets, 1000 lines", postfix: accepts, ours: goesOnAll, why: whyLong},
		{phase: hello, faults: "drips", postfix: accepts, ours: goesOnAll, why: whyDrips},
	}
}

func trialsOfTLS() []trial {
	const start, handshake = testsmtp.STARTTLS, testsmtp.Handshake
	return []trial{
		{phase: start, note: "nothing is wrong", tls: true, postfix: accepts, ours: accepts},
		{phase: start, faults: "450, 454 4.7.0, 500, 502, 530 5.7.0, 554 5.7.1, 220- 554", tls: true, postfix: accepts, ours: accepts},
		{phase: start, faults: "421", tls: true, postfix: goesOnAll, ours: goesOnAll},
		{phase: start, faults: "250, 150, 354, more after the reply, 1000 lines", tls: true, postfix: accepts, ours: accepts},
		{phase: start, faults: "closed, reset, silent, 220- closed, 22 closed", tls: true, postfix: goesOnAll, ours: accepts, why: whyTLS},
		{phase: handshake, faults: "closed, reset, silent, garbage", tls: true, postfix: goesOnAll, ours: accepts, why: whyTLS},
	}
}
