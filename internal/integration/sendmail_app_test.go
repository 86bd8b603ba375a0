//go:build integration

package integration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/sendmail"
)

// sendmailApp in the environment makes the test binary a program that carries out
// one order: so mail can be sent from within a jail, by other users, and by
// somebody who is killed meanwhile.
const sendmailApp = "QDMAIL_SENDMAIL_APP"

// sendmailOrder is what the app reads from standard input.
type sendmailOrder struct {
	Transport sendmail.Transport
	Envelope  *delivery.Envelope
	Body      []byte
	// Fault is what happens before the end of the message: "" nothing, "veto" by
	// the hook BeforeEnd, "unreadable" after half of it, "stall" there for ever.
	Fault string
}

// sendmailAnswer is what the app writes to its fourth file: an outcome for each
// recipient. Of a stalled message it is written before the end.
type sendmailAnswer struct {
	Outcomes []delivery.Outcome
	Dropped  []string // of all recipients, with repetitions
	Code     int      // of the program, if it failed
	Errors   string
}

var errVeto = errors.New("no mail today")

// playSendmailApp carries out the order.
func playSendmailApp() {
	var o sendmailOrder
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		panic(err)
	}
	ctx := context.Background()
	if o.Fault == "veto" {
		ctx = delivery.WithHooks(ctx, &delivery.Hooks{BeforeEnd: func(context.Context, []int) error { return errVeto }})
	}
	res, err := o.Transport.Send(ctx, o.Envelope, o.body())
	var a sendmailAnswer
	for _, r := range res.Recipients {
		a.Outcomes = append(a.Outcomes, r.Outcome)
		a.Dropped = append(a.Dropped, r.Dropped...)
	}
	if exit, ok := errors.AsType[*sendmail.ExitError](err); ok {
		a.Code = exit.Code
	}
	if err != nil {
		a.Errors = err.Error()
	}
	a.write()
}

func (a *sendmailAnswer) write() {
	if err := json.NewEncoder(os.NewFile(3, "answer")).Encode(a); err != nil {
		panic(err)
	}
}

func (o *sendmailOrder) body() delivery.Body {
	if o.Fault == "" || o.Fault == "veto" {
		return delivery.BytesBody(o.Body)
	}
	return halfBody{o}
}

// halfBody is a message whose second half doesn't come.
type halfBody struct{ o *sendmailOrder }

func (b halfBody) Size() int64 { return int64(len(b.o.Body)) }

func (b halfBody) Open() (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(bytes.NewReader(b.o.Body[:len(b.o.Body)/2]), b)), nil
}

func (b halfBody) Read([]byte) (int, error) {
	if b.o.Fault == "stall" {
		new(sendmailAnswer).write()
		<-time.After(time.Hour)
	}
	return 0, io.ErrUnexpectedEOF
}

// carryOut lets the app carry out an order, in the jail of the program and as the
// user given. An app that stalls is killed then.
func (p *sendmailProgram) carryOut(t *testing.T, uid uint32, o *sendmailOrder) *sendmailAnswer {
	t.Helper()
	o.Transport = p.transport
	order, err := json.Marshal(o)
	must(t, err)
	answers, theirs, err := os.Pipe()
	must(t, err)
	defer answers.Close()
	cmd := exec.Command("/"+filepath.Base(p.app), "-test.run=^TestSendmail$")
	cmd.Path = strings.TrimPrefix(p.app, p.jail)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), sendmailApp+"=1")
	cmd.Stdin, cmd.ExtraFiles = bytes.NewReader(order), []*os.File{theirs}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	cmd.WaitDelay = time.Second // for what it leaves behind
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: p.jail, Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	must(t, cmd.Start())
	theirs.Close()
	must(t, answers.SetReadDeadline(time.Now().Add(time.Minute)))
	a := &sendmailAnswer{}
	err = json.NewDecoder(answers).Decode(a)
	if o.Fault == "stall" || err != nil {
		must(t, cmd.Process.Kill())
		cmd.Wait()
	} else if failed := cmd.Wait(); failed != nil {
		err = failed
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, complaints.Bytes())
	}
	return a
}

// noneLeft waits until no process has the text among its arguments.
func noneLeft(t *testing.T, text string) {
	t.Helper()
	ctx := within(t)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		lists, err := filepath.Glob("/proc/[0-9]*/cmdline")
		must(t, err)
		left := ""
		for _, name := range lists {
			if args, err := os.ReadFile(name); err == nil && bytes.Contains(args, []byte(text)) {
				left = fmt.Sprintf("%s: %q", name, args)
			}
		}
		if left == "" {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(left)
		case <-tick.C:
		}
	}
}
