package sendmail_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/sendmail"
)

var programs = []sendmail.Program{
	sendmail.ProgramByName, sendmail.ProgramOther, sendmail.ProgramPostfix, sendmail.ProgramSendmail,
	sendmail.ProgramExim, sendmail.ProgramOpenSMTPD, sendmail.ProgramMsmtp,
}

// wishes is an envelope that asks for all that RFC 3461 has.
func wishes() *delivery.Envelope {
	env := from("b@y.test")
	env.DSN = delivery.DSN{RET: delivery.RETHeaders, ENVID: "QQ 1"}
	env.Recipients[0].Notify = delivery.NotifySuccess | delivery.NotifyFailure
	env.Recipients[0].ORCPT = "rfc822;b@y.test"
	return env
}

// The options for notifications go to programs that are known to have them.
func TestNotificationOptions(t *testing.T) {
	all := []string{"-i", "-N", "success,failure", "-R", "hdrs", "-V", "QQ+201", "-f", "a@x.test", "--", "b@y.test"}
	none := []string{"-i", "-f", "a@x.test", "--", "b@y.test"}
	for program, tt := range map[sendmail.Program]struct {
		args    []string
		dropped string
	}{
		sendmail.ProgramByName:    {none, "DSN"},
		sendmail.ProgramOther:     {none, "DSN"},
		sendmail.ProgramPostfix:   {all, "ORCPT"},
		sendmail.ProgramSendmail:  {all, "ORCPT"},
		sendmail.ProgramOpenSMTPD: {all, "ORCPT"},
		sendmail.ProgramMsmtp:     {[]string{"-i", "-N", "success,failure", "-R", "hdrs", "-f", "a@x.test", "--", "b@y.test"}, "ENVID ORCPT"},
		sendmail.ProgramExim:      {[]string{"-i", "-oep", "-f", "a@x.test", "--", "b@y.test"}, "DSN"},
	} {
		t.Run(program.String(), func(t *testing.T) {
			f := newFake(t, "read")
			f.Program = program
			res := f.send(t.Context(), wishes(), hello)
			if got := f.only().Args; !slices.Equal(got, tt.args) {
				t.Errorf("%q, want %q", got, tt.args)
			}
			if got := strings.Join(res.Recipients[0].Dropped, " "); got != tt.dropped {
				t.Errorf("dropped %q, want %q", got, tt.dropped)
			}

			f = newFake(t, "read")
			f.Program, f.RequireDSN = program, true
			e := failure(f.send(t.Context(), wishes(), hello))
			if !errors.Is(e, delivery.ErrDSNRequired) || e.Temporary() || e.PathFailure() || len(f.records()) != 0 {
				t.Errorf("%v, %d processes", e, len(f.records()))
			}
			res = f.send(t.Context(), from("b@y.test"), hello)
			if got := outcomes(res); got != "accepted" || res.Recipients[0].Dropped != nil {
				t.Errorf("without a wish: %s, %v", got, res.Recipients[0])
			}
		})
	}
}

// A name with all links followed tells which program it is, and the bare name
// "sendmail" tells nothing.
func TestProgramIsKnownByItsName(t *testing.T) {
	for name, want := range map[string]sendmail.Program{
		"exim4": sendmail.ProgramExim, "exim": sendmail.ProgramExim, "exim-4.98-1": sendmail.ProgramExim,
		"smtpctl": sendmail.ProgramOpenSMTPD, "msmtp": sendmail.ProgramMsmtp,
		"sendmail.postfix": sendmail.ProgramPostfix, "sendmail.sendmail": sendmail.ProgramSendmail,
		"sendmail": sendmail.ProgramOther, "msmtpq": sendmail.ProgramOther, "postfix": sendmail.ProgramOther, "": sendmail.ProgramOther,
	} {
		if got := sendmail.ByName(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	f := newFake(t, "read").named("sendmail.postfix")
	link, second := filepath.Join(f.dir, "sendmail"), filepath.Join(f.dir, "mta")
	if err := os.Symlink("sendmail.postfix", second); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(second, link); err != nil {
		t.Fatal(err)
	}
	f.Path = link
	f.send(t.Context(), wishes(), hello)
	if got := f.only().Args; !slices.Contains(got, "-N") || !slices.Contains(got, "-V") {
		t.Errorf("%q", got)
	}
}

// OpenSMTPD knows the options, and refuses the mail for them unless its
// configuration has a certain line. Who has it there has to say so.
func TestOpenSMTPDByName(t *testing.T) {
	f := newFake(t, "read").named("smtpctl")
	res := f.send(t.Context(), wishes(), hello)
	if got := f.only().Args; slices.Contains(got, "-N") || !slices.Equal(res.Recipients[0].Dropped, []string{"DSN"}) {
		t.Errorf("%q, dropped %q", got, res.Recipients[0].Dropped)
	}
	f = newFake(t, "read").named("smtpctl")
	f.Program = sendmail.ProgramOpenSMTPD
	f.send(t.Context(), wishes(), hello)
	if got := f.only().Args; !slices.Contains(got, "-N") {
		t.Errorf("%q", got)
	}
	f.Program = sendmail.ProgramPostfix
	if got := outcomes(f.send(t.Context(), wishes(), hello)); got != "not sent" {
		t.Errorf("taken for Postfix: %s", got)
	}
}

// Exim takes -N for "don't deliver", and what follows for recipients. Whatever is
// configured, it never gets it.
func TestEximNeverGetsNotificationOptions(t *testing.T) {
	for name, configure := range map[string]func(*sendmail.Transport){
		"by name":           func(*sendmail.Transport) {},
		"configured":        func(tr *sendmail.Transport) { tr.Program = sendmail.ProgramExim },
		"taken for Postfix": func(tr *sendmail.Transport) { tr.Program = sendmail.ProgramPostfix },
		"-N added":          func(tr *sendmail.Transport) { tr.Args = []string{"-N"} },
		"-R added":          func(tr *sendmail.Transport) { tr.Args = []string{"-oi", "-Rhdrs"} },
		"-V added":          func(tr *sendmail.Transport) { tr.Args = []string{"-V", "id"} },
	} {
		f := newFake(t, "read").named("exim4")
		link := filepath.Join(f.dir, "sendmail")
		if err := os.Symlink("exim4", link); err != nil {
			t.Fatal(err)
		}
		f.Path = link
		configure(f.Transport)
		res := f.send(t.Context(), wishes(), hello)
		for _, r := range f.records() {
			if !slices.Equal(r.Args, []string{"-i", "-oep", "-f", "a@x.test", "--", "b@y.test"}) {
				t.Errorf("%s: %q", name, r.Args)
			}
		}
		sent := name == "by name" || name == "configured"
		if sent != (len(f.records()) == 1) || sent != (res.Err() == nil) {
			t.Errorf("%s: %d processes, %v", name, len(f.records()), res.Err())
		}
		if e := failure(res); !sent && (e.Phase != delivery.PhasePrepare || e.Temporary()) {
			t.Errorf("%s: %v", name, e)
		}
	}
}

// Those who want different notifications get a process each, and those who want
// the same share one.
func TestNotifyGroups(t *testing.T) {
	env := from("b@y.test", "c@y.test", "d@y.test", "e@y.test", "b@y.test")
	env.Recipients[1].Notify = delivery.NotifySuccess
	env.Recipients[2].Notify = delivery.NotifyNever
	env.Recipients[3].Notify = delivery.NotifySuccess
	f := newFake(t, "read")
	f.Program = sendmail.ProgramPostfix
	if got := outcomes(f.send(t.Context(), env, hello)); got != "accepted, accepted, accepted, accepted, accepted" {
		t.Error(got)
	}
	var groups []string
	for _, r := range f.records() {
		groups = append(groups, strings.Join(r.Args, " "))
	}
	slices.Sort(groups)
	want := []string{
		"-i -N never -f a@x.test -- d@y.test",
		"-i -N success -f a@x.test -- c@y.test e@y.test",
		"-i -f a@x.test -- b@y.test",
	}
	if !slices.Equal(groups, want) {
		t.Errorf("%q, want %q", groups, want)
	}

	// Who can't be told can't be told apart either.
	f = newFake(t, "read")
	f.send(t.Context(), env, hello)
	if got := f.only().recipients(); len(got) != 4 {
		t.Errorf("%q", got)
	}
}

// There is no option for what else an envelope may ask for. What it demands can't
// be sent then.
func TestOtherExtensions(t *testing.T) {
	for name, tt := range map[string]struct {
		ask     func(env *delivery.Envelope)
		want    error
		dropped string
	}{
		"TLS":              {func(env *delivery.Envelope) { env.RequireTLS = true }, delivery.ErrREQUIRETLSRequired, ""},
		"return late mail": {func(env *delivery.Envelope) { env.DeliverBy = delivery.DeliverBy{Within: time.Hour, Return: true} }, delivery.ErrDELIVERBYRequired, ""},
		"hold":             {func(env *delivery.Envelope) { env.Hold.For = time.Hour }, delivery.ErrFUTURERELEASERequired, ""},
		"tell late mail":   {func(env *delivery.Envelope) { env.DeliverBy.Within = time.Hour }, nil, "DELIVERBY"},
		"both":             {func(env *delivery.Envelope) { env.DeliverBy.Within, env.MTPriority = time.Hour, 3 }, nil, "DELIVERBY MT-PRIORITY"},
	} {
		f := newFake(t, "read")
		f.RequireDSN = true // which is about something else
		env := from("b@y.test", "c@y.test")
		tt.ask(env)
		res := f.send(t.Context(), env, hello)
		if tt.want == nil {
			if got := strings.Join(res.Recipients[0].Dropped, " "); outcomes(res) != "accepted, accepted" || got != tt.dropped {
				t.Errorf("%s: %s, dropped %q, %v", name, outcomes(res), got, res.Err())
			}
			continue
		}
		if e := failure(res); outcomes(res) != "rejected, rejected" || !errors.Is(e, tt.want) || e.Temporary() || len(f.records()) != 0 {
			t.Errorf("%s: %s, %v", name, outcomes(res), e)
		}
	}
}

func TestENVID(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a", "abc": "abc", "a b+c=d": "a+20b+2Bc+3Dd", "-x1": "+2Dx1",
		"ab": "+61b", "+-": "+2B-", // Postfix takes two characters for something else
		strings.Repeat("x", 100): strings.Repeat("x", 100),
	} {
		if got, err := sendmail.EncodeENVID(in); err != nil || got != want {
			t.Errorf("%q became %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"é", "a\n", "a\x00", strings.Repeat("x", 101), strings.Repeat("+", 34)} {
		f := newFake(t, "read")
		env := wishes()
		env.DSN.ENVID = in
		if got := outcomes(f.send(t.Context(), env, hello)); got != "not sent" || len(f.records()) != 0 {
			t.Errorf("%q: %s", in, got)
		}
	}
	env := wishes()
	env.DSN.RET = "SOME"
	if got := outcomes(newFake(t, "read").send(t.Context(), env, hello)); got != "not sent" {
		t.Error(got)
	}
}
