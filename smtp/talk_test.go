package smtp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// hello is a small message.
var hello = delivery.BytesBody("Subject: hello\r\n\r\nHello.\r\n")

// helloData is what a script expects for it.
const helloData = `
	C: DATA
	S: 354 go ahead
	C: Subject: hello
	C:
	C: Hello.
	C: .
`

// opening is how a conversation with a server without extensions begins.
const opening = `
	S: 220 mx.test ready
	C: EHLO client.test
	S: 250 mx.test
`

// What servers offer: nothing that saves turns, PIPELINING, and CHUNKING with it.
var (
	oneByOne  = []string{"SIZE 10485760", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"}
	pipelined = append(oneByOne[:len(oneByOne):len(oneByOne)], "PIPELINING")
	inChunks  = append(pipelined[:len(pipelined):len(pipelined)], "CHUNKING")
)

// from is the envelope from a@x.test to these.
func from(addrs ...string) *delivery.Envelope {
	env := &delivery.Envelope{From: "a@x.test"}
	for _, a := range addrs {
		env.Recipients = append(env.Recipients, delivery.Recipient{Address: a})
	}
	return env
}

// local is a Relay on the loopback interface, as far as it can tell, whose
// connections are made by dial, one for each message.
func local(dial func(context.Context, string, string) (net.Conn, error)) *smtp.Relay {
	return &smtp.Relay{Addr: "localhost:25", LocalName: "client.test", Dial: dial, Pool: smtp.Pool{IdleTimeout: -1}}
}

// remote is a Relay elsewhere.
func remote(dial func(context.Context, string, string) (net.Conn, error)) *smtp.Relay {
	r := local(dial)
	r.Addr = "mx.test"
	return r
}

// outcomes are the outcomes of a result in a row, such as "accepted, rejected".
func outcomes(res *delivery.Result) string {
	var all []string
	for _, r := range res.Recipients {
		all = append(all, r.Outcome.String())
	}
	return strings.Join(all, ", ")
}

// converse sends by r and checks what every Transport promises.
func converse(t *testing.T, r *smtp.Relay, env *delivery.Envelope, body delivery.Body) *delivery.Result {
	t.Helper()
	return converseCtx(t, t.Context(), r, env, body)
}

func converseCtx(t *testing.T, ctx context.Context, r *smtp.Relay, env *delivery.Envelope, body delivery.Body) *delivery.Result {
	t.Helper()
	before := fmt.Sprintf("%+v", env)
	res, err := r.Send(ctx, env, body)
	if after := fmt.Sprintf("%+v", env); after != before {
		t.Errorf("the envelope became %s", after)
	}
	checkResult(t, env, res, err)
	return res
}

func checkResult(t *testing.T, env *delivery.Envelope, res *delivery.Result, err error) {
	t.Helper()
	if len(res.Recipients) != len(env.Recipients) {
		t.Fatalf("%d results for %d recipients", len(res.Recipients), len(env.Recipients))
	}
	ok := len(res.Recipients) > 0
	for i, r := range res.Recipients {
		ok = ok && r.Outcome.OK()
		if r.Address != env.Recipients[i].Address {
			t.Errorf("result %d is for %q", i, r.Address)
		}
		if r.Outcome.OK() != (r.Err == nil) {
			t.Errorf("%s: %v with error %v", r.Address, r.Outcome, r.Err)
		}
		if e, isError := errors.AsType[*delivery.Error](r.Err); r.Err != nil && (!isError || e.Op != "smtp") {
			t.Errorf("%s: the error is %#v", r.Address, r.Err)
		}
	}
	all, isSendError := errors.AsType[*delivery.SendError](err)
	if ok != (err == nil) || err != nil && (!isSendError || all.Result != res) {
		t.Errorf("the error is %v", err)
	}
}

// certificate is for mx.test and localhost; it is made once.
var certificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	return testsmtp.Certificate("mx.test", "localhost", "127.0.0.1")
})

// serverTLS and clientTLS trust each other.
func serverTLS() *tls.Config {
	cert, _ := certificate()
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

func clientTLS() *tls.Config {
	_, pool := certificate()
	return &tls.Config{RootCAs: pool}
}

// peer plays one script per connection and compares what was said.
type peer struct {
	t       *testing.T
	scripts []string
	serve   func(net.Conn) // in place of playing a script
	n       int
	wg      sync.WaitGroup
}

// plays returns a peer that serves its connections by these scripts, one after
// the other. More connections than scripts fail.
func plays(t *testing.T, scripts ...string) *peer {
	return &peer{t: t, scripts: scripts}
}

func (p *peer) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if p.n == len(p.scripts) {
		p.t.Errorf("connection %d was not expected", p.n+1)
		return nil, errors.New("one connection too many")
	}
	script := p.scripts[p.n]
	p.n++
	client, server := testsmtp.Pipe()
	p.wg.Go(func() {
		if p.serve != nil {
			p.serve(server)
		} else if got, err := testsmtp.Play(server, script); err != nil {
			p.t.Errorf("%v\nin this conversation:\n%s", err, got)
		}
	})
	return client, nil
}

// done waits until all scripts were played to their end.
func (p *peer) done() {
	p.t.Helper()
	p.wg.Wait()
	if p.n != len(p.scripts) {
		p.t.Errorf("%d connections were made, not %d", p.n, len(p.scripts))
	}
}
