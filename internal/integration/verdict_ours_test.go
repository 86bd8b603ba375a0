//go:build integration

package integration_test

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/direct"
	"github.com/qdmail/qdmail/direct/dns"
	"github.com/qdmail/qdmail/internal/testsmtp"
	"github.com/qdmail/qdmail/smtp"
)

// briefly is how long a client waits for a step that its server doesn't take. All
// other steps have their usual, long time, so a busy machine changes nothing.
const briefly = 3 * time.Second

// patience is how both clients call the time for a step.
var patience = map[testsmtp.Phase]struct {
	ours    func(*smtp.Timeouts) *time.Duration
	postfix string
}{
	connecting:         {func(t *smtp.Timeouts) *time.Duration { return &t.Dial }, "smtp_connect_timeout"},
	testsmtp.Greeting:  {func(t *smtp.Timeouts) *time.Duration { return &t.Greeting }, "smtp_helo_timeout"},
	testsmtp.EHLO:      {func(t *smtp.Timeouts) *time.Duration { return &t.EHLO }, "smtp_helo_timeout"},
	testsmtp.STARTTLS:  {func(t *smtp.Timeouts) *time.Duration { return &t.TLS }, "smtp_starttls_timeout"},
	testsmtp.Handshake: {func(t *smtp.Timeouts) *time.Duration { return &t.TLS }, "smtp_starttls_timeout"},
	testsmtp.MAIL:      {func(t *smtp.Timeouts) *time.Duration { return &t.Mail }, "smtp_mail_timeout"},
	testsmtp.RCPT:      {func(t *smtp.Timeouts) *time.Duration { return &t.Rcpt }, "smtp_rcpt_timeout"},
	testsmtp.DATA:      {func(t *smtp.Timeouts) *time.Duration { return &t.DataInit }, "smtp_data_init_timeout"},
	testsmtp.Body:      {func(t *smtp.Timeouts) *time.Duration { return &t.DataBlock }, "smtp_data_xfer_timeout"},
	testsmtp.End:       {func(t *smtp.Timeouts) *time.Duration { return &t.DataEnd }, "smtp_data_done_timeout"},
	testsmtp.QUIT:      {func(t *smtp.Timeouts) *time.Duration { return &t.Quit }, "smtp_quit_timeout"},
}

// brief returns the time for the step, or 0 if it needn't be short. A large message
// needs some for itself.
func (h *hearing) brief() time.Duration {
	_, brief := faultAt(h.trial.phase, h.fault)
	switch {
	case !brief:
		return 0
	case h.trial.phase == testsmtp.Body:
		return 3 * briefly
	}
	return briefly
}

// sendAll sends all messages, each by a Transport that knows nothing of the others.
func sendAll(t *testing.T, ctx context.Context, all []*hearing, c *cast, nameServer string) {
	places := make(chan struct{}, 64)
	var wg sync.WaitGroup
	for _, h := range all {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			c.enterOutcomes(h, sendOne(t, ctx, h, c, nameServer))
		})
	}
	wg.Wait()
}

func sendOne(t *testing.T, ctx context.Context, h *hearing, c *cast, nameServer string) (outcomes []string) {
	tr := &direct.Transport{
		LocalName: "client.test", NoMTASTS: true,
		RecipientsPerTransaction: len(h.rcpts), // as Postfix does
		Resolver:                 &dns.Client{Servers: []string{nameServer}, Timeout: briefly},
	}
	defer tr.Close()
	if z := h.trial.zone; z == nil {
		tr.Hosts = c.addrs[h]
	} else {
		tr.OwnAddrs = z.own
		if z.allowed || z.own != nil {
			tr.AllowAddr = func(netip.Addr) bool { return true }
		}
		tr.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if !z.allowed {
				t.Errorf("%v: we connect to %s", h, addr)
			}
			host, _, _ := net.SplitHostPort(addr)
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(host, portIn(c.addrs[h][0])))
		}
	}
	if d := h.brief(); d > 0 {
		*patience[h.trial.phase].ours(&tr.Timeouts) = d
	}
	if h.in == withFallback {
		relay := &smtp.Relay{Addr: c.relayAddr, LocalName: "client.test"}
		defer relay.Close()
		tr.Fallback = relay
	}
	kind := h.trial.kind()
	res, _ := tr.Send(ctx, kind.envelope(h.rcpts), delivery.BytesBody(mailTexts[kind]))
	for _, r := range res.Recipients {
		outcomes = append(outcomes, r.Outcome.String())
	}
	return outcomes
}

func (k mailKind) envelope(rcpts []string) *delivery.Envelope {
	env := &delivery.Envelope{EightBit: k == eightBit || k == internationalized, SMTPUTF8: k == internationalized}
	for _, r := range rcpts {
		env.Recipients = append(env.Recipients, delivery.Recipient{Address: r})
	}
	return env
}
