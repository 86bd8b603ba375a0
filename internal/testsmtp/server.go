package testsmtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
)

// Server is an SMTP server. Its zero value accepts every mail, without TLS and
// without AUTH. It must not be copied, and its fields must not be changed, once
// Dial or Listen was called. Its methods may be called at the same time.
type Server struct {
	// Name is the server's domain in its greeting and its reply to EHLO.
	// Default: "mx.test".
	Name string
	// Extensions are the lines of the reply to EHLO, as "SIZE 10485760". What
	// is not offered is refused; SIZE and the RCPTMAX and MAILMAX of LIMITS are
	// enforced. STARTTLS and AUTH are added by the server. Default: PIPELINING,
	// SIZE 10485760, 8BITMIME, SMTPUTF8, DSN, ENHANCEDSTATUSCODES and CHUNKING;
	// an empty slice that is not nil offers none.
	Extensions []string
	// NoEHLO makes a server that knows only HELO. Default: false.
	NoEHLO bool

	// TLS is the configuration of the server's side; if set, STARTTLS is
	// offered. Default: nil, no TLS.
	TLS *tls.Config
	// ImplicitTLS starts each connection with a handshake in place of offering
	// STARTTLS. Default: false.
	ImplicitTLS bool

	// Mechanisms are what AUTH offers. The server knows PLAIN, LOGIN, CRAM-MD5,
	// SCRAM-SHA-1 and SCRAM-SHA-256, with and without -PLUS, XOAUTH2 and
	// OAUTHBEARER (the token is the password) and EXTERNAL (the user is the
	// common name of the client's certificate), and refuses any other by 504.
	// Default: PLAIN and LOGIN.
	Mechanisms []string
	// Users are the passwords by user name. Default: nil, AUTH is not offered.
	Users map[string]string
	// AuthClear offers AUTH also before STARTTLS. It is always offered if TLS
	// is nil. Default: false.
	AuthClear bool
	// RequireAuth refuses MAIL before AUTH. Default: false.
	RequireAuth bool

	// DiscardData counts the content of messages without keeping it. Default:
	// false.
	DiscardData bool

	// On is asked at each step before the server acts, and what it returns is
	// done in place of the right thing; nil is the right thing. It is called
	// in order for one connection, but for several at the same time; it must
	// not call Close. Default: nil, no faults.
	On func(Event) *Fault

	once sync.Once
	done chan struct{} // closed by Close
	wg   sync.WaitGroup

	mu         sync.Mutex
	closed     bool
	listener   net.Listener
	sessions   []*session
	messages   []Message
	violations []string
}

var defaultExtensions = []string{
	"PIPELINING", "SIZE 10485760", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "CHUNKING",
}

func (s *Server) init() {
	s.once.Do(func() { s.done = make(chan struct{}) })
}

// Listen makes the server listen at a free port of 127.0.0.1 and returns the
// address. It may be called once.
func (s *Server) Listen() (addr string, err error) {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return "", net.ErrClosed
	}
	if s.listener != nil {
		return "", errors.New("testsmtp: Listen was called before")
	}
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return "", err
	}
	s.wg.Go(func() { s.accept(s.listener) })
	return s.listener.Addr().String(), nil
}

func (s *Server) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if err := s.serve(conn, l.Addr().String()); err != nil {
			conn.Close()
		}
	}
}

// Dial returns a connection in memory to this server, whatever the network and
// the address are; see [Pipe]. After Close it fails with syscall.ECONNREFUSED.
func (s *Server) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	s.init()
	opError := func(err error) error {
		return &net.OpError{Op: "dial", Net: network, Addr: memoryAddr(addr), Err: err}
	}
	if err := ctx.Err(); err != nil {
		return nil, opError(err)
	}
	client, server := pipe("client", memoryAddr(addr))
	if err := s.serve(server, addr); err != nil {
		return nil, opError(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	return client, nil
}

// serve starts a session on conn.
func (s *Server) serve(conn net.Conn, addr string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	c := newSession(s, len(s.sessions), conn, addr)
	s.sessions = append(s.sessions, c)
	s.wg.Go(c.run)
	return nil
}

// Close closes the listener and all connections, and returns when everything
// the server started has ended. A client between two commands is told 421.
func (s *Server) Close() error {
	s.init()
	s.mu.Lock()
	sessions, listener := s.sessions, s.listener
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	s.mu.Unlock()
	var err error
	if listener != nil {
		if err = listener.Close(); errors.Is(err, net.ErrClosed) {
			err = nil
		}
	}
	for _, c := range sessions {
		c.interrupt()
	}
	s.wg.Wait()
	return err
}

// Messages returns the messages that were accepted so far, in that order. A
// message is among them before its client is told.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

func (s *Server) keep(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, m)
}

// Violations returns what clients did wrong that the server let pass or that
// it cannot refuse, such as "connection 0: bare LF in the content". Each kind
// is listed once per connection.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

func (s *Server) violation(conn int, text string) {
	text = fmt.Sprintf("connection %d: %s", conn, text)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.violations, text) {
		s.violations = append(s.violations, text)
	}
}

func (s *Server) name() string {
	if s.Name == "" {
		return "mx.test"
	}
	return s.Name
}

func (s *Server) mechanisms() []string {
	if s.Mechanisms == nil {
		return []string{"PLAIN", "LOGIN"}
	}
	return s.Mechanisms
}
