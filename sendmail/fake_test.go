package sendmail_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qdmail/qdmail/sendmail"
)

// The test binary plays the program when fakeScript is in its environment: steps
// separated by ";", carried out in the folder fakeDir.
//
//	read          read standard input to its end, which is recorded
//	read N        read N octets
//	slow          read to the end, a little at a time
//	close         close standard input
//	say TEXT      print TEXT and a line end on standard error, out TEXT on output
//	noise N       print N octets on standard error
//	mark NAME     make the file NAME, which tells the test how far it came
//	leave         start a process that has all inherited files open, and go on
//	hang          wait to be killed
//	crash         be killed
//	exit N        end
//	refuse A N    end so if A is among the recipients
const (
	fakeScript = "QDMAIL_FAKE_SCRIPT"
	fakeDir    = "QDMAIL_FAKE_DIR"
)

// record is what the program saw.
type record struct {
	Args  []string // without the program
	Env   []string
	Stdin []byte
	End   string // of standard input: "EOF" or an error, empty if it wasn't reached
}

func playFake(script string) int {
	r := &record{Args: os.Args[1:], Env: os.Environ()}
	for step := range strings.SplitSeq(script, ";") {
		word, arg, _ := strings.Cut(strings.TrimSpace(step), " ")
		n, _ := strconv.Atoi(arg)
		switch word {
		case "read", "slow":
			r.read(n, word == "slow")
		case "close":
			os.Stdin.Close()
		case "say":
			fmt.Fprintln(os.Stderr, arg)
		case "out":
			fmt.Println(arg)
		case "noise":
			lines := strings.Repeat("noise\n", n/6+1)
			io.WriteString(os.Stderr, lines[:n])
		case "mark":
			os.WriteFile(filepath.Join(os.Getenv(fakeDir), arg), nil, 0o600)
		case "leave":
			leaveSomebody()
		case "hang":
			hang()
		case "crash":
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			hang()
		case "refuse":
			addr, code, _ := strings.Cut(arg, " ")
			if n, _ = strconv.Atoi(code); slices.Contains(os.Args, addr) {
				r.save()
				return n
			}
		case "exit":
			r.save()
			return n
		}
	}
	r.save()
	return 0
}

// hang waits for a signal that nobody sends.
func hang() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR2)
	<-c
}

// leaveSomebody starts a process that hangs with all inherited files and the FIFO
// "alive" open, and writes down its number.
func leaveSomebody() {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fakeScript+"=hang")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	alive, err := os.OpenFile(filepath.Join(os.Getenv(fakeDir), "alive"), os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	cmd.ExtraFiles = []*os.File{alive}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	pid := []byte(strconv.Itoa(cmd.Process.Pid))
	if err := os.WriteFile(filepath.Join(os.Getenv(fakeDir), "left"), pid, 0o600); err != nil {
		panic(err)
	}
}

func (r *record) read(n int, slowly bool) {
	var in io.Reader = os.Stdin
	if n > 0 {
		in = io.LimitReader(in, int64(n))
	}
	block := make([]byte, 1000)
	for {
		n, err := in.Read(block)
		r.Stdin = append(r.Stdin, block[:n]...)
		if err != nil {
			if in == io.Reader(os.Stdin) {
				r.End = err.Error()
				r.save()
			}
			return
		}
		if slowly {
			<-time.After(time.Millisecond)
		}
	}
}

// save writes the record.
func (r *record) save() {
	data, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	name := filepath.Join(os.Getenv(fakeDir), "record-"+strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		panic(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		panic(err)
	}
}

// fake is a program with a script, and the Transport that starts it.
type fake struct {
	t   *testing.T
	dir string
	*sendmail.Transport
}

func newFake(t *testing.T, script string) *fake {
	t.Helper()
	dir := t.TempDir()
	return &fake{t, dir, newTransport(dir, script)}
}

func newTransport(dir, script string) *sendmail.Transport {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return &sendmail.Transport{Path: self, Env: []string{
		fakeScript + "=" + script,
		fakeDir + "=" + dir,
		"GORACE=atexit_sleep_ms=0", // with the race detector, each process would wait a second
	}}
}

// named gives the program a name of its own.
func (f *fake) named(name string) *fake {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.Link(f.Path, path); err != nil {
		data, err := os.ReadFile(f.Path)
		if err == nil {
			err = os.WriteFile(path, data, 0o700)
		}
		if err != nil {
			f.t.Fatal(err)
		}
	}
	f.Path = path
	return f
}

// records are what the processes saw, in no order.
func (f *fake) records() []*record {
	f.t.Helper()
	names, err := filepath.Glob(filepath.Join(f.dir, "record-*[0-9]"))
	if err != nil {
		f.t.Fatal(err)
	}
	var all []*record
	for _, name := range names {
		data, err := os.ReadFile(name)
		r := &record{}
		if err == nil {
			err = json.Unmarshal(data, r)
		}
		if err != nil {
			f.t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// only is the record of the only process.
func (f *fake) only() *record {
	f.t.Helper()
	all := f.records()
	if len(all) != 1 {
		f.t.Fatalf("%d processes, want one", len(all))
	}
	return all[0]
}

// reached reports whether a process made the mark.
func (f *fake) reached(mark string) bool {
	_, err := os.Stat(filepath.Join(f.dir, mark))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.t.Error(err)
	}
	return err == nil
}

// await waits until a process has made the mark.
func (f *fake) await(mark string) {
	f.t.Helper()
	until(f.t, "mark "+mark, func() bool { return f.reached(mark) })
}

// until asks again and again, for a while.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
