//go:build integration

package integration_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/message"
)

func TestWrongPassword(t *testing.T) {
	host, l := startedHost(t), order(t)
	l.MessageID = newMessageID()
	thief := realserver.User{Address: realserver.Sender.Address, Password: "wrong-secret"}
	for _, address := range []string{startTLS(host, thief), implicitTLS(host, thief)} {
		res, err := open(t, address).Send(within(t), &l.Message)
		if !errors.Is(err, delivery.ErrAuthFailed) {
			t.Errorf("error %v, want %v", err, delivery.ErrAuthFailed)
		} else if strings.Contains(err.Error(), thief.Password) {
			t.Errorf("the error has the password: %v", err)
		}
		wantNoneOK(t, res, 2)
		var e *delivery.Error
		if !errors.As(err, &e) || e.Phase != delivery.PhaseAUTH || e.Reply == nil || e.Reply.Code != 535 {
			t.Errorf("error %#v, want the server's 535 to AUTH", e)
		}
	}
	wantNothing(t, host, l.MessageID)
}

func TestUntrustedCertificate(t *testing.T) {
	host, l := startedHost(t), order(t)
	l.MessageID = newMessageID()
	for _, scheme := range []string{"smtp", "smtps"} {
		for _, ca := range []string{"", host.StrangerCA} {
			res, err := open(t, withCA(host, scheme, ca)).Send(within(t), &l.Message)
			if !errors.Is(err, delivery.ErrTLSFailed) {
				t.Errorf("%s, ca=%q: error %v, want %v", scheme, ca, err, delivery.ErrTLSFailed)
			}
			wantNoneOK(t, res, 2)
		}
	}
	wantNothing(t, host, l.MessageID)
}

// TestUnknownRecipient: one address that the server doesn't know costs nobody
// else the mail.
func TestUnknownRecipient(t *testing.T) {
	host, l := startedHost(t), order(t)
	l.To = []message.Address{
		{Name: "山田 太郎", Address: "taro@dest.test"},
		{Name: "居ない人", Address: "nobody@dest.test"},
		{Name: "鈴木 花子", Address: "hanako@dest.test"},
	}
	l.Cc = nil
	res, err := open(t, startTLS(host, realserver.Sender)).Send(within(t), &l.Message)
	var failed *delivery.SendError
	if !errors.As(err, &failed) {
		t.Fatalf("error %v, want a *delivery.SendError", err)
	}
	for i, want := range []delivery.Outcome{delivery.Accepted, delivery.Rejected, delivery.Accepted} {
		r := res.Recipients[i]
		if r.Address != l.To[i].Address || r.Outcome != want {
			t.Errorf("%s: %v, want %s: %v", r.Address, r.Outcome, l.To[i].Address, want)
		}
		if want == delivery.Accepted {
			l.compare(t, receive(t, within(t), host, r.Address, res.MessageID))
		}
	}
	refused := res.Recipients[1]
	if refused.Reply == nil || refused.Reply.Code != 550 || refused.Reply.Enhanced != (delivery.EnhancedCode{5, 1, 1}) {
		t.Errorf("reply %v, want 550 5.1.1", refused.Reply)
	}
}

func wantNoneOK(t *testing.T, res *delivery.Result, recipients int) {
	t.Helper()
	if len(res.Recipients) != recipients {
		t.Errorf("%d outcomes for %d recipients", len(res.Recipients), recipients)
	}
	for _, r := range res.Recipients {
		if r.Outcome.OK() || r.Outcome == delivery.Unknown {
			t.Errorf("%s: %v, although nothing was sent", r.Address, r.Outcome)
		}
	}
}
