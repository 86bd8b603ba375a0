//go:build integration

package integration_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/sendmail"
)

// sendmailProgram is a program that takes mail as Sendmail does, together with the
// server that the mail goes to.
type sendmailProgram struct {
	transport sendmail.Transport
	dropped   []string // what it can't be told of the wishes of a recipient
	reports   bool     // its server reports what was delivered
	boxes     realserver.Maildirs
	log       func() string // of the server, if it names only mails that it has taken
	user      uint32        // who may send with it, beside root
	jail      string        // the root folder in which it runs, or empty
	app       string        // the test binary, where the user can execute it
}

// copyApp copies the test binary into a folder that everybody can enter.
func copyApp(t *testing.T, folder string) string {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	from, err := os.Open(self)
	must(t, err)
	defer from.Close()
	to, err := os.OpenFile(filepath.Join(folder, "app"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	must(t, err)
	_, err = io.Copy(to, from)
	must(t, err)
	must(t, to.Close())
	return to.Name()
}

// openFolder is a scratch folder that everybody can enter.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "qdmail-sendmail-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

// postfixProgram is Postfix's sendmail, with the configuration of the suite's
// Postfix. Debian installs it under a name that doesn't tell.
func postfixProgram(t *testing.T) *sendmailProgram {
	t.Helper()
	host := startedHost(t)
	path, err := exec.Command("postconf", "-d", "-h", "sendmail_path").Output()
	must(t, err)
	return &sendmailProgram{
		transport: sendmail.Transport{
			Path:    strings.TrimSpace(string(path)),
			Args:    []string{"-C", filepath.Join(host.Dir, "postfix", "etc")},
			Program: sendmail.ProgramPostfix,
		},
		reports: true,
		boxes:   host.Maildirs(),
		log:     host.Log,
		app:     copyApp(t, openFolder(t)),
	}
}

// eximProgram is Exim as Debian installs it: setuid to root, and behind the name
// sendmail, which the zero Transport finds.
func eximProgram(t *testing.T) *sendmailProgram {
	t.Helper()
	exim := started(t, realserver.StartExim)
	sbin := filepath.Join(exim.Dir, "usr", "sbin")
	must(t, os.Chmod(filepath.Join(sbin, "exim4"), 0o755|os.ModeSetuid))
	must(t, os.RemoveAll(filepath.Join(sbin, "sendmail")))
	must(t, os.Symlink("exim4", filepath.Join(sbin, "sendmail")))
	return &sendmailProgram{
		dropped: []string{"DSN"},
		boxes:   exim.Maildirs,
		log:     exim.Log,
		user:    jailedUser,
		jail:    exim.Dir,
		app:     copyApp(t, exim.Dir),
	}
}

// openSMTPDProgram is OpenSMTPD's smtpctl as Debian installs it: setgid, and also
// behind the name sendmail.
func openSMTPDProgram(t *testing.T) *sendmailProgram {
	t.Helper()
	server := started(t, realserver.StartOpenSMTPD)
	smtpctl := filepath.Join(server.Dir, "usr", "sbin", "smtpctl")
	must(t, os.Chown(smtpctl, 0, groupOf(t, server.Dir, "opensmtpq")))
	must(t, os.Chmod(smtpctl, 0o755|os.ModeSetgid))
	return &sendmailProgram{
		dropped: []string{"DSN"}, // it would refuse the mail
		boxes:   server.Maildirs,
		user:    jailedUser,
		jail:    server.Dir,
		app:     copyApp(t, server.Dir),
	}
}

// groupOf returns the number of a group of a jail.
func groupOf(t *testing.T, jail, name string) int {
	t.Helper()
	groups, err := os.ReadFile(filepath.Join(jail, "etc", "group"))
	must(t, err)
	_, number, _ := strings.Cut("\n"+string(groups), "\n"+name+":x:")
	number, _, _ = strings.Cut(number, ":")
	id, err := strconv.Atoi(number)
	must(t, err)
	return id
}

// jailedUser is any user of a jail who isn't root.
const jailedUser = 61010

// msmtpProgram is msmtp, which sends through the suite's Postfix as the user given,
// with TLS.
func msmtpProgram(t *testing.T, u realserver.User) *sendmailProgram {
	t.Helper()
	host := startedHost(t)
	path, err := exec.LookPath("msmtp")
	must(t, err)
	dir := openFolder(t)
	return &sendmailProgram{
		transport: sendmail.Transport{Path: path, Args: []string{"-C", msmtpConfig(t, dir, host, host.Submission, u)}},
		dropped:   []string{"ENVID"},
		reports:   true,
		boxes:     host.Maildirs(),
		app:       copyApp(t, dir),
	}
}

func msmtpConfig(t *testing.T, dir string, host *realserver.Host, port int, u realserver.User) string {
	t.Helper()
	name := filepath.Join(dir, "msmtprc")
	config := fmt.Sprintf("account default\nhost 127.0.0.1\nport %d\ntls on\ntls_trust_file %s\nauth plain\nuser %s\npassword \"%s\"\n",
		port, host.CAFile, u.Address, u.Password)
	must(t, os.WriteFile(name, []byte(config), 0o600))
	return name
}

// paragraphs is a mail with a second paragraph behind a line that is a dot, and as
// long as no buffer between two processes holds.
func paragraphs() (id string, body []byte) {
	id = newMessageID()
	return id, []byte("From: " + realserver.Sender.Address + "\r\nTo: undisclosed-recipients:;\r\nSubject: two paragraphs\r\n" +
		"Date: Thu, 01 Jan 2026 09:00:00 +0900\r\nMessage-ID: <" + id + ">\r\n\r\nfirst\r\n.\r\nsecond\r\n..\r\n" +
		strings.Repeat(strings.Repeat("x", 70)+"\r\n", 6_000) + "end\r\n")
}

// eight are the addresses of eight recipients with one mailbox.
func eight(from string) *delivery.Envelope {
	env := &delivery.Envelope{From: from}
	local, domain, _ := strings.Cut(realserver.Recipients[0].Address, "@")
	for i := range 8 {
		env.Recipients = append(env.Recipients, delivery.Recipient{Address: fmt.Sprintf("%s+%d@%s", local, i, domain)})
	}
	return env
}

// overSendmail is a Mailer that sends through the program.
func overSendmail(tr sendmail.Transport, crlf bool) *qdmail.Mailer {
	tr.CRLF = crlf
	return &qdmail.Mailer{Transport: &tr}
}
