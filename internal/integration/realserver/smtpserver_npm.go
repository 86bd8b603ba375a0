package realserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// SMTPServer is a running smtp-server, a package of npm. It offers STARTTLS,
// XOAUTH2, REQUIRETLS, SMTPUTF8, DSN and PIPELINING, but not CHUNKING, and writes
// down what it is given.
type SMTPServer struct {
	server
	CAFile string // PEM of the CA that signed its certificate
	Token  string // the access token that it takes from Sender
	Port   int    // of SMTP with STARTTLS, on which only who has logged in can send
	Clear  int    // of SMTP in clear text, for everybody
}

// Given is a message as smtp-server got it.
type Given struct {
	User             string         // who has logged in
	TransmissionType string         // such as "ESMTPSA"
	TLS              bool           // the session had TLS
	RequireTLS       bool           // MAIL said REQUIRETLS
	UTF8             bool           // MAIL said SMTPUTF8
	From             GivenAddress   // of MAIL
	To               []GivenAddress // of each RCPT
	Body             []byte         // with CRLF line endings
}

// GivenAddress is a path of the envelope with its parameters. A parameter without
// a value is true.
type GivenAddress struct {
	Address string
	Args    map[string]any
}

// StartSMTPServer starts smtp-server, which picks its ports itself, and returns
// when it listens.
func StartSMTPServer() (*SMTPServer, error) { return launch(startSMTPServer) }

func startSMTPServer() (*SMTPServer, error) {
	s := &SMTPServer{Token: "ya29.a-token_of/OAuth~2.0+="}
	modules, err := installed("npm/node_modules")
	if err == nil {
		err = s.scratch()
	}
	if err != nil {
		return s, err
	}
	s.CAFile = filepath.Join(s.Dir, "ca.pem")
	program, err := conf.ReadFile("conf/smtpserver.js")
	if err == nil {
		err = os.WriteFile(filepath.Join(s.Dir, "smtpserver.js"), program, 0o644)
	}
	node, missing := find("node")
	if err := errors.Join(err, missing, writeCertificates(s.Dir)); err != nil {
		return s, err
	}
	cmd := exec.Command(node, "smtpserver.js", Sender.Address, s.Token)
	cmd.Dir = s.Dir
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	if s.process, err = startCommand("smtp-server", cmd); err != nil {
		return s, err
	}
	ready := regexp.MustCompile(`listening on (\d+) and (\d+)`)
	return s, s.process.until(func() bool {
		m := ready.FindStringSubmatch(s.process.output())
		if m == nil {
			return false
		}
		s.Port, _ = strconv.Atoi(m[1])
		s.Clear, _ = strconv.Atoi(m[2])
		return true
	})
}

// Given returns the messages that smtp-server has accepted so far, in their
// order.
func (s *SMTPServer) Given() ([]Given, error) {
	text, err := os.ReadFile(filepath.Join(s.Dir, "given.jsonl"))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Given
	for line := range bytes.Lines(text) {
		var g Given
		if err := json.Unmarshal(line, &g); err != nil {
			return nil, fmt.Errorf("given.jsonl: %w", err)
		}
		all = append(all, g)
	}
	return all, nil
}
