package realserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// server is what the servers beside Host have in common: one process that works
// in a scratch folder.
type server struct {
	Dir     string // scratch folder
	logs    []string
	process *process
}

// Stop ends the server by its own process id and removes the folder.
func (s *server) Stop() error {
	stopped := s.process.stop()
	// What the server has begun, such as a delivery, may end a little later.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var removed error
	poll(ctx, func() (bool, error) {
		removed = os.RemoveAll(s.Dir)
		return removed == nil, nil
	})
	return errors.Join(stopped, removed)
}

// Log returns what the server wrote about itself.
func (s *server) Log() string {
	var b strings.Builder
	for _, name := range s.logs {
		text, err := os.ReadFile(filepath.Join(s.Dir, name))
		if err != nil {
			text = []byte(err.Error())
		}
		fmt.Fprintf(&b, "--- %s\n%s\n", name, text)
	}
	if s.process != nil {
		fmt.Fprintf(&b, "--- output of %s\n%s\n", s.process.name, s.process.output())
	}
	return b.String()
}

// scratch makes the folder of the server, which other users may enter.
func (s *server) scratch() (err error) {
	if s.Dir, err = os.MkdirTemp("", "qdmail-server-"); err != nil {
		return err
	}
	return os.Chmod(s.Dir, 0o755)
}

// fill writes a file of the conf folder into the scratch folder, as a template
// that is filled in with data.
func (s *server) fill(name, to string, data any) error {
	t, err := template.ParseFS(conf, "conf/"+name)
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(s.Dir, to))
	if err != nil {
		return err
	}
	return errors.Join(t.Execute(f, data), f.Close())
}

// launch calls start up to three times, since a port may be taken by somebody
// else between being found free and being used.
func launch[S interface {
	Stop() error
	Log() string
}](start func() (S, error)) (s S, err error) {
	for range 3 {
		if s, err = start(); err == nil {
			return s, nil
		}
		err = fmt.Errorf("realserver: %w\n%s", err, s.Log())
		s.Stop()
	}
	return s, err
}

// freePorts sets each port to another free one. All are held open until the
// last is known, so that they differ.
func freePorts(ports ...*int) error {
	for _, p := range ports {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		*p = l.Addr().(*net.TCPAddr).Port
	}
	return nil
}

// installed returns the folder into which .ci/install-servers has put a server
// that Debian can't have beside the others.
func installed(name string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "qdmail-servers", name)
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("%s is not there; .ci/install-servers brings it: %w", name, err)
	}
	return dir, nil
}
