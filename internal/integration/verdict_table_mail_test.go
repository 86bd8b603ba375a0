//go:build integration

package integration_test

import "github.com/qdmail/qdmail/internal/testsmtp"

// Replies by what they are about.
const (
	ofHost    = "421, 421 4.3.2, 451 4.3.0, 452 4.3.1, 451 4.4.1"
	aboutUs   = "450, 451, 452, 450 4.2.0, 450 4.2.1, 452 4.2.2, 450 4.7.1, 451 4.7.1, 454 4.7.0"
	forGood   = "500, 501, 503, 521, 530 5.7.0, 550, 550 5.1.1, 550 5.7.1, 551, 552 5.2.2, 553, 554, 554 5.6.0, 554 5.7.1"
	pathFails = "closed, reset, silent"
)

func trialsOfMAIL() []trial {
	const mail = testsmtp.MAIL
	return []trial{
		{phase: mail, faults: ofHost, postfix: goesOnAll, ours: goesOn, why: whyFallback},
		{phase: mail, faults: aboutUs, postfix: goesOnAll, ours: defers, why: whySame},
		{phase: mail, faults: "451 4.7.1", note: "after a host that refuses connections", after: refusing, postfix: goesOnAll, ours: defers, why: whySame},
		{phase: mail, faults: forGood, postfix: rejects, ours: rejects},
		{phase: mail, faults: "552, 552 5.3.4", postfix: rejects, ours: rejectsAt1, why: whyLacks},
		{phase: mail, note: "the message is larger than SIZE", mail: large, offers: []string{"SIZE 1000"},
			postfix: rejects, ours: rejectsAt1, why: whyLacks},
		{phase: mail, note: "the message needs SMTPUTF8, which isn't offered", mail: internationalized, offers: []string{"8BITMIME"},
			postfix: rejects, ours: rejectsAt1, why: whyLacks},
		{phase: mail, note: "the message needs 8BITMIME, which isn't offered", mail: eightBit, offers: []string{"SIZE"},
			postfix: accepts, ours: rejectsAt1, why: whyUnchanged},
		{phase: mail, faults: "251, 252", postfix: accepts, ours: accepts},
		{phase: mail, faults: "150, 354", postfix: rejects, ours: goesOnAll, why: whyClass},
		{phase: mail, faults: pathFails + ", 250- closed, 550- closed, 45 closed", postfix: goesOnAll, ours: goesOnAll},
		{phase: mail, faults: "garbage", postfix: rejects, ours: goesOnAll, why: whyGarbage},
		{phase: mail, faults: "garbage before the reply", postfix: accepts, ours: goesOnAll, why: whyGarbage},
		{phase: mail, faults: "250- 550, 451- 550", postfix: rejects, ours: goesOnAll, why: whyMixed},
		{phase: mail, faults: "a line of 5000 octets, 1000 lines", postfix: accepts, ours: goesOnAll, why: whyLong},
		{phase: mail, faults: "drips", postfix: accepts, ours: goesOnAll, why: whyDrips},
	}
}

func trialsOfRCPT() []trial {
	const rcpt = testsmtp.RCPT
	const second = "for the second of three"
	return []trial{
		{phase: rcpt, faults: ofHost, postfix: goesOnAll, ours: goesOn, why: whyFallback},
		{phase: rcpt, faults: aboutUs + ", 452 4.5.3", postfix: goesOnAll, ours: defers, why: whySame},
		{phase: rcpt, faults: "451 4.7.1", note: "after a host that refuses connections", after: refusing, postfix: goesOnAll, ours: defers, why: whySame},
		{phase: rcpt, faults: forGood, postfix: rejects, ours: rejects},
		{phase: rcpt, faults: "552", postfix: rejects, ours: defers, why: whyMailbox},
		{phase: rcpt, faults: "552 5.3.4", postfix: rejects, ours: rejectsAt1, why: whyLacks},
		{phase: rcpt, faults: "251, 252", postfix: accepts, ours: accepts},
		{phase: rcpt, faults: "150, 354", postfix: rejects, ours: goesOnAll, why: whyClass},
		{phase: rcpt, faults: pathFails + ", 250- closed, 550- closed, 45 closed", postfix: goesOnAll, ours: goesOnAll},
		{phase: rcpt, faults: "garbage", postfix: rejects, ours: goesOnAll, why: whyGarbage},
		{phase: rcpt, faults: "garbage before the reply", postfix: accepts, ours: goesOnAll, why: whyGarbage},
		{phase: rcpt, faults: "250- 550, 451- 550", postfix: rejects, ours: goesOnAll, why: whyMixed},
		{phase: rcpt, faults: "a line of 5000 octets, 1000 lines", postfix: accepts, ours: goesOnAll, why: whyLong},
		{phase: rcpt, faults: "drips", postfix: accepts, ours: goesOnAll, why: whyDrips},

		{phase: rcpt, faults: "550, 550 5.1.1, 550 5.7.1, 554", note: second, rcpts: 3, about: "b",
			postfix: opinion{"accepted, rejected, accepted", "no", "no"}, ours: opinion{"accepted, rejected, accepted", "no", "no"}},
		{phase: rcpt, faults: "450, 451 4.7.1, 452 4.2.2", note: second, rcpts: 3, about: "b",
			postfix: opinion{"accepted, deferred, accepted", "b", "b"}, ours: opinion{"accepted, deferred, accepted", "no", "no"}, why: whySame},
		{phase: rcpt, faults: "451 4.3.0", note: second, rcpts: 3, about: "b",
			postfix: opinion{"accepted, deferred, accepted", "b", "b"}, ours: opinion{"accepted, deferred, accepted", "b", "no"}, why: whyFallback},
		{phase: rcpt, faults: "452, 452 4.5.3", note: second + ", in a transaction with the first", rcpts: 3, about: "b", once: true,
			postfix: opinion{"accepted, deferred, accepted", "b", "b"}, ours: accepts, why: whyFull},
		{phase: rcpt, faults: "354", note: second, rcpts: 3, about: "b",
			postfix: opinion{"accepted, rejected, accepted", "no", "no"}, ours: goesOnAll, why: whyClass},
		{phase: rcpt, faults: "421", note: second, rcpts: 3, about: "b", postfix: goesOnAll, ours: goesOn, why: whyFallback},
		{phase: rcpt, faults: "closed", note: second, rcpts: 3, about: "b", postfix: goesOnAll, ours: goesOnAll},
		{phase: rcpt, faults: "550", note: "for all of three", rcpts: 3, postfix: rejects, ours: rejects},

		{phase: rcpt, faults: "451 4.7.1", note: byMX, zone: twoHosts, postfix: goesOnAll, ours: defers, why: whySame},
		{phase: rcpt, faults: "451 4.7.1", note: byMX, conf: "smtp_mx_session_limit=1", zone: twoHosts, postfix: opinion{"deferred", "no", "yes"}, ours: defers, why: whySame},
		{phase: rcpt, faults: "451 4.3.0", note: byMX, zone: twoHosts, postfix: goesOnAll, ours: goesOn, why: whyFallback},
		{phase: rcpt, faults: "550", note: byMX, zone: twoHosts, postfix: rejects, ours: rejects},
		{phase: rcpt, faults: "closed", note: byMX, zone: twoHosts, postfix: goesOnAll, ours: goesOnAll},
	}
}

// Two hosts that are found by their MX records.
const byMX = "hosts by MX records"

var twoHosts = &zoneOf{
	records: []string{"@ MX 1 mx1.@", "@ MX 2 mx2.@", "mx1.@ A 127.0.0.1", "mx2.@ A " + nextIP},
	served:  true, allowed: true,
}

func trialsOfMessage() []trial {
	const data, body = testsmtp.DATA, testsmtp.Body
	return []trial{
		{phase: data, faults: ofHost, postfix: goesOnAll, ours: goesOn, why: whyFallback},
		{phase: data, faults: aboutUs, postfix: goesOnAll, ours: defers, why: whySame},
		{phase: data, faults: forGood + ", 552", postfix: rejects, ours: rejects},
		{phase: data, faults: "552 5.3.4", postfix: rejects, ours: rejectsAt1, why: whyLacks},
		{phase: data, faults: "554", note: "to three recipients", rcpts: 3, postfix: rejects, ours: rejects},
		{phase: data, faults: "554", note: "because of the second of three", rcpts: 3, about: "b", postfix: rejects,
			ours: opinion{"accepted, rejected, accepted", "no", "no"}, why: whyOne},
		{phase: data, faults: "150, 250, 251", postfix: rejects, ours: goesOnAll, why: whyClass},
		{phase: data, faults: pathFails + ", 354- closed, 550- closed, 35 closed, garbage", postfix: goesOnAll, ours: goesOnAll},
		{phase: data, faults: "garbage before the reply", postfix: accepts, ours: goesOnAll, why: whyGarbage},
		{phase: data, faults: "354- 550, 451- 550", postfix: rejects, ours: goesOnAll, why: whyMixed},
		{phase: data, faults: "a line of 5000 octets, 1000 lines", postfix: accepts, ours: goesOnAll, why: whyLong},
		{phase: data, faults: "drips", postfix: accepts, ours: goesOnAll, why: whyDrips},

		{phase: body, faults: "closed, reset, stops reading", postfix: goesOnAll, ours: goesOnAll},
		{phase: body, faults: "554 5.7.1, 554 5.7.1 closed", postfix: rejects, ours: rejects},
		{phase: body, faults: "451 4.3.0, 451 4.3.0 closed, 421 4.3.2, 451 4.7.1", postfix: goesOnAll, ours: defers, why: whySame},
		{phase: body, faults: "250, garbage", postfix: losesIt, ours: goesOnAll, why: whyEarly},
		{phase: body, faults: "250", conf: "smtp_discard_ehlo_keywords=pipelining", postfix: losesIt, ours: goesOnAll, why: whyEarly},
	}
}

func trialsOfEnd() []trial {
	const end, quit = testsmtp.End, testsmtp.QUIT
	return []trial{
		{phase: end, faults: ofHost, postfix: goesOnAll, ours: goesOn, why: whyFallback},
		{phase: end, faults: aboutUs, postfix: goesOnAll, ours: defers, why: whySame},
		{phase: end, faults: forGood + ", 552", postfix: rejects, ours: rejects},
		{phase: end, faults: "552 5.3.4", postfix: rejects, ours: rejectsAt1, why: whyLacks},
		{phase: end, faults: "451 4.3.0", note: "to three recipients", rcpts: 3, postfix: goesOnAll, ours: goesOn, why: whyFallback},
		{phase: end, faults: "451 4.7.1", note: "to three recipients", rcpts: 3, postfix: goesOnAll, ours: defers, why: whySame},
		{phase: end, faults: "554", note: "to three recipients", rcpts: 3, postfix: rejects, ours: rejects},
		{phase: end, faults: "550 5.1.1, 554", note: "because of the second of three", rcpts: 3, about: "b", postfix: rejects,
			ours: opinion{"accepted, rejected, accepted", "no", "no"}, why: whyOne},
		{phase: end, faults: "550 5.1.1, 554", note: "because of the second of three", rcpts: 3, about: "b", conf: "smtp_destination_recipient_limit=1",
			postfix: opinion{"accepted, rejected, accepted", "no", "no"}, ours: opinion{"accepted, rejected, accepted", "no", "no"}},
		{phase: end, faults: "251, 252, 250 closed, 250- 251", postfix: accepts, ours: accepts},
		{phase: end, faults: pathFails + ", 25 closed", postfix: sendsTwice, ours: isUnsure, why: whyLost},
		{phase: end, faults: "closed", note: byMX, zone: twoHosts, postfix: sendsTwice, ours: isUnsure, why: whyLost},
		{phase: end, faults: "closed", note: "with three recipients", rcpts: 3, postfix: sendsTwice, ours: isUnsure, why: whyLost},
		{phase: end, faults: "250- closed", postfix: sendsTwice, ours: accepts, why: whyHalf},
		{phase: end, faults: "550- closed", postfix: goesOnAll, ours: rejects, why: whyHalf},
		{phase: end, faults: "150, 354", postfix: rejects, ours: isUnsure, why: whyClass},
		{phase: end, faults: "garbage, garbage before the reply", postfix: accepts, ours: isUnsure, why: whyGarbage},
		{phase: end, faults: "garbage", conf: "smtp_discard_ehlo_keywords=pipelining", postfix: sendsTwice, ours: isUnsure, why: whyLost},
		{phase: end, faults: "250- 550, 451- 550", postfix: rejects, ours: isUnsure, why: whyMixed},
		{phase: end, faults: "a line of 5000 octets, 1000 lines", postfix: accepts, ours: isUnsure, why: whyLong},
		{phase: end, faults: "drips", postfix: accepts, ours: isUnsure, why: whyDrips},
		{phase: end, faults: "drips", conf: "smtp_per_request_deadline=yes", postfix: sendsTwice, ours: isUnsure, why: whyLost},

		{phase: quit, faults: "closed, reset, silent, 421, 500, garbage", postfix: accepts, ours: accepts},
	}
}
