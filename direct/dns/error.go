package dns

import (
	"context"
	"errors"
	"net"
	"strings"
)

// Sentinel errors, reachable by errors.Is through an *Error.
var (
	// ErrTimeout: no server answered in time. It is never the end of the caller's
	// ctx, which shows as that of the context.
	ErrTimeout = errors.New("no server answered in time")
	// ErrServer: a server answered that it can't or won't answer.
	ErrServer = errors.New("the server failed")
	// ErrMalformed: what a server sent isn't an answer.
	ErrMalformed = errors.New("malformed answer")
	// ErrBogus: DNSSEC validation failed.
	ErrBogus = errors.New("DNSSEC validation failed")
	// ErrLoop: the CNAMEs lead in a circle, or too far.
	ErrLoop = errors.New("CNAMEs lead in a circle or too far")
	// ErrUnusable: a record that doesn't name a host.
	ErrUnusable = errors.New("not a host name")
	// ErrName: the name can't be asked for.
	ErrName = errors.New("not a domain name")
	// ErrNoServers: there is no server to ask, or its address can't be read.
	ErrNoServers = errors.New("no name server")
)

// Error is why there is no answer, or not all of it.
type Error struct {
	// Name and Type are what was asked.
	Name string
	Type Type
	// Server is who was asked last; empty if nobody was.
	Server string
	// Err is the cause.
	Err error
}

// Error returns the parts on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("dns: " + e.Type.String() + " of " + e.Name)
	if e.Server != "" {
		b.WriteString(" at " + e.Server)
	}
	b.WriteString(": " + e.Err.Error())
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// timeout returns err, or ErrTimeout if it is about a time limit of ours: the net
// package has such errors count as context.DeadlineExceeded, which is how the
// caller's limit shows.
func timeout(err error) error {
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return ErrTimeout
	}
	return err
}
