//go:build integration

package integration_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/qdmail/qdmail/internal/integration/realserver"
)

// internet is what TestMX delivers in: names that are signed and validated, hosts
// that take the mail for them, and a relay, each of them the real thing. Only where
// the addresses in the DNS lead is chosen by each scenario, since nobody has them.
type internet struct {
	resolver string           // Unbound
	relay    *realserver.Host // the Postfix that wants a password
	postfix  *realserver.Host // another one, which takes mail from everybody
	exim     *realserver.Exim
	ports    map[string]int // of that Postfix; each has a name and a TLS of its own
	greylist *greylist
	policies int // where policies of MTA-STS are to be had
	roots    *x509.CertPool
}

// startInternet starts all that is shared by the scenarios.
func startInternet(t *testing.T) *internet {
	t.Helper()
	in := &internet{roots: x509.NewCertPool(), greylist: startGreylist(t)}
	var starting sync.WaitGroup
	starting.Go(func() { servers() })
	defer starting.Wait()
	root := issueDANE(t, nil, asCA("root"))
	inter := issueDANE(t, root, asCA("inter"))
	in.roots.AddCert(root.Certificate)
	good := issueDANE(t, inter, forNames(hostNames()...))
	in.startPostfix(t, map[string][]*daneCert{
		"good":     {good, inter, root},
		"stranger": {issueDANE(t, inter, forNames("mx.elsewhere.test")), inter},
	})
	in.exim = started(t, realserver.StartExim)
	in.policies = startPolicies(t, issueDANE(t, inter, forNames(policyNames()...)), inter)
	in.startZones(t, good, root)
	in.relay = startedHost(t)
	return in
}

// startPostfix starts a Postfix that listens as several hosts, some of which show
// the certificates given.
func (in *internet) startPostfix(t *testing.T, certs map[string][]*daneCert) {
	t.Helper()
	const offered = "smtpd_tls_security_level=may"
	settings := map[string][]string{
		"clear":   nil,
		"data":    {"smtpd_discard_ehlo_keywords=chunking"},
		"grey":    {"smtpd_recipient_restrictions=check_policy_service,inet:" + local(in.greylist.port)},
		"old":     {offered, "smtpd_tls_protocols=TLSv1"}, // which nobody takes any more
		"keyless": {offered, "smtpd_tls_cert_file=/nowhere.pem", "smtpd_tls_key_file=/nowhere.pem"},
	}
	dir := t.TempDir()
	for name, chain := range certs {
		file := filepath.Join(dir, name+".pem")
		must(t, os.WriteFile(file, chainPEM(t, chain), 0o600))
		settings[name] = []string{offered, "smtpd_tls_chain_files=" + file}
	}
	names := slices.Sorted(maps.Keys(settings))
	var all [][]string
	for _, name := range names {
		all = append(all, append(settings[name], "myhostname="+name+".postfix.test"))
	}
	in.ports = map[string]int{}
	in.postfix = started(t, func() (host *realserver.Host, err error) {
		for range 3 { // somebody else may take a port before Postfix does, which ends it
			if host, err = realserver.Start(); err != nil {
				return host, err
			}
			var ports []int
			if ports, err = host.OpenClear(all...); err == nil {
				for i, name := range names {
					in.ports[name] = ports[i]
				}
				return host, nil
			}
			err = errors.Join(err, host.Stop())
		}
		return host, err
	})
}

// local is the address of a port of this machine.
func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// chainPEM is a key with its chain as servers read it.
func chainPEM(t *testing.T, chain []*daneCert) []byte {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(chain[0].key)
	must(t, err)
	var b bytes.Buffer
	must(t, pem.Encode(&b, &pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	for _, c := range chain {
		must(t, pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.Bytes()
}

// eximCert is the certificate that Exim shows.
func (in *internet) eximCert(t *testing.T) *daneCert {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(in.exim.Dir, "tls", "server.pem"))
	must(t, err)
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	return &daneCert{Certificate: cert}
}

// stored counts at all servers how many times they have kept a mail. Those of
// Postfix have the names of its ports, and sinks those of the hosts.
func (s *scene) stored(t *testing.T, id string) map[string]int {
	t.Helper()
	n := map[string]int{}
	for name, sink := range s.sinks {
		dumps, err := sink.Dumps()
		must(t, err)
		for _, d := range dumps {
			if bytes.Contains(d.Body, []byte(id)) {
				n[name] += len(d.Rcpts)
			}
		}
	}
	for _, mail := range delivered(t, s.postfix, id) {
		_, by, _ := strings.Cut(mail, "\n\tby ")
		name, _, _ := strings.Cut(by, ".postfix.test ")
		n[name]++
	}
	if k := len(delivered(t, s.relay, id)); k > 0 {
		n["relay"] = k
	}
	for line := range strings.Lines(s.exim.Log()) { // written before Exim says that it has the mail
		if strings.Contains(line, " <= ") && strings.Contains(line, " id="+id) {
			n["exim"]++
		}
	}
	return n
}

// delivered returns the mails of anybody at a Postfix that have the token in them,
// bounces too, when it has nothing left to deliver.
func delivered(t *testing.T, host *realserver.Host, token string) []string {
	t.Helper()
	must(t, host.Drain(within(t)))
	var mails []string
	for _, u := range append([]realserver.User{realserver.Sender}, realserver.Recipients...) {
		files, err := host.Maildirs().Search(u, realserver.Contains(token))
		must(t, err)
		for _, file := range files {
			mail, err := os.ReadFile(file)
			must(t, err)
			mails = append(mails, string(mail))
		}
	}
	return mails
}
