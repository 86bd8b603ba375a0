package delivery

import "context"

// Hooks are functions that a Transport calls while it works. Each may be nil.
// They run on a sending goroutine while the caller of Send waits, so a slow one
// slows the delivery, also that of others who share the connection; they must
// not call back into the Transport. No hook is ever given a credential.
type Hooks struct {
	// BeforeEnd fires at the last moment at which nothing is committed, with the
	// indexes into Envelope.Recipients of the recipients that this transaction
	// covers: after the body was written and flushed and before the end of data
	// is sent or, where a message goes in one piece with its commands (BDAT),
	// before that piece; a server can still refuse some of the recipients then.
	// An error aborts the transaction; these recipients are NotSent with that
	// error, and nothing was handed over.
	BeforeEnd func(ctx context.Context, rcpts []int) error
	// Command fires when a command line was written, with the line as sent and
	// without its line ending. Credentials are replaced by "***".
	Command func(ctx context.Context, line string)
	// Reply fires after a complete reply was read.
	Reply func(ctx context.Context, r *Reply)
	// TLS fires after a TLS handshake succeeded, with the negotiated version and
	// cipher suite by name.
	TLS func(ctx context.Context, version, cipherSuite string)
}

type hooksKey struct{}

// WithHooks returns a context that carries h to every Transport on the way. If
// ctx has hooks already, both sets are called, those of ctx first; an error of
// the first BeforeEnd wins.
func WithHooks(ctx context.Context, h *Hooks) context.Context {
	if h == nil {
		return ctx
	}
	if old := HooksFrom(ctx); old != nil {
		h = both(old, h)
	}
	return context.WithValue(ctx, hooksKey{}, h)
}

// HooksFrom returns the hooks that ctx carries, or nil.
func HooksFrom(ctx context.Context) *Hooks {
	h, _ := ctx.Value(hooksKey{}).(*Hooks)
	return h
}

func both(a, b *Hooks) *Hooks {
	return &Hooks{
		BeforeEnd: func(ctx context.Context, rcpts []int) error {
			if err := a.beforeEnd(ctx, rcpts); err != nil {
				return err
			}
			return b.beforeEnd(ctx, rcpts)
		},
		Command: func(ctx context.Context, line string) {
			call(a.Command, ctx, line)
			call(b.Command, ctx, line)
		},
		Reply: func(ctx context.Context, r *Reply) {
			call(a.Reply, ctx, r)
			call(b.Reply, ctx, r)
		},
		TLS: func(ctx context.Context, version, cipherSuite string) {
			if a.TLS != nil {
				a.TLS(ctx, version, cipherSuite)
			}
			if b.TLS != nil {
				b.TLS(ctx, version, cipherSuite)
			}
		},
	}
}

func (h *Hooks) beforeEnd(ctx context.Context, rcpts []int) error {
	if h.BeforeEnd == nil {
		return nil
	}
	return h.BeforeEnd(ctx, rcpts)
}

func call[T any](f func(context.Context, T), ctx context.Context, v T) {
	if f != nil {
		f(ctx, v)
	}
}
