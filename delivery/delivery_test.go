package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
)

func TestEnvelopeGoesThroughJSON(t *testing.T) {
	env := &delivery.Envelope{
		From: "a@example.jp",
		Recipients: []delivery.Recipient{
			{Address: "b@example.jp", Notify: delivery.NotifySuccess | delivery.NotifyDelay, ORCPT: "rfc822;b@example.jp"},
			{Address: "c@example.jp", Notify: delivery.NotifyNever},
			{Address: "d@example.jp"},
		},
		DSN:      delivery.DSN{RET: delivery.RETHeaders, ENVID: "QQ 1"},
		SMTPUTF8: true, EightBit: true,
	}
	b, err := json.Marshal(env)
	if err != nil {
		t.Fatal(err)
	}
	var back delivery.Envelope
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(*env, back) {
		t.Errorf("%v\n%s\n%+v", err, b, back)
	}
	if !strings.Contains(string(b), `"SUCCESS,DELAY"`) {
		t.Errorf("%s", b)
	}
}

func TestOutcome(t *testing.T) {
	var zero delivery.Outcome
	if zero != delivery.NotSent || zero.OK() {
		t.Error("the zero value looks like a success")
	}
	for o := delivery.NotSent; o <= delivery.Unknown; o++ {
		b, err := o.MarshalText()
		var back delivery.Outcome
		if err != nil || back.UnmarshalText(b) != nil || back != o {
			t.Errorf("%v: %q %v", o, b, err)
		}
		if o.OK() != (o == delivery.Accepted || o == delivery.Queued) {
			t.Errorf("%v.OK()", o)
		}
	}
	if _, err := delivery.Outcome(9).MarshalText(); err == nil {
		t.Error("9 passed")
	}
	if err := new(delivery.Outcome).UnmarshalText([]byte("fine")); err == nil {
		t.Error("fine passed")
	}
	if s := delivery.Outcome(9).String(); s != "Outcome(9)" {
		t.Error(s)
	}
}

func TestNotify(t *testing.T) {
	for in, want := range map[string]delivery.Notify{
		"": 0, "success, Failure": delivery.NotifySuccess | delivery.NotifyFailure, "NEVER": delivery.NotifyNever,
	} {
		if got, err := delivery.ParseNotify(in); err != nil || got != want {
			t.Errorf("%q: %v %v", in, got, err)
		}
	}
	for _, bad := range []string{"NEVER,SUCCESS", "x", ",", "SUCCESS,", "SUCCESS\r\nX"} {
		if n, err := delivery.ParseNotify(bad); err == nil {
			t.Errorf("%q: %v", bad, n)
		}
	}
	if (delivery.NotifyNever | delivery.NotifyDelay).Valid() || !delivery.Notify(7).Valid() {
		t.Error("Valid")
	}
}

func TestResultAndSendError(t *testing.T) {
	env := &delivery.Envelope{Recipients: []delivery.Recipient{{Address: "a@x"}, {Address: "b@x"}, {Address: "c@x"}}}
	res := delivery.NewResult(env)
	if err := res.Err(); err == nil || res.Count(delivery.NotSent) != 3 {
		t.Error("nothing was sent and nothing is wrong")
	}
	for i := range res.Recipients {
		res.Recipients[i].Outcome = delivery.Accepted
	}
	if err := res.Err(); err != nil {
		t.Error(err)
	}
	first := &delivery.Error{Op: "smtp", Phase: delivery.PhaseRCPT, Host: "mx:25", Recipient: "b@x",
		Reply: &delivery.Reply{Code: 550, Enhanced: delivery.EnhancedCode{5, 1, 1}, Text: "no such\nuser"}}
	res.Recipients[1].Outcome, res.Recipients[1].Err = delivery.Rejected, first
	res.Recipients[2].Outcome, res.Recipients[2].Err = delivery.Unknown, fmt.Errorf("wrapped: %w", delivery.ErrProtocol)
	err := res.Err()
	var se *delivery.SendError
	var de *delivery.Error
	if !errors.As(err, &se) || se.Result != res || !errors.As(err, &de) || de != first || !errors.Is(err, delivery.ErrProtocol) {
		t.Fatal(err)
	}
	if want := "mail not delivered to all: 1 accepted, 1 rejected, 1 unknown; " +
		"b@x: smtp mx:25: RCPT <b@x>: 550 5.1.1 no such / user; c@x: wrapped: the server broke the SMTP protocol"; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if (&delivery.Result{}).Err() == nil {
		t.Error("no recipient, no error")
	}
}

func TestErrorClasses(t *testing.T) {
	reply := func(code int) *delivery.Reply { return &delivery.Reply{Code: code} }
	for _, v := range []struct {
		name            string
		err             delivery.Error
		temporary, path bool
	}{
		{"name not found", delivery.Error{Phase: delivery.PhaseResolve, Err: io.EOF}, true, true},
		{"no connection", delivery.Error{Phase: delivery.PhaseDial, Err: io.EOF}, true, true},
		{"greeting 554", delivery.Error{Phase: delivery.PhaseGreeting, Reply: reply(554)}, true, true},
		{"EHLO 550", delivery.Error{Phase: delivery.PhaseEHLO, Reply: reply(550)}, true, true},
		{"no TLS offered", delivery.Error{Phase: delivery.PhaseSTARTTLS, Err: delivery.ErrTLSRequired}, true, false},
		{"bad certificate", delivery.Error{Phase: delivery.PhaseTLS, Err: delivery.ErrTLSFailed}, true, false},
		{"handshake lost", delivery.Error{Phase: delivery.PhaseTLS, Err: io.EOF}, true, true},
		{"AUTH 535", delivery.Error{Phase: delivery.PhaseAUTH, Reply: reply(535), Err: delivery.ErrAuthFailed}, false, false},
		{"AUTH 454", delivery.Error{Phase: delivery.PhaseAUTH, Reply: reply(454), Err: delivery.ErrAuthFailed}, true, false},
		{"MAIL 451", delivery.Error{Phase: delivery.PhaseMAIL, Reply: reply(451)}, true, false},
		{"MAIL lost", delivery.Error{Phase: delivery.PhaseMAIL, Err: io.EOF}, true, true},
		{"RCPT 550", delivery.Error{Phase: delivery.PhaseRCPT, Reply: reply(550)}, false, false},
		{"RCPT 452", delivery.Error{Phase: delivery.PhaseRCPT, Reply: reply(452)}, true, false},
		{"DATA 250", delivery.Error{Phase: delivery.PhaseDATA, Reply: reply(250), Err: delivery.ErrProtocol}, true, true},
		{"body lost", delivery.Error{Phase: delivery.PhaseBody, Err: io.EOF}, true, true},
		{"end 451", delivery.Error{Phase: delivery.PhaseEnd, Reply: reply(451)}, true, false},
		{"end 554", delivery.Error{Phase: delivery.PhaseEnd, Reply: reply(554)}, false, false},
		{"end lost", delivery.Error{Phase: delivery.PhaseEnd, Err: io.EOF}, true, false},
		{"cancelled", delivery.Error{Phase: delivery.PhaseMAIL, Err: context.Canceled}, false, false},
		{"bad address", delivery.Error{Phase: delivery.PhasePrepare, Err: io.EOF}, false, false},
		{"body broken", delivery.Error{Phase: delivery.PhaseBody, Err: delivery.ErrBodyChanged}, false, false},
		{"no SMTPUTF8", delivery.Error{Phase: delivery.PhaseMAIL, Err: delivery.ErrSMTPUTF8Required}, false, false},
	} {
		if v.err.Temporary() != v.temporary || v.err.PathFailure() != v.path {
			t.Errorf("%s: Temporary %v, PathFailure %v", v.name, v.err.Temporary(), v.err.PathFailure())
		}
	}
}

func TestReplyString(t *testing.T) {
	var none *delivery.Reply
	if none.String() != "no reply" || none.Positive() || none.Temporary() || none.Permanent() {
		t.Error("nil Reply")
	}
	for code, want := range map[int][3]bool{250: {true}, 354: {}, 451: {false, true}, 550: {false, false, true}} {
		r := &delivery.Reply{Code: code}
		if got := [3]bool{r.Positive(), r.Temporary(), r.Permanent()}; got != want {
			t.Errorf("%d: %v", code, got)
		}
	}
}

func TestBodies(t *testing.T) {
	name := filepath.Join(t.TempDir(), "m.eml")
	if err := os.WriteFile(name, []byte("Subject: x\r\n\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := delivery.FileBody(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []delivery.Body{file, delivery.BytesBody("Subject: x\r\n\r\n")} {
		for range 2 {
			r, err := body.Open()
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err != nil || string(b) != "Subject: x\r\n\r\n" || body.Size() != 14 || r.Close() != nil {
				t.Errorf("%q %v", b, err)
			}
		}
	}
	if err := os.WriteFile(name, []byte("Subject: xy\r\n\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Open(); !errors.Is(err, delivery.ErrBodyChanged) {
		t.Error(err)
	}
	if _, err := delivery.FileBody(t.TempDir()); err == nil {
		t.Error("a folder passed")
	}
	if _, err := delivery.FileBody(name + ".none"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestHooksAddUp(t *testing.T) {
	var log []string
	hook := func(name string, fail error) *delivery.Hooks {
		return &delivery.Hooks{
			BeforeEnd: func(context.Context, []int) error { log = append(log, name); return fail },
			Command:   func(_ context.Context, line string) { log = append(log, name+line) },
		}
	}
	ctx := delivery.WithHooks(context.Background(), hook("a", nil))
	ctx = delivery.WithHooks(ctx, &delivery.Hooks{})
	ctx = delivery.WithHooks(ctx, hook("b", io.EOF))
	ctx = delivery.WithHooks(ctx, hook("c", nil))
	ctx = delivery.WithHooks(ctx, nil)
	h := delivery.HooksFrom(ctx)
	h.Command(ctx, "1")
	h.Reply(ctx, &delivery.Reply{})
	h.TLS(ctx, "", "")
	if err := h.BeforeEnd(ctx, nil); err != io.EOF {
		t.Error(err)
	}
	if got := strings.Join(log, " "); got != "a1 b1 c1 a b" {
		t.Error(got)
	}
	if delivery.HooksFrom(context.Background()) != nil {
		t.Error("hooks from nowhere")
	}
}

func TestTransportFunc(t *testing.T) {
	f := delivery.TransportFunc(func(_ context.Context, env *delivery.Envelope, _ delivery.Body) (*delivery.Result, error) {
		res := delivery.NewResult(env)
		return res, res.Err()
	})
	res, err := f.Send(context.Background(), &delivery.Envelope{Recipients: make([]delivery.Recipient, 2)}, nil)
	if err == nil || len(res.Recipients) != 2 {
		t.Errorf("%v %v", res, err)
	}
}
