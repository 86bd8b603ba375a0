//go:build integration

package integration_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/smtp"
)

// report is what readreport.py prints: a delivery status notification as Python's
// email package sees it.
type report struct {
	Message    map[string]string
	Recipients []map[string]string
	Returned   struct {
		MessageID string `json:"message_id"`
		Whole     bool
	}
}

// TestRelayReports asks two servers for notifications, and reads them back from
// the mailbox of the sender: identifiers with characters that travel encoded are
// the same as before.
func TestRelayReports(t *testing.T) {
	t.Parallel()
	t.Run("Postfix", func(t *testing.T) {
		t.Parallel()
		host := startedHost(t)
		r := relayTo(t, host.Submission, loggedIn(t, realserver.Sender, smtp.TLSStartTLS, host.CAFile))
		wantSuccessReport(t, r, host.Maildirs(), strings.Clone)
		wantFailureReport(t, relayTo(t, clearPostfix(t).credulous, nil), host.Maildirs())
	})
	t.Run("Exim", func(t *testing.T) {
		t.Parallel()
		exim := started(t, realserver.StartExim)
		r := relayTo(t, exim.Submission, loggedIn(t, realserver.Sender, smtp.TLSStartTLS, exim.CAFile))
		// QUIRK: Exim doesn't decode (RFC 3461 section 6.3).
		wantSuccessReport(t, r, exim.Maildirs, strings.NewReplacer("+", "+2B", "=", "+3D", " ", "+20").Replace)
	})
}

// wantSuccessReport asks for a report about two of three recipients. shown is
// what becomes of identifiers in it.
func wantSuccessReport(t *testing.T, r *smtp.Relay, boxes realserver.Maildirs, shown func(string) string) {
	t.Helper()
	p, rcpts := newPost("hello\r\n"), everybody()
	env := envelope(rcpts...)
	env.DSN = delivery.DSN{RET: delivery.RETFull, ENVID: "Q+Q=314159 " + p.id}
	env.Recipients[0].Notify, env.Recipients[0].ORCPT = delivery.NotifySuccess, "rfc822;taro+old=name@old.test"
	env.Recipients[1].Notify = delivery.NotifySuccess | delivery.NotifyFailure | delivery.NotifyDelay
	env.Recipients[2].Notify = delivery.NotifyNever
	res := p.send(t, within(t), r, env, delivery.Accepted)
	for _, rcpt := range res.Recipients {
		if rcpt.Dropped != nil {
			t.Errorf("%s: %q was dropped", rcpt.Address, rcpt.Dropped)
		}
	}
	p.wantAt(t, boxes, rcpts...)
	got := awaitReport(t, boxes, shown(env.DSN.ENVID))
	about := map[string]map[string]string{}
	for _, rcpt := range got.Recipients {
		about[address(rcpt["final-recipient"])] = rcpt
		if rcpt["action"] != "delivered" || rcpt["status"] != "2.0.0" {
			t.Errorf("reported %q", rcpt)
		}
	}
	if got, want := address(about[rcpts[0]]["original-recipient"]), shown(address(env.Recipients[0].ORCPT)); got != want {
		t.Errorf("Original-Recipient %q, want %q", got, want)
	}
	if len(about) != 2 || about[rcpts[1]] == nil {
		t.Errorf("reported on %q", about)
	}
	if got.Returned.MessageID != p.id || got.Returned.Whole { // RFC 3461 section 6.2: of a success, the header
		t.Errorf("%+v came back", got.Returned)
	}
}

// wantFailureReport asks for reports about mail that Postfix takes and then finds
// that it can't deliver.
func wantFailureReport(t *testing.T, r *smtp.Relay, boxes realserver.Maildirs) {
	t.Helper()
	for ret, whole := range map[delivery.RET]bool{delivery.RETFull: true, delivery.RETHeaders: false} {
		p, env := newPost("hello\r\n"), envelope("nobody@dest.test")
		env.DSN = delivery.DSN{RET: ret, ENVID: p.id}
		env.Recipients[0].Notify = delivery.NotifyFailure
		p.send(t, within(t), r, env, delivery.Accepted)
		got := awaitReport(t, boxes, env.DSN.ENVID)
		if len(got.Recipients) != 1 || address(got.Recipients[0]["final-recipient"]) != env.Recipients[0].Address ||
			got.Recipients[0]["action"] != "failed" || !strings.HasPrefix(got.Recipients[0]["status"], "5.") {
			t.Errorf("reported %q", got.Recipients)
		}
		if got.Returned.MessageID != p.id || got.Returned.Whole != whole {
			t.Errorf("with RET=%s, %+v came back", ret, got.Returned)
		}
	}
}

// address takes the type off a recipient's address as reports have it.
func address(s string) string {
	_, address, _ := strings.Cut(s, ";")
	return strings.TrimSpace(address)
}

// awaitReport waits for the notification about a message, which comes back to
// its sender.
func awaitReport(t *testing.T, boxes realserver.Maildirs, envid string) report {
	t.Helper()
	files, err := boxes.Await(within(t), realserver.Sender, 1, realserver.Contains(envid))
	must(t, err)
	got := readReport(t, files[0])
	if id := got.Message["original-envelope-id"]; id != envid {
		t.Errorf("Original-Envelope-Id %q, want %q", id, envid)
	}
	return got
}

// readReport lets Python read a notification.
func readReport(t *testing.T, file string) report {
	t.Helper()
	out, err := run(within(t), nil, "python3", "readreport.py", file)
	must(t, err)
	var got report
	must(t, json.Unmarshal(out, &got))
	return got
}
