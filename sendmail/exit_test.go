package sendmail_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/sendmail"
)

func exitError(t *testing.T, err error) *sendmail.ExitError {
	t.Helper()
	exit, ok := errors.AsType[*sendmail.ExitError](err)
	if !ok {
		t.Fatalf("%v has no ExitError", err)
	}
	return exit
}

// The exit code decides, for one recipient and for several.
func TestExitCode(t *testing.T) {
	for code, tt := range map[string]struct {
		outcome   delivery.Outcome
		permanent bool
	}{
		"67": {delivery.Rejected, true},
		"75": {delivery.Deferred, false},
		"78": {delivery.NotSent, true},
		"1":  {delivery.Deferred, false},
	} {
		f := newFake(t, "read;out ignored;say no mail today;exit "+code)
		res := f.send(t.Context(), from("b@y.test"), hello)
		e := failure(res)
		exit := exitError(t, e)
		if res.Recipients[0].Outcome != tt.outcome || e.Phase != delivery.PhaseEnd || e.Recipient != "b@y.test" || e.PathFailure() || e.Temporary() == tt.permanent {
			t.Errorf("%s: %v, %v", code, outcomes(res), e)
		}
		if exit.Output != "no mail today" || exit.Permanent() != tt.permanent || errors.Is(e, sendmail.ErrUnattributed) {
			t.Errorf("%s: %+v", code, exit)
		}

		res = f.send(t.Context(), from("b@y.test", "c@y.test"), hello)
		for _, r := range res.Recipients {
			if r.Outcome != tt.outcome || errors.Is(r.Err, sendmail.ErrUnattributed) != (tt.outcome != delivery.NotSent) {
				t.Errorf("%s: %+v", code, r)
			}
		}
		if exitError(t, failure(res)).Code != exit.Code || failure(res).Recipient != "" {
			t.Error(failure(res))
		}
	}
}

// With a process for each recipient, one refusal costs nobody else the mail.
func TestOneRefusal(t *testing.T) {
	f := newFake(t, "read;refuse c@y.test 67;refuse d@y.test 75")
	f.MaxRecipients = 1
	res := f.send(t.Context(), from("b@y.test", "c@y.test", "d@y.test", "e@y.test"), hello)
	if got := outcomes(res); got != "accepted, rejected, deferred, accepted" {
		t.Error(got)
	}
	if e := res.Recipients[1].Err.(*delivery.Error); e.Recipient != "c@y.test" || errors.Is(e, sendmail.ErrUnattributed) {
		t.Error(e)
	}
}

// A program that ends without reading has its reason, and success without the
// message is none.
func TestExitWithoutReading(t *testing.T) {
	for script, tt := range map[string]struct {
		outcome delivery.Outcome
		phase   delivery.Phase
	}{
		"exit 75":              {delivery.Deferred, delivery.PhaseBody},
		"exit 67":              {delivery.Rejected, delivery.PhaseBody},
		"exit 76":              {delivery.Deferred, delivery.PhaseBody},
		"close;exit 75":        {delivery.Deferred, delivery.PhaseBody},
		"read 5000;exit 75":    {delivery.Deferred, delivery.PhaseBody},
		"read 5000;crash":      {delivery.Deferred, delivery.PhaseBody},
		"exit 0":               {delivery.Unknown, delivery.PhaseEnd},
		"read 5000;exit 0":     {delivery.Unknown, delivery.PhaseEnd},
		"close;noise 1;exit 0": {delivery.Unknown, delivery.PhaseEnd},
	} {
		t.Run(script, func(t *testing.T) {
			f := newFake(t, script)
			res := f.send(t.Context(), from("b@y.test"), long)
			r, e := res.Recipients[0], failure(res)
			if r.Outcome != tt.outcome || e.Phase != tt.phase {
				t.Errorf("%v, %v", r.Outcome, e)
			}
			if errors.Is(e, sendmail.ErrUnread) != (tt.outcome == delivery.Unknown) {
				t.Error(e)
			}
		})
	}
}

// What a program prints, and how much, holds nothing up and breaks no log.
func TestOutput(t *testing.T) {
	const much = "10000000"
	for script, want := range map[string]string{
		"noise " + much + ";read;noise " + much + ";say the reason;exit 75": "the reason",
		"noise " + much + ";say the reason;exit 75":                         "the reason",
		"read;say \x1b[31mred\x1b[0m\x07\r\t\x9b\u202eevil;exit 75":         "[31mred [0m   \uFFFD evil",
		"read;say one;say ;say two;exit 75":                                 "one / two",
		"read;out from output;exit 75":                                      "from output",
		"read;out from output;say from error;exit 75":                       "from error",
		"read;exit 75": "",
	} {
		body := hello
		if !strings.HasPrefix(script, "read") {
			body = long
		}
		res := newFake(t, script).send(t.Context(), from("b@y.test"), body)
		got := exitError(t, res.Err()).Output
		loud := strings.HasPrefix(script, "noise")
		if !loud && got != want || loud && (!strings.HasSuffix(got, want) || !strings.HasPrefix(got, "... ")) {
			t.Errorf("%s: %q", script, got)
		}
		if len(got) > 2*sendmail.MaxOutput || outcomes(res) != "deferred" {
			t.Errorf("%s: %d octets, %s", script, len(got), outcomes(res))
		}
	}
	// What msmtp prints on its output, with -d, has the password.
	f := newFake(t, "read;out --> AUTH PLAIN AHRhcm8AaHVudGVyMg==;exit 76")
	f.Program = sendmail.ProgramMsmtp
	if err := f.send(t.Context(), from("b@y.test"), hello).Err(); exitError(t, err).Output != "" || strings.Contains(err.Error(), "AHRh") {
		t.Error(err)
	}
	f = newFake(t, "noise "+much+";read;noise "+much)
	if got := outcomes(f.send(t.Context(), from("b@y.test"), long)); got != "accepted" {
		t.Error(got)
	}
	if got := string(f.only().Stdin); got != unix(long) {
		t.Errorf("%d octets, want %d", len(got), len(unix(long)))
	}
}
