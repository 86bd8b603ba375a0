package realserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// OpenClear makes Postfix listen on more ports, on which it takes mail for its
// own users from everybody, in clear text, and returns them when they answer. One
// is opened for each list of settings, "name=value" without blanks, that hold for
// that port alone. The other ports serve on meanwhile. Calls must not overlap.
func (h *Host) OpenClear(settings ...[]string) (ports []int, err error) {
	etc := filepath.Join(h.Dir, "postfix", "etc")
	var services strings.Builder
	ports = make([]int, len(settings))
	var set []*int
	for i := range ports {
		set = append(set, &ports[i])
	}
	if err := freePorts(set...); err != nil {
		return nil, err
	}
	for i, own := range settings {
		fmt.Fprintf(&services, "127.0.0.1:%d inet n - n - - smtpd -o smtpd_sasl_auth_enable=no"+
			" -o smtpd_tls_security_level=none -o smtpd_relay_restrictions=reject_unauth_destination", ports[i])
		for _, setting := range own {
			services.WriteString(" -o " + setting)
		}
		services.WriteByte('\n')
	}
	if err := appendFile(filepath.Join(etc, "master.cf"), services.String()); err != nil {
		return nil, err
	}
	postfix, err := find("postfix")
	if err != nil {
		return nil, err
	}
	if out, err := exec.Command(postfix, "-c", etc, "reload").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("postfix reload: %w\n%s", err, out)
	}
	return ports, h.postfix.answers(ports...)
}

func appendFile(name, text string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
