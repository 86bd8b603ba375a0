//go:build integration

package integration_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// openssl runs the program, which has to succeed. It may print what it likes.
func openssl(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := tryOpenSSL(within(t), args...)
	must(t, err)
	return out
}

func tryOpenSSL(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "openssl", args...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("openssl %q: %w\n%s", args, err, complaints.Bytes())
	}
	return out, err
}

// gnupg is a gpgsm with a home of its own that trusts one root.
type gnupg struct{ home string }

var (
	theGnuPG  = map[string]*gnupg{} // by test, so that each ends with its agent
	gnupgLock sync.Mutex
)

func newGnuPG(t *testing.T, p *pki) *gnupg {
	t.Helper()
	gnupgLock.Lock()
	defer gnupgLock.Unlock()
	if g := theGnuPG[t.Name()]; g != nil {
		return g
	}
	// The path of a socket in it has to be short.
	home, err := os.MkdirTemp("", "gpgsm-")
	must(t, err)
	g := &gnupg{home}
	theGnuPG[t.Name()] = g
	t.Cleanup(func() {
		if out, err := exec.Command("gpgconf", "--homedir", home, "--kill", "all").CombinedOutput(); err != nil {
			t.Errorf("ending gpg-agent: %v\n%s", err, out)
		}
		must(t, os.RemoveAll(home))
	})
	trust := fmt.Sprintf("%X S relax\n", sha1.Sum(p.root.Raw))
	must(t, os.WriteFile(filepath.Join(home, "trustlist.txt"), []byte(trust), 0o600))
	must(t, os.WriteFile(filepath.Join(home, "gpgsm.conf"), []byte("disable-crl-checks\nno-greeting\nbatch\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(home, "gpg-agent.conf"), []byte("allow-loopback-pinentry\n"), 0o600))
	_, err = g.run(within(t), "--import", p.rootFile(t))
	must(t, err)
	return g
}

func (g *gnupg) run(ctx context.Context, args ...string) (status string, err error) {
	cmd := exec.CommandContext(ctx, "gpgsm", append([]string{"--homedir", g.home, "--status-fd", "1", "--pinentry-mode", "loopback"}, args...)...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("gpgsm %q: %w\n%s%s", args, err, out, complaints.Bytes())
	}
	return string(out), err
}

// verify judges a detached signature. The certificate has to be trusted.
func (g *gnupg) verify(ctx context.Context, entity, signature []byte) error {
	dir, err := os.MkdirTemp(g.home, "verify-")
	if err != nil {
		return err
	}
	content, sig := filepath.Join(dir, "content"), filepath.Join(dir, "sig")
	if err := errors.Join(os.WriteFile(content, entity, 0o600), os.WriteFile(sig, signature, 0o600)); err != nil {
		return err
	}
	status, err := g.run(ctx, "--verify", sig, content)
	if err == nil && (!strings.Contains(status, "[GNUPG:] GOODSIG ") || !strings.Contains(status, "[GNUPG:] TRUST_FULLY")) {
		err = fmt.Errorf("gpgsm doesn't say that the signature is good:\n%s", status)
	}
	return err
}

// judges are both programs.
type signatureJudges struct {
	gnupg *gnupg
	root  string
	pool  *x509.CertPool
}

func newSignatureJudges(t *testing.T) *signatureJudges {
	t.Helper()
	p := testPKI(t)
	pool := x509.NewCertPool()
	pool.AddCert(p.root)
	return &signatureJudges{newGnuPG(t, p), p.rootFile(t), pool}
}

// openssl returns the content of a signed mail as openssl sees it.
func (j *signatureJudges) openssl(ctx context.Context, t *testing.T, mail []byte) ([]byte, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mail.eml")
	must(t, os.WriteFile(file, mail, 0o600))
	return tryOpenSSL(ctx, "cms", "-verify", "-in", file, "-CAfile", j.root, "-purpose", "smimesign")
}

// verify lets both judge a mail that is multipart/signed. They must agree about
// what was signed.
func (j *signatureJudges) verify(ctx context.Context, t *testing.T, mail []byte) (content []byte, openSSL, gnuPG error) {
	t.Helper()
	entity, signature, err := cutSigned(mail)
	must(t, err)
	content, openSSL = j.openssl(ctx, t, mail)
	if openSSL == nil && !bytes.Equal(content, entity) {
		openSSL = fmt.Errorf("openssl sees another content:\n%q\n%q", content, entity)
	}
	return content, openSSL, j.gnupg.verify(ctx, entity, signature)
}

var boundaryPattern = regexp.MustCompile(`(?s)multipart/signed;[^:]*?boundary="([^"]+)"`)

// cutSigned takes a signed mail apart for gpgsm, which knows no MIME. Mails from
// a Maildir get back their CRLF.
func cutSigned(mail []byte) (entity, signature []byte, err error) {
	mail = withCRLF(mail)
	m := boundaryPattern.FindSubmatch(mail)
	if m == nil {
		return nil, nil, errors.New("there is no boundary")
	}
	parts := bytes.Split(mail, append([]byte("\r\n--"), m[1]...))
	if len(parts) != 4 {
		return nil, nil, fmt.Errorf("%d pieces", len(parts))
	}
	_, body, _ := bytes.Cut(parts[2], []byte("\r\n\r\n"))
	signature, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(string(body), "\r\n", ""))
	if err != nil {
		signature = body // spoilt; for the judge to say so
	}
	return bytes.TrimPrefix(parts[1], []byte("\r\n")), signature, nil
}

func withCRLF(mail []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(mail, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}
