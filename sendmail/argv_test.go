package sendmail_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/sendmail"
)

func TestArgs(t *testing.T) {
	for _, args := range [][]string{
		nil, {"-oi"}, {"-C", "/etc/elsewhere"}, {"-C/etc/elsewhere", "-bm", "-odq"}, {"-a", "provider", "--file", "/etc/msmtprc"},
		{"--host=mail.test"}, {"-O", "Timeout=5"}, {"-v", "-Ctest"}, {"-Ftaro"}, {"-oMt"},
	} {
		if err := (&sendmail.Transport{Args: args}).Check(); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
	for _, args := range [][]string{
		{"-t"}, {"-ti"}, {"-it"}, {"-vit"}, {"-oi", "-t"}, {"--read-recipients"}, {"--read-re"}, {"--"}, {"-"}, {""}, {"-i", "--", "x@y.test"},
		{"x@y.test"}, {"-oi", "x@y.test"}, {"-C", "/etc/elsewhere", "x@y.test"}, {"-bs"}, {"-bp"}, {"-b"}, {"-bmx"}, {"-C\x00"},
	} {
		f := newFake(t, "read")
		f.Args = args
		if err := f.Check(); err == nil {
			t.Errorf("%q may pass", args)
		}
		if got := outcomes(f.send(t.Context(), from("b@y.test"), hello)); got != "not sent" || len(f.records()) != 0 {
			t.Errorf("%q: %s", args, got)
		}
	}
	f := newFake(t, "read")
	f.Args = []string{"-C", "/etc/elsewhere"}
	f.send(t.Context(), from("b@y.test"), hello)
	if got := f.only().Args; !slices.Equal(got, []string{"-C", "/etc/elsewhere", "-i", "-f", "a@x.test", "--", "b@y.test"}) {
		t.Errorf("%q", got)
	}
}

func TestCheck(t *testing.T) {
	for _, tr := range []*sendmail.Transport{
		{}, {Path: "/usr/sbin/sendmail"}, {Path: "msmtp"}, {Program: sendmail.ProgramExim, Env: []string{"A=", "B=c=d"}},
	} {
		if err := tr.Check(); err != nil {
			t.Errorf("%+v: %v", *tr, err)
		}
	}
	for _, tr := range []*sendmail.Transport{
		{Path: "./sendmail"}, {Path: "bin/sendmail"}, {Path: "/usr/sbin/sendmail\x00"}, {Program: 99},
		{Env: []string{"A"}}, {Env: []string{"=b"}}, {Env: []string{"A=\x00"}},
	} {
		if err := tr.Check(); err == nil {
			t.Errorf("%+v may pass", *tr)
		}
	}
	if s := (&sendmail.Transport{Path: "/x/sendmail", Args: []string{"--secret=1"}, Env: []string{"PASSWORD=1"}}).String(); s != "sendmail program /x/sendmail" {
		t.Error(s)
	}
	if s := sendmail.Program(99).String(); s != "Program(99)" {
		t.Error(s)
	}
}

// FuzzArgv holds any argument list that is built to what a program makes of it: no
// address becomes an option, and there are as many recipients as there were.
func FuzzArgv(f *testing.F) {
	f.Add(uint8(2), "a@x.test", "b@y.test", "c@y.test", "id", uint8(1), "FULL")
	f.Add(uint8(4), "-f@x.test", "-oQ/tmp@x.test", "-t", "ab", uint8(3), "HDRS")
	f.Add(uint8(6), "", `"a b"@x.test`, "--@x.test", "-bs", uint8(8), "")
	f.Add(uint8(5), "a@x.test\n", "x@y.test\x00", "用@x.test", " ", uint8(255), "x")
	f.Fuzz(func(t *testing.T, program uint8, from, one, two, envid string, notify uint8, ret string) {
		p := sendmail.Program(program)
		given := []string{"-C", "/etc/elsewhere"}
		dsn := delivery.DSN{ENVID: envid, Notify: delivery.Notify(notify), RET: delivery.RET(ret)}
		got, err := sendmail.Argv("/usr/sbin/sendmail", p, given, from, dsn, one, two)
		if err != nil {
			return
		}
		if got[0] != "/usr/sbin/sendmail" || !slices.Equal(got[1:3], given) {
			t.Fatalf("%q", got)
		}
		// The list, read as getopt does with the options that we know.
		var options []string
		values := map[string]string{}
		rest := got[3:]
		for ; len(rest) > 0 && rest[0] != "--"; rest = rest[1:] {
			switch rest[0] {
			case "-i", "-oep":
			case "-f", "-N", "-R", "-V":
				values[rest[0]] = rest[1]
				rest = rest[1:]
				options = append(options, "-x")
			default:
				t.Fatalf("%q has %q where an option should be", got, rest[0])
			}
		}
		if len(rest) != 3 || rest[1] != one || rest[2] != two {
			t.Fatalf("%q: the recipients are %q", got, rest)
		}
		if want := map[bool]string{true: "<>", false: from}[from == ""]; values["-f"] != want {
			t.Fatalf("%q: the sender is %q", got, values["-f"])
		}
		for _, arg := range append(rest[1:], values["-f"], values["-N"], values["-R"], values["-V"]) {
			if strings.HasPrefix(arg, "-") || strings.ContainsAny(arg, "\x00\r\n") {
				t.Fatalf("%q has %q", got, arg)
			}
		}
		if len(values["-V"]) == 2 {
			t.Fatalf("%q: Postfix takes the identifier %q for something else", got, values["-V"])
		}
		if p == sendmail.ProgramExim && len(options) > 1 {
			t.Fatalf("Exim gets %q", got)
		}
	})
}
