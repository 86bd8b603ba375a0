package sendmail_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/sendmail"
)

func TestSend(t *testing.T) {
	f := newFake(t, "read;out queued")
	res := f.send(t.Context(), from("b@y.test", "c d@例え.jp"), hello)
	if got := outcomes(res); got != "accepted, accepted" {
		t.Fatal(got, res.Err())
	}
	if r := res.Recipients[0]; r.Host != f.Path || r.Reply != nil || r.Dropped != nil {
		t.Errorf("%+v", r)
	}
	r := f.only()
	want := []string{"-i", "-f", "a@x.test", "--", "b@y.test", `"c d"@xn--r8jz45g.jp`}
	if !slices.Equal(r.Args, want) {
		t.Errorf("arguments %q, want %q", r.Args, want)
	}
	if string(r.Stdin) != unix(hello) || r.End != "EOF" {
		t.Errorf("read %q to %s", r.Stdin, r.End)
	}
}

func TestLineEnds(t *testing.T) {
	body := delivery.BytesBody("Subject: x\r\n\r\nno end")
	for crlf, want := range map[bool]string{false: "Subject: x\n\nno end\n", true: "Subject: x\r\n\r\nno end\r\n"} {
		f := newFake(t, "read")
		f.CRLF = crlf
		f.send(t.Context(), from("b@y.test"), body)
		if got := string(f.only().Stdin); got != want {
			t.Errorf("CRLF %v: %q", crlf, got)
		}
	}
}

// A lone dot is a line like any other, and what comes after it is sent.
func TestLoneDotSurvives(t *testing.T) {
	f := newFake(t, "read")
	body := delivery.BytesBody("Subject: x\r\n\r\nfirst\r\n.\r\nsecond\r\n..\r\n.x\r\n")
	f.send(t.Context(), from("b@y.test"), body)
	r := f.only()
	if string(r.Stdin) != unix(body) {
		t.Errorf("%q", r.Stdin)
	}
	if r.Args[0] != "-i" {
		t.Errorf("without -i: %q", r.Args)
	}
}

// The reverse-path of a bounce is empty, which is no reason to leave -f out.
func TestNullReversePath(t *testing.T) {
	f := newFake(t, "read")
	env := from("b@y.test")
	env.From = ""
	f.send(t.Context(), env, hello)
	if r := f.only(); !slices.Equal(r.Args, []string{"-i", "-f", "<>", "--", "b@y.test"}) {
		t.Errorf("%q", r.Args)
	}
}

// No address becomes an option: CVE-2016-10033, RUSTSEC-2020-0069.
func TestAddressesThatLookLikeOptions(t *testing.T) {
	f := newFake(t, "read")
	hostile := []string{"-oQ/tmp@x.com", "-oQ/tmp", "-t@x.test", "-X/tmp/log@x.test", "-@x.test", "--@x.test"}
	res := f.send(t.Context(), from(append(hostile, "b@y.test")...), hello)
	for i := range hostile {
		r := res.Recipients[i]
		if r.Outcome != delivery.NotSent || i != 1 && !errors.Is(r.Err, sendmail.ErrOption) {
			t.Errorf("%s: %v, %v", r.Address, r.Outcome, r.Err)
		}
	}
	if got := f.only().recipients(); !slices.Equal(got, []string{"b@y.test"}) || !res.Recipients[len(hostile)].Outcome.OK() {
		t.Errorf("the recipients are %q, %v", got, res.Err())
	}
	env := from("b@y.test")
	env.From = "-oQ/tmp@x.com"
	if e := failure(f.send(t.Context(), env, hello)); !errors.Is(e, sendmail.ErrOption) || e.Phase != delivery.PhasePrepare || e.Temporary() || e.PathFailure() {
		t.Error(e)
	}
	// A quoted local part begins with a quotation mark, not with what is in it.
	f = newFake(t, "read")
	const attack = `"attacker\" -oQ/tmp/ -X/var/www/x.php some"@email.com`
	f.send(t.Context(), from(attack), hello)
	if got := f.only().recipients(); !slices.Equal(got, []string{attack}) {
		t.Errorf("%q", got)
	}
}

// What is wrong with one recipient costs the others nothing.
func TestInvalidRecipients(t *testing.T) {
	f := newFake(t, "read")
	env := from("nobody", "x@y.test\r\nBcc: z@y.test", "x@y.test\x00", "用@y.test", "@a:b@c", "", "b@y.test")
	env.Recipients = append(env.Recipients, delivery.Recipient{Address: "c@y.test", Notify: 0xff})
	res := f.send(t.Context(), env, hello)
	if got := outcomes(res); got != "not sent, not sent, not sent, not sent, not sent, not sent, accepted, not sent" {
		t.Error(got)
	}
	if e := failure(res); e.Recipient != "nobody" || e.Phase != delivery.PhasePrepare || e.Temporary() {
		t.Error(e)
	}
}

// An address that isn't ASCII is passed on if the envelope says so.
func TestSMTPUTF8(t *testing.T) {
	f := newFake(t, "read")
	env := from("用户@例え.テスト")
	env.SMTPUTF8 = true
	body := delivery.BytesBody("Subject: 件名\r\n\r\n")
	f.send(t.Context(), env, body)
	if r := f.only(); r.recipients()[0] != "用户@xn--r8jz45g.xn--zckzah" || string(r.Stdin) != unix(body) {
		t.Errorf("%q, %q", r.Args, r.Stdin)
	}
}

// Who gets a blind copy stands in the argument list and nowhere else, and the
// program isn't told to look for recipients anywhere else either.
func TestBccOnlyInTheArguments(t *testing.T) {
	for _, program := range programs {
		f := newFake(t, "read")
		f.Program = program
		body := delivery.BytesBody("To: b@y.test\r\nCc: other@y.test\r\n\r\nHi.\r\n")
		f.send(t.Context(), from("b@y.test", "secret@y.test"), body)
		var told []string
		for _, r := range f.records() {
			told = append(told, r.recipients()...)
			if strings.Contains(string(r.Stdin), "secret") || string(r.Stdin) != unix(body) {
				t.Errorf("%v: %q", program, r.Stdin)
			}
			for _, arg := range r.Args {
				if strings.HasPrefix(arg, "-") && strings.Contains(arg, "t") {
					t.Errorf("%v gets %s", program, arg)
				}
			}
		}
		slices.Sort(told)
		if !slices.Equal(told, []string{"b@y.test", "secret@y.test"}) {
			t.Errorf("%v: the recipients are %q", program, told)
		}
	}
}

// Each mailbox is named once, and each entry of the envelope has its outcome.
func TestDuplicates(t *testing.T) {
	f := newFake(t, "read")
	res := f.send(t.Context(), from("b@y.test", "B@y.test", "b@Y.TEST", `"b"@y.test`), hello)
	if got := outcomes(res); got != "accepted, accepted, accepted, accepted" {
		t.Error(got)
	}
	if got := f.only().recipients(); !slices.Equal(got, []string{"b@y.test", "B@y.test"}) {
		t.Errorf("%q", got)
	}
}

func TestManyRecipients(t *testing.T) {
	var all []string
	for i := range 250 {
		all = append(all, fmt.Sprintf("r%d@y.test", i))
	}
	huge := make([]string, 100)
	for i := range huge {
		huge[i] = fmt.Sprintf("%s%d@%s.test", strings.Repeat("x", 60), i, strings.Repeat("y.", 90)+"z")
	}
	for name, tt := range map[string]struct {
		max   int
		name  string
		to    []string
		sizes []int
	}{
		"default":                  {0, "", all, []int{50, 100, 100}},
		"two":                      {2, "", all[:5], []int{1, 2, 2}},
		"msmtp":                    {0, "msmtp", all[:3], []int{1, 1, 1}},
		"msmtp two":                {2, "msmtp", all[:3], []int{1, 2}},
		"more than arguments hold": {1000, "", huge, []int{sendmail.MaxArguments / 251, 100 - sendmail.MaxArguments/251}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "read")
			f.MaxRecipients = tt.max
			if tt.name != "" {
				f.named(tt.name)
			}
			res := f.send(t.Context(), from(tt.to...), hello)
			if n := res.Count(delivery.Accepted); n != len(tt.to) {
				t.Errorf("%d accepted, %v", n, res.Err())
			}
			var sizes []int
			told := map[string]bool{}
			for _, r := range f.records() {
				sizes = append(sizes, len(r.recipients()))
				for _, to := range r.recipients() {
					told[to] = true
				}
				if string(r.Stdin) != unix(hello) {
					t.Errorf("%q", r.Stdin)
				}
			}
			slices.Sort(sizes)
			slices.Sort(tt.sizes)
			if !slices.Equal(sizes, tt.sizes) || len(told) != len(tt.to) {
				t.Errorf("groups of %v, want %v; %d addresses", sizes, tt.sizes, len(told))
			}
		})
	}
}

// The program gets what it needs of our environment, and none of our secrets.
func TestEnvironment(t *testing.T) {
	t.Setenv("MAIL_URL", "smtp://u:hunter2@h")
	t.Setenv("HOME", "/of/taro")
	t.Setenv("LC_MESSAGES", "C")
	f := newFake(t, "read")
	f.Env = append(f.Env, "MAIL_CONFIG=/etc/elsewhere")
	f.send(t.Context(), from("b@y.test"), hello)
	env := f.only().Env
	for _, want := range []string{"HOME=/of/taro", "LC_MESSAGES=C", "MAIL_CONFIG=/etc/elsewhere"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if all := strings.Join(env, "\n"); strings.Contains(all, "hunter2") || strings.Contains(all, "MAIL_URL") {
		t.Error(all)
	}
}

func TestAtTheSameTime(t *testing.T) {
	f := newFake(t, "slow")
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			body := delivery.BytesBody(strings.Repeat(fmt.Sprintf("%d\r\n", i), 20_000))
			res, err := f.Send(t.Context(), from(fmt.Sprintf("r%d@y.test", i)), body)
			if err != nil {
				t.Errorf("%v, %v", outcomes(res), err)
			}
		})
	}
	group.Wait()
	for _, r := range f.records() {
		digit := r.recipients()[0][1:2]
		if string(r.Stdin) != strings.Repeat(digit+"\n", 20_000) {
			t.Errorf("%s read something else", r.recipients())
		}
	}
	if n := len(f.records()); n != 8 {
		t.Errorf("%d processes", n)
	}
}

func TestNothingToDo(t *testing.T) {
	f := newFake(t, "read")
	if res, err := f.Send(t.Context(), nil, hello); err == nil || len(res.Recipients) != 0 {
		t.Errorf("%+v, %v", res, err)
	}
	if got := outcomes(f.send(t.Context(), from("b@y.test"), nil)); got != "not sent" {
		t.Error(got)
	}
	if n := len(f.records()); n != 0 {
		t.Errorf("%d processes", n)
	}
}

// A program that isn't there is a path that fails: another one may be tried.
func TestNoProgram(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("#!"+dir+"/none\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("just text"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for _, path := range []string{filepath.Join(dir, "none"), "none", dir, plain, script, text} {
		f := newFake(t, "read")
		f.Path = path
		e := failure(f.send(t.Context(), from("b@y.test", "c@y.test"), hello))
		if !errors.Is(e, sendmail.ErrNoProgram) || e.Phase != delivery.PhaseDial || !e.PathFailure() {
			t.Errorf("%s: %v", path, e)
		}
	}
}

// A bare name is looked for in $PATH.
func TestProgramInPath(t *testing.T) {
	f := newFake(t, "read").named("sendmail")
	t.Setenv("PATH", f.dir)
	f.Path = "sendmail"
	res := f.send(t.Context(), from("b@y.test"), hello)
	if r := res.Recipients[0]; !r.Outcome.OK() || r.Host != filepath.Join(f.dir, "sendmail") {
		t.Errorf("%+v", r)
	}
}
