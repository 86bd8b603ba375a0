package realserver

import (
	"errors"
	"path/filepath"
)

// OpenSMTPD is a running OpenSMTPD for the users of dest.test and sender.test, in
// clear text. It is the server with few extensions: neither PIPELINING nor
// CHUNKING nor SMTPUTF8.
type OpenSMTPD struct {
	server
	Maildirs
	Clear int // port of SMTP in clear text, for everybody
}

// StartOpenSMTPD starts OpenSMTPD and returns when its port answers.
func StartOpenSMTPD() (*OpenSMTPD, error) { return launch(startOpenSMTPD) }

func startOpenSMTPD() (*OpenSMTPD, error) {
	o := &OpenSMTPD{}
	if err := o.jail(); err != nil {
		return o, err
	}
	o.Maildirs = Maildirs(filepath.Join(o.Dir, "mail"))
	if err := errors.Join(
		freePorts(&o.Clear),
		o.folder("var/spool", 0o755, 0),
		o.folder("var/run", 0o755, 0),
		o.folder("var/empty", 0o711, 0),
		o.fill("smtpd.conf", "etc/smtpd.conf", o),
	); err != nil {
		return o, err
	}
	if err := o.confine("/usr/sbin/smtpd", "-d", "-F", "-f", "/etc/smtpd.conf"); err != nil {
		return o, err
	}
	return o, o.process.answers(o.Clear)
}
