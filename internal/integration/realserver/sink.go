package realserver

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Sink is a running smtp-sink, Postfix's test server, which fails as its flags
// say. It knows neither TLS nor CHUNKING.
type Sink struct {
	server
	Port int
}

// StartSink starts smtp-sink with the flags given and returns when it listens.
// Mail for all domains is taken and kept.
func StartSink(flags ...string) (*Sink, error) {
	return launch(func() (*Sink, error) {
		s := &Sink{}
		if err := freePorts(&s.Port); err != nil {
			return s, err
		}
		return s, s.start(flags)
	})
}

// Restart ends the server with all its connections and starts it again on the
// same port, with other flags.
func (s *Sink) Restart(flags ...string) error {
	if err := s.Stop(); err != nil {
		return err
	}
	return s.start(flags)
}

func (s *Sink) start(flags []string) error {
	if err := s.scratch(); err != nil {
		return err
	}
	if err := os.Chown(s.Dir, nobody, -1); err != nil {
		return err
	}
	// The name of the dumps is a template of strftime(3), for which the path of a
	// scratch folder has nothing.
	args := append([]string{"-u", "nobody", "-h", "sink.test", "-d", filepath.Join(s.Dir, "mail.")}, flags...)
	args = append(args, net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)), "100")
	var err error
	if s.process, err = startProcess("smtp-sink", args...); err != nil {
		return err
	}
	// Not by connecting, which would count as a session.
	return s.process.until(func() bool { return listens(s.Port) })
}

// listens reports whether a port of the loopback interface is listened on,
// without connecting to it.
func listens(port int) bool {
	table, err := os.ReadFile("/proc/net/tcp")
	return err == nil && strings.Contains(string(table), fmt.Sprintf(" 0100007F:%04X 00000000:0000 0A ", port))
}

// Dump is a message as smtp-sink got it.
type Dump struct {
	Mail  string   // the arguments of MAIL
	Rcpts []string // the arguments of each RCPT
	Body  []byte   // with LF line endings
}

// Dumps returns the messages of which something has arrived, in any order.
func (s *Sink) Dumps() ([]Dump, error) {
	files, err := filepath.Glob(filepath.Join(s.Dir, "mail.*"))
	if err != nil {
		return nil, err
	}
	var dumps []Dump
	for _, file := range files {
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue // a message that was given up meanwhile
		}
		if err != nil {
			return nil, err
		}
		if d, ok := readDump(text); ok {
			dumps = append(dumps, d)
		}
	}
	return dumps, nil
}

// readDump takes the fields off that smtp-sink puts before the message, and the
// empty line that it adds. It writes the first of them at MAIL; ok says that the
// message has come.
func readDump(text []byte) (d Dump, ok bool) {
	for {
		line, rest, found := bytes.Cut(text, []byte("\n"))
		if !found {
			return d, false
		}
		text = rest
		name, value, _ := strings.Cut(string(line), ": ")
		switch name {
		case "X-Mail-Args":
			d.Mail = value
		case "X-Rcpt-Args":
			d.Rcpts = append(d.Rcpts, value)
		case "Received":
			for len(text) > 0 && (text[0] == ' ' || text[0] == '\t') {
				_, text, _ = bytes.Cut(text, []byte("\n"))
			}
			d.Body = bytes.TrimSuffix(text, []byte("\n"))
			return d, true
		}
	}
}
