package qdmail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/qdmail/qdmail/delivery"
	"github.com/qdmail/qdmail/smtp"
)

// takePool takes the keys about connections.
func takePool(q *query, p *smtp.Pool) {
	p.MaxConns = takeNumber(q, "connections")
	p.Window = takeNumber(q, "window")
	if s, ok := q.take("idle"); ok {
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			q.fail(errors.New("idle is a time, such as 30s"))
		}
		if p.IdleTimeout = d; d == 0 {
			p.IdleTimeout = -1
		}
	}
}

// takeNumber takes a key whose value is a positive number; zero if it isn't given.
func takeNumber(q *query, key string) int {
	s, ok := q.take(key)
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		q.fail(fmt.Errorf("%s is a number from 1 to 65535", key))
	}
	return int(n)
}

// takeNotify takes the key about delivery status notifications.
func takeNotify(q *query) delivery.Notify {
	s, _ := q.take("notify")
	n, err := delivery.ParseNotify(s)
	if err != nil {
		q.fail(errors.New("notify is a list of success, failure and delay, or never"))
	}
	return n
}

// notifying is a transport that asks for notifications for those for whom the
// envelope says nothing.
type notifying struct {
	delivery.Transport
	notify delivery.Notify
}

func withNotify(t delivery.Transport, n delivery.Notify) delivery.Transport {
	if n == 0 {
		return t
	}
	return &notifying{t, n}
}

func (n *notifying) Send(ctx context.Context, env *delivery.Envelope, body delivery.Body) (*delivery.Result, error) {
	if env != nil {
		asking := *env
		asking.Recipients = slices.Clone(env.Recipients)
		for i := range asking.Recipients {
			if asking.Recipients[i].Notify == 0 {
				asking.Recipients[i].Notify = n.notify
			}
		}
		env = &asking
	}
	return n.Transport.Send(ctx, env, body)
}

// Close closes the transport beneath.
func (n *notifying) Close() error {
	if c, ok := n.Transport.(interface{ Close() error }); ok {
		return c.Close()
	}
	return nil
}
