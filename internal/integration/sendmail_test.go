//go:build integration

package integration_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/integration/realserver"
)

// TestSendmail sends through the programs of four mail servers.
func TestSendmail(t *testing.T) {
	if os.Getenv(sendmailApp) != "" {
		playSendmailApp()
		return
	}
	for name, program := range map[string]func(t *testing.T) *sendmailProgram{
		"Postfix":   postfixProgram,
		"Exim":      eximProgram,
		"OpenSMTPD": openSMTPDProgram,
		"msmtp":     func(t *testing.T) *sendmailProgram { return msmtpProgram(t, realserver.Recipients[0]) },
	} {
		t.Run(name, func(t *testing.T) {
			p := program(t)
			t.Run("eight recipients", p.testEight)
			t.Run("null reverse-path", p.testBounce)
			for _, fault := range []string{"veto", "unreadable", "stall"} {
				t.Run(fault, func(t *testing.T) { p.testUnfinished(t, fault) })
			}
		})
	}
}

// testEight sends to eight, of whom four want to know that they got it. Each gets
// all of the mail once, and nobody else gets any.
func (p *sendmailProgram) testEight(t *testing.T) {
	id, body := paragraphs()
	env := eight(realserver.Sender.Address)
	env.DSN = delivery.DSN{RET: delivery.RETHeaders, ENVID: "QQ=" + id}
	for i := range 4 {
		env.Recipients[i].Notify = delivery.NotifySuccess
	}
	a := p.carryOut(t, 0, &sendmailOrder{Envelope: env, Body: body})
	p.wantAccepted(t, a, 8)
	var dropped []string
	for range env.Recipients {
		dropped = append(dropped, p.dropped...)
	}
	if !slices.Equal(a.Dropped, dropped) {
		t.Errorf("dropped %q, want %q", a.Dropped, dropped)
	}
	p.wantCopies(t, id, body, 8)
	if !p.reports {
		return
	}
	delivered := 0
	for delivered < 4 {
		files, err := p.boxes.Await(within(t), realserver.Sender, 1, realserver.Contains(id))
		must(t, err)
		delivered = 0
		for _, file := range files {
			report, err := os.ReadFile(file)
			must(t, err)
			delivered += len(bytes.Split(bytes.ToLower(report), []byte("\naction: delivered"))) - 1
		}
	}
	if delivered != 4 {
		t.Errorf("%d deliveries are reported, want 4", delivered)
	}
}

// testBounce sends what nobody wants a bounce of.
func (p *sendmailProgram) testBounce(t *testing.T) {
	id, body := paragraphs()
	env := eight("")
	env.Recipients = env.Recipients[:1]
	p.wantAccepted(t, p.carryOut(t, 0, &sendmailOrder{Envelope: env, Body: body}), 1)
	mail := strings.ToLower(string(p.wantCopies(t, id, body, 1)[0]))
	if strings.Contains(mail, "return-path:") && !strings.Contains(mail, "return-path: <>\n") { // OpenSMTPD has none
		t.Error(clip(mail))
	}
}

// testUnfinished begins a mail that never becomes complete: because of a veto, of
// a body that can't be read, or because the sender itself is killed. Nothing of it
// may arrive, whoever sends, even if the program can't be killed.
func (p *sendmailProgram) testUnfinished(t *testing.T, fault string) {
	id, body := paragraphs()
	env := eight("broken-" + strings.ToLower(id))
	a := p.carryOut(t, p.user, &sendmailOrder{Envelope: env, Body: body, Fault: fault})
	if fault != "stall" {
		for _, o := range a.Outcomes {
			if o != delivery.NotSent {
				t.Errorf("%v: %s", o, a.Errors)
			}
		}
		if len(a.Outcomes) != 8 {
			t.Errorf("%d outcomes", len(a.Outcomes))
		}
	}
	noneLeft(t, env.From)
	// What comes later arrives first, or with it.
	later, body := paragraphs()
	env = eight(realserver.Sender.Address)
	env.Recipients = env.Recipients[:1]
	p.wantAccepted(t, p.carryOut(t, 0, &sendmailOrder{Envelope: env, Body: body}), 1)
	p.wantCopies(t, later, body, 1)
	for _, u := range append([]realserver.User{realserver.Sender}, realserver.Recipients...) {
		files, err := p.boxes.Search(u, realserver.Contains(id))
		must(t, err)
		if len(files) > 0 {
			t.Errorf("%s got %q", u.Address, files)
		}
	}
	if p.log != nil && strings.Contains(p.log(), id) {
		t.Errorf("the server has taken the mail <%s>", id)
	}
}

func (p *sendmailProgram) wantAccepted(t *testing.T, a *sendmailAnswer, n int) {
	t.Helper()
	if !slices.Equal(a.Outcomes, slices.Repeat([]delivery.Outcome{delivery.Accepted}, n)) {
		t.Fatalf("%v: %s", a.Outcomes, a.Errors)
	}
}

// wantCopies waits for n copies of a mail and compares them with what was sent.
func (p *sendmailProgram) wantCopies(t *testing.T, id string, body []byte, n int) (mails [][]byte) {
	t.Helper()
	files, err := p.boxes.Await(within(t), realserver.Recipients[0], n, realserver.HasID(id))
	must(t, err)
	if len(files) != n {
		t.Errorf("%d copies arrived, want %d", len(files), n)
	}
	_, want, _ := bytes.Cut(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
	for _, file := range files {
		mail, err := os.ReadFile(file)
		must(t, err)
		mails = append(mails, mail)
		if _, got, _ := bytes.Cut(mail, []byte("\n\n")); !bytes.Equal(got, want) {
			t.Errorf("%d octets arrived, %d were sent: %q", len(got), len(want), clip(string(got)))
		}
	}
	return mails
}

// TestSendmailMsmtp has msmtp refuse what its server refuses.
func TestSendmailMsmtp(t *testing.T) {
	p := msmtpProgram(t, realserver.Recipients[0])
	id, body := paragraphs()
	env := eight(realserver.Sender.Address)
	env.Recipients = append(env.Recipients[:1], delivery.Recipient{Address: "nobody@dest.test"}, env.Recipients[1])
	a := p.carryOut(t, 0, &sendmailOrder{Envelope: env, Body: body})
	if got := fmt.Sprint(a.Outcomes); got != "[accepted rejected accepted]" || a.Code != 65 || !strings.Contains(a.Errors, "550 5.1.1") {
		t.Errorf("%s, %d, %s", got, a.Code, a.Errors)
	}
	p.wantCopies(t, id, body, 2)

	thief := realserver.User{Address: realserver.Sender.Address, Password: "wrong-secret"}
	a = msmtpProgram(t, thief).carryOut(t, 0, &sendmailOrder{Envelope: env, Body: body})
	if got := fmt.Sprint(a.Outcomes); got != "[not sent not sent not sent]" || a.Code != 77 || strings.Contains(a.Errors, thief.Password) {
		t.Errorf("wrong password: %s, %d, %s", got, a.Code, a.Errors)
	}

	closed, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	port := closed.Addr().(*net.TCPAddr).Port
	must(t, closed.Close())
	host := startedHost(t)
	p.transport.Args = []string{"-C", msmtpConfig(t, openFolder(t), host, port, realserver.Sender)}
	a = p.carryOut(t, 0, &sendmailOrder{Envelope: env, Body: body})
	if got := fmt.Sprint(a.Outcomes); got != "[deferred deferred deferred]" || a.Code != 75 {
		t.Errorf("no server: %s, %d, %s", got, a.Code, a.Errors)
	}
}

// TestSendmailLetter takes a mail with everything through Postfix's program, and
// has others read what arrives.
func TestSendmailLetter(t *testing.T) {
	host := startedHost(t)
	p := postfixProgram(t)
	for _, crlf := range []bool{false, true} {
		mailer := overSendmail(p.transport, crlf)
		for _, m := range deliver(t, host, mailer, order(t)) {
			wantJapanese(t, m)
		}
	}
}
