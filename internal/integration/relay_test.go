//go:build integration

package integration_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/integration/realserver"
	"github.com/qdmail/qdmail/smtp"
)

// started starts a server that is stopped after the test, and whose log is shown
// if the test fails.
func started[S interface {
	Stop() error
	Log() string
}](t *testing.T, start func() (S, error)) S {
	t.Helper()
	s, err := start()
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.Log())
		}
		must(t, s.Stop())
	})
	return s
}

// clearPorts are ports of Postfix in clear text.
type clearPorts struct {
	plain       int // with all that Postfix offers
	noChunking  int // without CHUNKING
	noExtension int // without CHUNKING and PIPELINING
	credulous   int // takes mail for users that there aren't
}

var openClearPorts = sync.OnceValues(func() (clearPorts, error) {
	host, err := servers()
	if err != nil {
		return clearPorts{}, err
	}
	ports, err := host.OpenClear(
		nil,
		[]string{"smtpd_discard_ehlo_keywords=chunking"},
		[]string{"smtpd_discard_ehlo_keywords=chunking,pipelining"},
		[]string{"smtpd_reject_unlisted_recipient=no"},
	)
	if err != nil {
		return clearPorts{}, err
	}
	return clearPorts{ports[0], ports[1], ports[2], ports[3]}, nil
})

func clearPostfix(t *testing.T) clearPorts {
	t.Helper()
	ports, err := openClearPorts()
	must(t, err)
	return ports
}

// relayTo returns a Relay to a port of this machine, after fill has set what it
// wants to. The Relay is closed after the test.
func relayTo(t *testing.T, port int, fill func(r *smtp.Relay)) *smtp.Relay {
	t.Helper()
	r := &smtp.Relay{
		Addr:      net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		LocalName: "client.test",
		Timeouts:  smtp.InteractiveTimeouts(),
	}
	if fill != nil {
		fill(r)
	}
	t.Cleanup(func() { must(t, r.Close()) })
	return r
}

// loggedIn makes a Relay log in as u over TLS, with a certificate of the CA.
func loggedIn(t *testing.T, u realserver.User, mode smtp.TLSMode, caFile string, mechanisms ...string) func(r *smtp.Relay) {
	t.Helper()
	config := trusting(t, caFile)
	return func(r *smtp.Relay) {
		r.Username, r.Password = u.Address, u.Password
		r.TLS, r.TLSConfig, r.Mechanisms = mode, config, mechanisms
	}
}

func trusting(t *testing.T, caFile string) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(caFile)
	must(t, err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate in ", caFile)
	}
	return &tls.Config{RootCAs: roots}
}

// trail is what the hooks tell of a conversation.
type trail struct {
	mu       sync.Mutex
	commands []string
	tls      string
}

func (tr *trail) watch(ctx context.Context) context.Context {
	return delivery.WithHooks(ctx, &delivery.Hooks{
		Command: func(_ context.Context, line string) {
			tr.mu.Lock()
			defer tr.mu.Unlock()
			tr.commands = append(tr.commands, line)
		},
		TLS: func(_ context.Context, version, _ string) {
			tr.mu.Lock()
			defer tr.mu.Unlock()
			tr.tls = version
		},
	})
}

// said reports whether a command began with the words.
func (tr *trail) said(words string) bool { return tr.count(words) > 0 }

// count returns how many commands began with the words.
func (tr *trail) count(words string) int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	n := 0
	for _, line := range tr.commands {
		if strings.HasPrefix(line, words) {
			n++
		}
	}
	return n
}

// post is a mail for the transport alone: it says where it is going, and what
// arrives must be the same octet by octet.
type post struct {
	id   string
	body delivery.BytesBody
}

// newPost returns a mail with the content given, in CRLF lines.
func newPost(content string) post {
	id := newMessageID()
	return post{id, delivery.BytesBody("From: sales@sender.test\r\n" +
		"To: undisclosed-recipients:;\r\n" +
		"Subject: by relay\r\n" +
		"Date: Thu, 01 Jan 2026 09:00:00 +0900\r\n" +
		"Message-ID: <" + id + ">\r\n" +
		"\r\n" + content)}
}

// contents are mails that a transport might spoil.
var contents = map[string]string{
	"nothing":      "",
	"a line":       "hello\r\n",
	"dots":         ".\r\n..\r\n.x\r\n\r\n.\r\n",
	"looks ended":  "a\r\n.\r\nMAIL FROM:<>\r\nQUIT\r\n",
	"empty lines":  "\r\n\r\n\r\n",
	"longest line": strings.Repeat("x", 998) + "\r\n",
	"stuffed line": "." + strings.Repeat("x", 997) + "\r\n",
	"one chunk":    lined(60 << 10),
	"many blocks":  lined(1<<20 + 1),
}

// lined returns a text of n octets, at least 74, with many dots at the start of lines.
func lined(n int) string {
	line := strings.Repeat(".", 70) + "\r\n"
	return strings.Repeat("x", n%len(line)) + "\r\n" + strings.Repeat(line, n/len(line))[2:]
}

// envelope addresses a mail of Sender's.
func envelope(rcpts ...string) *delivery.Envelope {
	env := &delivery.Envelope{From: realserver.Sender.Address}
	for _, address := range rcpts {
		env.Recipients = append(env.Recipients, delivery.Recipient{Address: address})
	}
	return env
}

// everybody are the addresses of the Recipients.
func everybody() []string {
	var all []string
	for _, u := range realserver.Recipients {
		all = append(all, u.Address)
	}
	return all
}

// many returns n addresses of one mailbox.
func many(n int) []string {
	local, domain, _ := strings.Cut(realserver.Recipients[0].Address, "@")
	all := make([]string, n)
	for i := range all {
		all[i] = local + "+" + strconv.Itoa(i) + "@" + domain
	}
	return all
}

// send sends the mail and wants the outcome for each recipient.
func (p post) send(t *testing.T, ctx context.Context, r *smtp.Relay, env *delivery.Envelope, want delivery.Outcome) *delivery.Result {
	t.Helper()
	res, err := r.Send(ctx, env, p.body)
	if len(res.Recipients) != len(env.Recipients) {
		t.Fatalf("%d outcomes for %d recipients", len(res.Recipients), len(env.Recipients))
	}
	for _, rcpt := range res.Recipients {
		if rcpt.Outcome != want {
			t.Fatalf("%s: %v, want %v: %v", rcpt.Address, rcpt.Outcome, want, err)
		}
	}
	return res
}

// wantAt waits until the mail is in the mailbox of each recipient and compares it
// with what was sent.
func (p post) wantAt(t *testing.T, boxes realserver.Maildirs, rcpts ...string) {
	t.Helper()
	for _, address := range rcpts {
		files, err := boxes.Await(within(t), realserver.User{Address: address}, 1, realserver.HasID(p.id))
		must(t, err)
		if len(files) > 1 {
			t.Errorf("%s got the mail %d times", address, len(files))
		}
		arrived, err := os.ReadFile(files[0])
		must(t, err)
		p.compare(t, arrived)
	}
}

// compare wants a mail that was delivered, in LF lines, to be what was sent, with
// nothing but traces of the way before it.
func (p post) compare(t *testing.T, arrived []byte) {
	t.Helper()
	sent := bytes.ReplaceAll(p.body, []byte("\r\n"), []byte("\n"))
	traces, found := bytes.CutSuffix(arrived, sent)
	if !found {
		t.Errorf("%d octets with sum %s arrived, %d with sum %s were sent:\n%s",
			len(arrived), sum(arrived), len(sent), sum(sent), clip(string(arrived)))
		return
	}
	for line := range strings.Lines(string(traces)) {
		name, _, _ := strings.Cut(strings.ToLower(line), ":")
		if line[0] != ' ' && line[0] != '\t' && !slices.Contains([]string{"return-path", "received", "delivered-to", "x-original-to"}, name) {
			t.Errorf("arrived with the field %q", line)
		}
	}
}

// received returns what the last server wrote about how it got the mail.
func (p post) received(t *testing.T, boxes realserver.Maildirs, address string) string {
	t.Helper()
	files, err := boxes.Await(within(t), realserver.User{Address: address}, 1, realserver.HasID(p.id))
	must(t, err)
	mail, err := os.ReadFile(files[0])
	must(t, err)
	_, after, found := strings.Cut(string(mail), "\nReceived: ")
	if !found {
		t.Fatal("the mail has no Received field")
	}
	return after
}

// isAll reports whether every recipient failed by the error.
func isAll(res *delivery.Result, want error) bool {
	return !slices.ContainsFunc(res.Recipients, func(r delivery.RecipientResult) bool { return !errors.Is(r.Err, want) })
}
