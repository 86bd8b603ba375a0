package delivery_test

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
)

// attempts are one of each kind, with what String makes of it.
var attempts = []struct {
	attempt delivery.Attempt
	want    string
}{
	{delivery.Attempt{}, "no host: not sent"},
	{delivery.Attempt{
		Host: "mx.test:25", IP: netip.MustParseAddr("192.0.2.1"), Outcome: delivery.Deferred, Phase: delivery.PhaseDial,
		Cause: "connection refused", Reason: delivery.BecausePath, Next: delivery.NextHost,
		Began: time.Date(2026, 11, 1, 2, 3, 4, 5, time.UTC), Took: time.Second,
	}, "mx.test:25 at 192.0.2.1: deferred at dial: connection refused (the path failed; then next host)"},
	{delivery.Attempt{
		Host: "mx.test:25", IP: netip.MustParseAddr("2001:db8::1"), Security: delivery.SecurityAuthenticated, Reused: true,
		Outcome: delivery.Accepted, Reply: &delivery.Reply{Code: 250, Enhanced: delivery.EnhancedCode{2, 0, 0}, Text: "queued\nas 1"},
		Reason: delivery.BecauseAccepted, Next: delivery.NextNone,
	}, "mx.test:25 at 2001:db8::1, authenticated: accepted: 250 2.0.0 queued / as 1"},
	{delivery.Attempt{
		Outcome: delivery.Rejected, Phase: delivery.PhasePrepare, Cause: "5.1.2 no\r\nsuch domain",
		Reason: delivery.BecauseVerdict, Next: delivery.NextNone,
	}, `no host: rejected at prepare: "5.1.2 no\r\nsuch domain" (a verdict; then nothing)`},
	{delivery.Attempt{
		Host: "relay.test:587", Fallback: true, Outcome: delivery.Unknown, Phase: delivery.PhaseEnd, Cause: "EOF",
		Reason: delivery.BecauseUnknown, Next: delivery.NextNone,
	}, "fallback, relay.test:587: unknown at end: EOF (it may have been delivered; then nothing)"},
	{delivery.Attempt{Fallback: true, Outcome: delivery.Queued, Reason: delivery.BecauseAccepted, Next: delivery.NextNone}, "fallback: queued"},
}

func TestAttemptString(t *testing.T) {
	for _, c := range attempts {
		if got := c.attempt.String(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestAttemptGoesThroughJSON(t *testing.T) {
	for _, c := range attempts {
		b, err := json.Marshal(c.attempt)
		var back delivery.Attempt
		if err != nil || json.Unmarshal(b, &back) != nil || !reflect.DeepEqual(c.attempt, back) {
			t.Errorf("%v\n%s\n%+v", err, b, back)
		}
	}
	b, _ := json.Marshal(delivery.Attempt{})
	if string(b) != `{"Outcome":"not sent"}` {
		t.Errorf("what says nothing is written: %s", b)
	}
	if b, _ = json.Marshal(delivery.RecipientResult{}); strings.Contains(string(b), "Attempts") {
		t.Errorf("no attempts are written: %s", b)
	}
}
