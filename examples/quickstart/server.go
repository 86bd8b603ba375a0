package main

import (
	"crypto/tls"
	"fmt"

	"github.com/qdmail/qdmail/internal/testsmtp"
)

// server is an SMTP server in this process, with STARTTLS and AUTH.
type server struct {
	testsmtp.Server
	url string
}

func startServer() (*server, error) {
	cert, _ := testsmtp.Certificate("127.0.0.1")
	s := &server{Server: testsmtp.Server{
		Name:        "mail.example.jp",
		TLS:         &tls.Config{Certificates: []tls.Certificate{cert}},
		Users:       map[string]string{"sato": "himitsu"},
		RequireAuth: true,
	}}
	addr, err := s.Listen()
	if err != nil {
		return nil, err
	}
	s.url = "smtp://sato:himitsu@" + addr
	return s, nil
}

// message is what the server received.
func (s *server) message() ([]byte, error) {
	got := s.Messages()
	if len(got) != 1 {
		return nil, fmt.Errorf("the server has %d messages", len(got))
	}
	if v := s.Violations(); len(v) > 0 {
		return nil, fmt.Errorf("the server complains: %v", v)
	}
	return got[0].Data, nil
}
