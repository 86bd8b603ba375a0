package realserver

import (
	"errors"
	"os"
	"path/filepath"
)

// Exim is a running Exim for the users of dest.test and sender.test. It offers
// CHUNKING, PIPELINING, DSN and SMTPUTF8, and takes as password only an answer by
// CRAM-MD5.
type Exim struct {
	server
	Maildirs
	CAFile     string // PEM of the CA that signed its certificate
	Submission int    // port of SMTP with STARTTLS, on which only who has logged in can send
	Clear      int    // port of SMTP in clear text, for everybody
	MX         int    // port of SMTP with STARTTLS, for everybody
}

// StartExim starts Exim and returns when its ports answer.
func StartExim() (*Exim, error) { return launch(startExim) }

func startExim() (*Exim, error) {
	e := &Exim{server: server{logs: []string{"log/mainlog", "log/rejectlog", "log/paniclog"}}}
	if err := e.jail(); err != nil {
		return e, err
	}
	e.Maildirs = Maildirs(filepath.Join(e.Dir, "mail"))
	tls := filepath.Join(e.Dir, "tls")
	e.CAFile = filepath.Join(tls, "ca.pem")
	if err := errors.Join(
		freePorts(&e.Submission, &e.Clear, &e.MX),
		e.folder("spool", 0o755, eximID),
		e.folder("etc/exim4", 0o755, 0),
		writeCertificates(tls),
		e.fill("exim.conf", "etc/exim4/exim4.conf", e),
		e.fill("exim.passwords", "etc/exim4/passwords", append([]User{Sender}, Recipients...)),
	); err != nil {
		return e, err
	}
	// Exim reads them anew for each session, as its own user.
	for _, name := range []string{"server.pem", "server.key"} {
		if err := os.Chown(filepath.Join(tls, name), eximID, -1); err != nil {
			return e, err
		}
	}
	if err := e.confine("/usr/sbin/exim4", "-bdf"); err != nil {
		return e, err
	}
	return e, e.process.answers(e.Submission, e.Clear, e.MX)
}
