package smtp_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qdmail/qdmail/delivery"
)

// popDelays lets a step take a while.
func popDelays(step string, d time.Duration, said string) func(string, net.Conn) bool {
	return popStep(step, func(conn net.Conn) {
		<-time.After(d)
		popSays(said)(conn)
	})
}

// loginAll calls Login n times at once.
func loginAll(ctx context.Context, login func(context.Context) error, n int) []error {
	results := make(chan error)
	for range n {
		go func() { results <- login(ctx) }()
	}
	errs := make([]error, n)
	for i := range errs {
		errs[i] = <-results
	}
	return errs
}

func TestPOPSharesLogin(t *testing.T) {
	for _, tt := range []struct {
		said string
		want error
	}{{"+OK\r\n", nil}, {"-ERR no\r\n", delivery.ErrAuthFailed}} {
		synctest.Test(t, func(t *testing.T) {
			server := &popServer{fault: popDelays("PASS", 10*time.Second, tt.said)}
			for _, err := range loginAll(t.Context(), localPOP(server).Login, 20) {
				if !errors.Is(err, tt.want) {
					t.Error(err)
				}
			}
			if n := strings.Count(server.said(), "connect"); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// A caller that waits goes when its context ends, and nobody else does.
func TestPOPWaiterGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &popServer{fault: popDelays("PASS", 10*time.Second, "+OK\r\n")}
		p := localPOP(server)
		first := make(chan error)
		go func() { first <- p.Login(t.Context()) }()
		synctest.Wait()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := p.Login(ctx)
		wantPOPError(t, err, delivery.PhaseAUTH, true, context.DeadlineExceeded)
		if took := time.Since(start); took != time.Second {
			t.Errorf("waited %v", took)
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}

// If the caller that logs in gives up, one that waits takes over.
func TestPOPLeaderGivesUp(t *testing.T) {
	for name, give := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"cancel": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		},
		"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			server := &popServer{fault: popDelays("PASS", 10*time.Second, "+OK\r\n")}
			p := localPOP(server)
			first, second := make(chan error), make(chan error)
			ctx, cancel := give(t.Context())
			defer cancel()
			go func() { first <- p.Login(ctx) }()
			synctest.Wait()
			go func() { second <- p.Login(t.Context()) }()
			if err := <-first; !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
			if err := <-second; err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if n := strings.Count(server.said(), "connect"); n != 2 {
				t.Errorf("%s: %d connections", name, n)
			}
			server.wg.Wait()
		})
	}
}

// The context bounds each step, at once and with its own error.
func TestPOPContextAtEachStep(t *testing.T) {
	cause := errors.New("the user left")
	for _, s := range popSteps {
		synctest.Test(t, func(t *testing.T) {
			server := s.server()
			server.fault = popStep(s.step, popDrips)
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(7*time.Second, func() { cancel(cause) })
			start := time.Now()
			wantPOPError(t, s.client(server).Login(ctx), s.phase, false, context.Canceled, cause)
			ctx, stop := context.WithTimeout(t.Context(), 7*time.Second)
			defer stop()
			wantPOPError(t, s.client(server).Login(ctx), s.phase, true, context.DeadlineExceeded)
			if took := time.Since(start); took != 14*time.Second {
				t.Errorf("%s: took %v", s.step, took)
			}
			server.wg.Wait()
		})
	}
}

// A login that was under way when it was forgotten doesn't count.
func TestPOPInvalidateDuringLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &popServer{fault: popDelays("PASS", 10*time.Second, "+OK\r\n")}
		p := localPOP(server)
		first := make(chan error)
		go func() { first <- p.Login(t.Context()) }()
		<-time.After(time.Second)
		p.Invalidate()
		if err := <-first; err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := p.Login(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if n := strings.Count(server.said(), "connect"); n != 2 {
			t.Errorf("%d connections", n)
		}
	})
}

// A Dial that panics doesn't leave the others waiting.
func TestPOPDialPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &popServer{}
		p := localPOP(server)
		once := make(chan struct{}, 1)
		once <- struct{}{}
		p.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			select {
			case <-once:
				<-time.After(time.Second)
				panic("dial")
			default:
				return server.Dial(ctx, network, addr)
			}
		}
		go func() {
			defer func() { recover() }()
			p.Login(t.Context())
		}()
		synctest.Wait()
		if err := p.Login(t.Context()); err != nil || server.loggedIn() != 1 {
			t.Error(err, server.loggedIn())
		}
	})
}
