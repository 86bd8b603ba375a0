package smtp_test

import (
	"errors"
	"net"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
)

// A Relay logs in before it sends, once for several mails, and again when the
// server has forgotten.
func TestPOPBeforeSMTP(t *testing.T) {
	pop := &popServer{}
	known := true
	srv := &testsmtp.Server{On: func(e testsmtp.Event) *testsmtp.Fault {
		if e.Phase == testsmtp.RCPT && !known {
			return &testsmtp.Fault{Reply: "554 5.7.1 relay access denied"}
		}
		return nil
	}}
	defer srv.Close()
	r := local(srv.Dial)
	r.POPBeforeSMTP = localPOP(pop)
	for range 3 {
		if got := outcomes(converse(t, r, from("b@y.test"), hello)); got != "accepted" {
			t.Error(got)
		}
	}
	if pop.logins != 1 {
		t.Errorf("%d logins for three mails", pop.logins)
	}
	known = false
	if got := outcomes(converse(t, r, from("b@y.test"), hello)); got != "rejected" {
		t.Error(got)
	}
	known = true
	if got := outcomes(converse(t, r, from("b@y.test"), hello)); got != "accepted" || pop.logins != 2 {
		t.Errorf("%s after %d logins", got, pop.logins)
	}
}

// Without the login nothing is sent, nobody is connected to, and the error says
// which of the two servers it was.
func TestPOPBeforeSMTPFails(t *testing.T) {
	for _, tt := range []struct {
		answer string
		want   delivery.Outcome
		temp   bool
	}{
		{"-ERR no such mailbox\r\n", delivery.NotSent, false},
		{"-ERR [IN-USE] later\r\n", delivery.Deferred, true},
		{"", delivery.Deferred, true},
	} {
		pop := &popServer{fault: func(line string, conn net.Conn) bool {
			if len(line) < 4 || line[:4] != "PASS" {
				return false
			}
			conn.Write([]byte(tt.answer))
			conn.Close()
			return true
		}}
		r := local(plays(t).Dial)
		r.POPBeforeSMTP = localPOP(pop)
		res, err := r.Send(t.Context(), from("b@y.test"), hello)
		e, ok := errors.AsType[*delivery.Error](err)
		if !ok || e.Op != "pop3" || res.Recipients[0].Outcome != tt.want || e.Temporary() != tt.temp {
			t.Errorf("%q: %v, %v", tt.answer, res.Recipients[0].Outcome, err)
		}
	}
	r := local(plays(t).Dial)
	r.POPBeforeSMTP = localPOP(&popServer{})
	r.POPBeforeSMTP.Password = "a\r\nDELE 1"
	if err := r.Check(); err == nil {
		t.Error("a line end in the password is fine")
	}
	if res, _ := r.Send(t.Context(), from("b@y.test"), hello); res.Recipients[0].Outcome != delivery.NotSent {
		t.Error(res.Err())
	}
}
