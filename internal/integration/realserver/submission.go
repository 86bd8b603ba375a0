package realserver

import (
	"errors"
	"os"
	"path/filepath"
)

// Submission is a running submission server of Dovecot, which passes on to a
// Host what it is given by who has logged in. It offers STARTTLS, SCRAM, CHUNKING
// and PIPELINING, but neither DSN nor SMTPUTF8.
type Submission struct {
	server
	Host  *Host
	Relay User // as whom it logs in at the Host
	Port  int
}

// StartSubmission starts Dovecot and returns when its port answers. The host
// must outlive it.
func StartSubmission(host *Host) (*Submission, error) {
	return launch(func() (*Submission, error) { return startSubmission(host) })
}

func startSubmission(host *Host) (*Submission, error) {
	s := &Submission{server: server{logs: []string{"dovecot.log"}}, Host: host, Relay: Recipients[0]}
	if err := s.scratch(); err != nil {
		return s, err
	}
	users := filepath.Join(s.Dir, "users")
	if err := errors.Join(
		freePorts(&s.Port),
		os.WriteFile(users, []byte(Sender.Address+":{PLAIN}"+Sender.Password+"\n"), 0o644),
		s.fill("submission.conf", "dovecot.conf", s),
	); err != nil {
		return s, err
	}
	var err error
	if s.process, err = startProcess("dovecot", "-F", "-c", filepath.Join(s.Dir, "dovecot.conf")); err != nil {
		return s, err
	}
	return s, s.process.answers(s.Port)
}
