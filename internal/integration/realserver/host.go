// Package realserver runs mail servers for the integration suite, all from scratch
// folders, on free loopback ports, with a CA of their own and without touching
// what is installed in /etc: Postfix with Dovecot, Exim, OpenSMTPD, Dovecot's
// submission server, smtp-server of npm and Postfix's smtp-sink.
//
// Postfix takes mail from authenticated users on a submission port (STARTTLS
// demanded) and on a port with implicit TLS, and delivers into the Maildirs of a
// few users of dest.test and sender.test; anybody else there is unknown to it. The
// users of dest.test also get the mail of mx.test, plain.test and dead.test, and of
// all domains below these.
// Nothing leaves the machine. Dovecot checks the passwords and serves the
// Maildirs over POP3. The programs have to be installed (Postfix 3.6 or later,
// Dovecot 2.3) and the caller has to be root, since Postfix changes its user.
//
// Read host.go, then process.go, maildir.go and certs.go; server.go, jail.go and
// a file for each other server; tap.go counts turns.
package realserver

import (
	"embed"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// nobody is the user that owns the Maildirs.
const nobody = 65534

// User is a mailbox and its owner's password.
type User struct{ Address, Password string }

// The mailboxes. Sender is the one that the suite logs in as; characters in its
// password mean something in a URL, in SASL and in a shell.
var (
	Sender     = User{"sales@sender.test", `p@ss/w?rd#%20&"+`}
	Recipients = []User{
		{"taro@dest.test", "taro's secret"},
		{"hanako@dest.test", "hanako's secret"},
		{"jiro@dest.test", "jiro's secret"},
	}
)

// Host is a running pair of servers.
type Host struct {
	Dir         string // scratch folder
	CAFile      string // PEM of the CA that signed the servers' certificate
	StrangerCA  string // PEM of a CA that signed nothing of theirs
	Submission  int    // port of SMTP that demands STARTTLS
	Submissions int    // port of SMTP with implicit TLS
	POP3S       int    // port of POP3 with implicit TLS

	dovecot, postfix *process
}

//go:embed conf
var conf embed.FS

// Start makes a scratch folder, writes the configuration and starts both
// servers. It returns when all ports answer. A port that somebody else took in
// the meantime costs another attempt, of which there are three.
func Start() (*Host, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("realserver: only root can start Postfix")
	}
	for _, name := range []string{"postfix", "dovecot"} {
		if _, err := find(name); err != nil {
			return nil, fmt.Errorf("realserver: %w", err)
		}
	}
	var err error
	for range 3 {
		var h *Host
		if h, err = start(); err == nil {
			return h, nil
		}
		err = fmt.Errorf("realserver: %w\n%s", err, h.Log())
		h.Stop()
	}
	return nil, err
}

func start() (h *Host, err error) {
	h = &Host{}
	if h.Dir, err = os.MkdirTemp("", "qdmail-servers-"); err != nil {
		return h, err
	}
	h.CAFile = filepath.Join(h.Dir, "tls", "ca.pem")
	h.StrangerCA = filepath.Join(h.Dir, "tls", "stranger.pem")
	if err := freePorts(&h.Submission, &h.Submissions, &h.POP3S); err != nil {
		return h, err
	}
	if err := h.folders(); err != nil {
		return h, err
	}
	if err := writeCertificates(filepath.Join(h.Dir, "tls")); err != nil {
		return h, err
	}
	for name, to := range map[string]string{
		"main.cf": "postfix/etc", "master.cf": "postfix/etc", "aliases": "postfix/etc",
		"dovecot.conf": "dovecot", "users": "dovecot",
		"oauth2.conf.ext": "dovecot", "token.key": "dovecot/keys/default/HS256",
	} {
		if err := h.fill(name, filepath.Join(h.Dir, to, name)); err != nil {
			return h, err
		}
	}
	return h, h.run()
}

// run starts Postfix first, since it makes the folder of the socket that Dovecot
// then listens on.
func (h *Host) run() (err error) {
	etc := filepath.Join(h.Dir, "postfix", "etc")
	h.postfix, err = startProcess("postfix", "-c", etc, "start-fg")
	if err != nil {
		return err
	}
	h.postfix.pidFile = filepath.Join(h.Dir, "postfix", "spool", "pid", "master.pid")
	if err := h.postfix.answers(h.Submission, h.Submissions); err != nil {
		return err
	}
	h.dovecot, err = startProcess("dovecot", "-F", "-c", filepath.Join(h.Dir, "dovecot", "dovecot.conf"))
	if err != nil {
		return err
	}
	if err := h.dovecot.answers(h.POP3S); err != nil {
		return err
	}
	// Postfix asks Dovecot for every EHLO, and ends if it isn't there yet.
	return h.dovecot.answersAt(filepath.Join(h.Dir, "postfix", "spool", "private", "auth"))
}

// Stop ends both servers by their own process ids and removes the folder.
func (h *Host) Stop() error {
	return errors.Join(h.dovecot.stop(), h.postfix.stop(), os.RemoveAll(h.Dir))
}

// Log returns what the servers wrote about themselves.
func (h *Host) Log() string {
	var b strings.Builder
	for _, name := range []string{"postfix/log/mail.log", "dovecot/dovecot.log"} {
		text, err := os.ReadFile(filepath.Join(h.Dir, name))
		if err != nil {
			text = []byte(err.Error())
		}
		fmt.Fprintf(&b, "--- %s\n%s\n", name, text)
	}
	for _, p := range []*process{h.postfix, h.dovecot} {
		if p != nil {
			fmt.Fprintf(&b, "--- output of %s\n%s\n", p.name, p.output())
		}
	}
	return b.String()
}

// URL returns the address of the relay, with the credentials of u and the query
// given, such as "tls=starttls".
func (h *Host) URL(scheme string, u User, query url.Values) string {
	port := h.Submission
	if scheme == "smtps" {
		port = h.Submissions
	}
	out := url.URL{
		Scheme:   scheme,
		User:     url.UserPassword(u.Address, u.Password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		RawQuery: query.Encode(),
	}
	return out.String()
}

func (h *Host) folders() error {
	// The servers' users have to get through to their own folders.
	if err := os.Chmod(h.Dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{
		"tls", "mail", "postfix/etc", "postfix/spool", "postfix/data", "postfix/log",
		"dovecot/run", "dovecot/state", "dovecot/keys/default/HS256",
	} {
		if err := os.MkdirAll(filepath.Join(h.Dir, name), 0o755); err != nil {
			return err
		}
	}
	postfix, err := userID("postfix")
	if err != nil {
		return err
	}
	return errors.Join(
		os.Chown(filepath.Join(h.Dir, "mail"), nobody, nobody),
		os.Chown(filepath.Join(h.Dir, "postfix", "data"), postfix, -1),
	)
}

func (h *Host) fill(name, to string) error {
	t, err := template.New(name).Funcs(template.FuncMap{"maildir": maildir}).ParseFS(conf, "conf/"+name)
	if err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	err = t.Execute(f, struct {
		*Host
		Users []User
		UID   int
	}{h, append([]User{Sender}, Recipients...), nobody})
	return errors.Join(err, f.Close())
}

// patience is how long a server may take to come up or to end.
const patience = 30 * time.Second
