package smtp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/smtp"
)

// What is wrong from the outset makes no connection.
func TestNothingIsDialled(t *testing.T) {
	noDial := func(context.Context, string, string) (net.Conn, error) {
		t.Error("a connection was made")
		return nil, io.EOF
	}
	ok := from("b@y.test")
	for name, tt := range map[string]struct {
		env    *delivery.Envelope
		body   delivery.Body
		change func(*smtp.Relay)
	}{
		"no recipients":          {&delivery.Envelope{}, hello, nil},
		"no envelope":            {nil, hello, nil},
		"no usable recipient":    {from("x", "y@"), hello, nil},
		"no body":                {ok, nil, nil},
		"size of the body":       {ok, sized{hello, -1}, nil},
		"sender":                 {&delivery.Envelope{From: "a@x\r\n", Recipients: ok.Recipients}, hello, nil},
		"sender in brackets":     {&delivery.Envelope{From: "<a@x.test>", Recipients: ok.Recipients}, hello, nil},
		"sender not ASCII":       {&delivery.Envelope{From: "用@x.test", Recipients: ok.Recipients}, hello, nil},
		"ENVID":                  {&delivery.Envelope{DSN: delivery.DSN{ENVID: "1\r\n2"}, Recipients: ok.Recipients}, hello, nil},
		"RET":                    {&delivery.Envelope{DSN: delivery.DSN{RET: "X"}, Recipients: ok.Recipients}, hello, nil},
		"NOTIFY":                 {&delivery.Envelope{Recipients: []delivery.Recipient{{Address: "b@y.test", Notify: 99}}}, hello, nil},
		"no address":             {ok, hello, func(r *smtp.Relay) { r.Addr = "" }},
		"address with a scheme":  {ok, hello, func(r *smtp.Relay) { r.Addr = "ssl://mx.test" }},
		"address with a login":   {ok, hello, func(r *smtp.Relay) { r.Addr = "taro:hunter2@mx.test" }},
		"address with CRLF":      {ok, hello, func(r *smtp.Relay) { r.Addr = "h:25 HTTP/1.1\r\nX: y" }},
		"host with CRLF":         {ok, hello, func(r *smtp.Relay) { r.Addr = "h\r\nX:25" }},
		"named port":             {ok, hello, func(r *smtp.Relay) { r.Addr = "mx.test:smtp" }},
		"port 0":                 {ok, hello, func(r *smtp.Relay) { r.Addr = "mx.test:0" }},
		"port too high":          {ok, hello, func(r *smtp.Relay) { r.Addr = "mx.test:65536" }},
		"no host":                {ok, hello, func(r *smtp.Relay) { r.Addr = ":25" }},
		"EHLO name with CRLF":    {ok, hello, func(r *smtp.Relay) { r.LocalName = "x\r\nMAIL FROM:<a@b>" }},
		"EHLO name with a space": {ok, hello, func(r *smtp.Relay) { r.LocalName = "x y" }},
		"TLS mode":               {ok, hello, func(r *smtp.Relay) { r.TLS = 99 }},
		"mechanism":              {ok, hello, func(r *smtp.Relay) { r.Mechanisms = []string{"PLAIN", "ROT13"} }},
		"NUL in the user":        {ok, hello, func(r *smtp.Relay) { r.Username, r.Password = "a\x00b", "hunter2" }},
		"NUL in the password":    {ok, hello, func(r *smtp.Relay) { r.Username, r.Password = "u", "hunter2\x00" }},
		"password without user":  {ok, hello, func(r *smtp.Relay) { r.Password = "hunter2" }},
		"two kinds of secret":    {ok, hello, func(r *smtp.Relay) { r.Username, r.Password, r.TokenSource = "u", "hunter2", tokens("t") }},
		"a pin":                  {ok, hello, func(r *smtp.Relay) { r.Pins = []string{"sha256/hunter"} }},
		"pins without TLS":       {ok, hello, func(r *smtp.Relay) { r.TLS, r.Pins = smtp.InsecureTLSNone, []string{somePin} }},
		"pins, perhaps TLS":      {ok, hello, func(r *smtp.Relay) { r.TLS, r.Pins = smtp.InsecureTLSOpportunistic, []string{somePin} }},
		"pins only, and none":    {ok, hello, func(r *smtp.Relay) { r.InsecurePinsOnly = true }},
	} {
		t.Run(name, func(t *testing.T) {
			r := local(noDial)
			if tt.change != nil {
				tt.change(r)
			}
			if err := r.Check(); (err != nil) != (tt.change != nil) {
				t.Errorf("Check: %v", err)
			}
			res, err := r.Send(t.Context(), tt.env, tt.body)
			if err == nil || res == nil {
				t.Fatalf("%v, %v", res, err)
			}
			for _, rcpt := range res.Recipients {
				e, ok := rcpt.Err.(*delivery.Error)
				if rcpt.Outcome != delivery.NotSent || !ok || e.Phase != delivery.PhasePrepare || e.Host != "" {
					t.Errorf("%v: %v", rcpt.Outcome, rcpt.Err)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

// The error of a field that can't be used names it, and nothing that is secret.
func TestFieldErrors(t *testing.T) {
	for field, list := range map[string][]*smtp.Relay{
		"Username": {
			{Username: "a\x00b"},
			{Password: "hunter2"},
			{Username: "us\ner", Password: "hunter2", Mechanisms: []string{"XOAUTH2"}},
			{Username: "us\x01er", Password: "hunter2", Mechanisms: []string{"OAUTHBEARER"}},
			{TokenSource: tokens("hunter2"), Mechanisms: []string{"XOAUTH2"}},
		},
		"Password": {
			{Username: "u", Password: "hunter2\x00"},
			{Username: "u", Password: "hunter2", TokenSource: tokens("t")},
			{Username: "u", TokenSource: tokens("t"), Mechanisms: []string{"PLAIN", "LOGIN"}},
			{Username: "u", Password: "hunter2 hunter2", Mechanisms: []string{"XOAUTH2"}},
			{Username: "u", Password: "hunter2\x01auth=x", Mechanisms: []string{"OAUTHBEARER"}},
		},
		"TokenSource": {{Username: "u", Mechanisms: []string{"XOAUTH2"}}, {Username: "u", Mechanisms: []string{"OAUTHBEARER"}}},
		"TLSConfig": {
			{Mechanisms: []string{"EXTERNAL"}},
			{Username: "u", Mechanisms: []string{"external"}, TLSConfig: clientTLS()},
		},
		"Mechanisms": {{Username: "u", Mechanisms: []string{"PLAIN", "hunter2-hunter2-hunter2-hunter2-hunter2-hunter2"}}, {Mechanisms: []string{""}}},
		"Pins":       {{Pins: []string{""}}, {Pins: []string{somePin, somePin[7:]}}},
	} {
		for _, r := range list {
			r.Addr = "mx.test"
			err := r.Check()
			e, ok := errors.AsType[*smtp.FieldError](err)
			if !ok || e.Field != field || field == "Password" && strings.Contains(err.Error(), "hunter2") || len(err.Error()) > 120 {
				t.Errorf("%s: %v", field, err)
			}
		}
	}
	for _, r := range []*smtp.Relay{
		{Mechanisms: []string{"PLAIN"}}, // nobody to log in as
		{TokenSource: tokens("t")},
		{TokenSource: tokens("t"), Mechanisms: []string{"XOAUTH2", "OAUTHBEARER"}},
		{Username: "u", Password: "p😀", Mechanisms: []string{"SCRAM-SHA-256", "PLAIN"}},
		{Username: "u", Password: "p", Mechanisms: []string{"EXTERNAL", "PLAIN"}},
		{Pins: []string{somePin, somePin}, InsecurePinsOnly: true, TLS: smtp.TLSImplicit},
	} {
		r.Addr = "mx.test"
		if err := r.Check(); err != nil {
			t.Error(err)
		}
	}
}

// sized says another size than its body has.
type sized struct {
	delivery.Body
	size int64
}

func (s sized) Size() int64 { return s.size }

func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		addr string
		mode smtp.TLSMode
		want string
	}{
		{"mx.test", smtp.TLSDefault, "mx.test:587"},
		{"mx.test", smtp.TLSImplicit, "mx.test:465"},
		{"mx.test:2525", smtp.TLSImplicit, "mx.test:2525"},
		{"192.0.2.1", smtp.TLSStartTLS, "192.0.2.1:587"},
		{"::1", smtp.TLSDefault, "[::1]:587"},
		{"[2001:db8::1]:25", smtp.TLSDefault, "[2001:db8::1]:25"},
		{"例え.テスト:25", smtp.TLSDefault, "xn--r8jz45g.xn--zckzah:25"},
		{"mx.test.:25", smtp.TLSDefault, "mx.test.:25"},
	} {
		var got string
		r := &smtp.Relay{Addr: tt.addr, TLS: tt.mode, Dial: func(_ context.Context, network, addr string) (net.Conn, error) {
			got = network + " " + addr
			return nil, io.ErrClosedPipe
		}}
		res := converse(t, r, from("b@y.test"), hello)
		if got != "tcp "+tt.want {
			t.Errorf("%s: dialled %s", tt.addr, got)
		}
		rcpt := res.Recipients[0]
		if e := rcpt.Err.(*delivery.Error); rcpt.Outcome != delivery.Deferred || e.Phase != delivery.PhaseDial || e.Host != tt.want || !e.PathFailure() {
			t.Errorf("%v, %v", rcpt.Outcome, e)
		}
	}
}

func TestDialFailures(t *testing.T) {
	cancelled, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the user went away")
	cancel(why)
	for name, tt := range map[string]struct {
		ctx     context.Context
		err     error
		outcome delivery.Outcome
		phase   delivery.Phase
		path    bool
	}{
		"refused":            {t.Context(), &net.OpError{Op: "dial", Err: os.ErrPermission}, delivery.Deferred, delivery.PhaseDial, true},
		"no such host":       {t.Context(), &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host"}}, delivery.Deferred, delivery.PhaseResolve, true},
		"the dialler's time": {t.Context(), context.DeadlineExceeded, delivery.Deferred, delivery.PhaseDial, true},
		"neither":            {t.Context(), nil, delivery.Deferred, delivery.PhaseDial, true},
		"cancelled":          {cancelled, context.Canceled, delivery.NotSent, delivery.PhaseDial, false},
	} {
		r := local(func(context.Context, string, string) (net.Conn, error) { return nil, tt.err })
		rcpt := converseCtx(t, tt.ctx, r, from("b@y.test"), hello).Recipients[0]
		e := rcpt.Err.(*delivery.Error)
		if rcpt.Outcome != tt.outcome || e.Phase != tt.phase || e.PathFailure() != tt.path {
			t.Errorf("%s: %v, %v", name, rcpt.Outcome, e)
		}
		if name == "cancelled" && (!errors.Is(e, context.Canceled) || !errors.Is(e, why)) {
			t.Errorf("the cause isn't told: %v", e)
		}
	}
}
