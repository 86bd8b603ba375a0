package realserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// The accounts of a jail, which needn't exist outside of it.
const (
	eximID      = 61000
	opensmtpdID = 61001
	opensmtpqID = 61002
	firstUserID = 61010 // of Sender; the Recipients follow
)

// jail makes the scratch folder of a server a root folder: with its program and
// the libraries it needs, and with accounts of its own. Servers that expect their
// files at certain places of the file system find them there, although nothing
// of them is installed.
func (s *server) jail() error {
	if os.Geteuid() != 0 {
		return errors.New("only root can change the root folder of a process")
	}
	from, err := installed("jail")
	if err != nil {
		return err
	}
	if err := s.scratch(); err != nil {
		return err
	}
	if err := os.CopyFS(s.Dir, os.DirFS(from)); err != nil {
		return err
	}
	return errors.Join(
		s.null(),
		s.folder("tmp", 0o1777, 0),
		s.folder("log", 0o755, eximID),
		s.folder("tls", 0o755, 0),
		s.folder("mail", 0o755, 0),
		s.folder("mail/dest.test", 0o1777, 0),
		s.folder("mail/sender.test", 0o1777, 0),
		s.accounts(),
	)
}

// null makes a file for /dev/null, which for those who only read it is as good as
// the device.
func (s *server) null() error {
	path := filepath.Join(s.Dir, "dev", "null")
	return errors.Join(s.folder("dev", 0o755, 0), os.WriteFile(path, nil, 0o666), os.Chmod(path, 0o666))
}

// folder makes a folder in the jail.
func (s *server) folder(name string, mode os.FileMode, owner int) error {
	path := filepath.Join(s.Dir, name)
	if mode&0o1000 != 0 {
		mode = mode.Perm() | os.ModeSticky
	}
	return errors.Join(os.MkdirAll(path, 0o755), os.Chmod(path, mode), os.Chown(path, owner, -1))
}

func (s *server) accounts() error {
	var users strings.Builder
	add := func(name string, id int) {
		fmt.Fprintf(&users, "%s:x:%d:%d::/:/bin/sh\n", name, id, id)
	}
	add("root", 0)
	add("Debian-exim", eximID)
	add("opensmtpd", opensmtpdID)
	add("opensmtpq", opensmtpqID)
	for i, u := range append([]User{Sender}, Recipients...) {
		local, _, _ := strings.Cut(u.Address, "@")
		add(local, firstUserID+i)
	}
	groups := fmt.Sprintf("root:x:0:\nmail:x:8:\nDebian-exim:x:%d:\nopensmtpd:x:%d:\nopensmtpq:x:%d:\n",
		eximID, opensmtpdID, opensmtpqID)
	return errors.Join(
		os.WriteFile(filepath.Join(s.Dir, "etc", "passwd"), []byte(users.String()), 0o644),
		os.WriteFile(filepath.Join(s.Dir, "etc", "group"), []byte(groups), 0o644),
	)
}

// confine starts a program of the jail inside of it.
func (s *server) confine(program string, args ...string) (err error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: s.Dir}
	s.process, err = startCommand(filepath.Base(program), cmd)
	return err
}
