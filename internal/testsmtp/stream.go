package testsmtp

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// line is what the two directions of a Pipe share.
type line struct {
	mu      sync.Mutex
	changed sync.Cond
}

// stream is one direction of a Pipe. All of it is guarded by mu.
type stream struct {
	*line
	buf     []byte
	writing bool // a writer has not placed all its octets yet

	readErr  error // what the reader gets at once
	writeErr error // what the writer gets at once
	end      error // what the reader gets after the last octet

	readDeadline, writeDeadline deadline

	written, taken int64 // octets that were ever written and read
	answered       bool  // the reader has answered all of them
	turns          int   // see noteTurn
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readErr != nil:
			return 0, s.readErr
		case s.readDeadline.expired:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case len(s.buf) > 0:
			n := copy(p, s.buf)
			s.buf = append(s.buf[:0], s.buf[n:]...)
			s.taken += int64(n)
			s.changed.Broadcast()
			return n, nil
		case s.end != nil:
			return 0, s.end
		}
		s.changed.Wait()
	}
}

// write places p, with mu locked.
func (s *stream) write(p []byte) (n int, err error) {
	for s.writing && s.writeFailure() == nil {
		s.changed.Wait()
	}
	if s.writing {
		return 0, s.writeFailure()
	}
	s.writing = true
	defer func() {
		s.writing = false
		s.changed.Broadcast()
	}()
	for {
		if err := s.writeFailure(); err != nil {
			return n, err
		}
		if room := min(pipeBuffer-len(s.buf), len(p)-n); room > 0 {
			s.buf = append(s.buf, p[n:n+room]...)
			s.written += int64(room)
			n += room
			s.changed.Broadcast()
		}
		if n == len(p) {
			return n, nil
		}
		s.changed.Wait()
	}
}

func (s *stream) writeFailure() error {
	switch {
	case s.writeErr != nil:
		return s.writeErr
	case s.writeDeadline.expired:
		return os.ErrDeadlineExceeded
	}
	return nil
}

// closeRead ends the stream for its reader, and its writer gets err. It reports
// whether the reader had not closed it before.
func (s *stream) closeRead(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readErr != nil {
		return false
	}
	s.readErr = net.ErrClosed
	if s.writeErr == nil {
		s.writeErr = err
	}
	s.buf = nil
	s.readDeadline.stop()
	s.changed.Broadcast()
	return true
}

// closeWrite ends the stream for its writer, who gets own from now on; the
// reader gets end after the last octet.
func (s *stream) closeWrite(end, own error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == nil {
		s.end = end
	}
	if s.writeErr == nil || errors.Is(own, net.ErrClosed) {
		s.writeErr = own
	}
	s.writeDeadline.stop()
	s.changed.Broadcast()
}

// deadline is the end of the time for reads or for writes.
type deadline struct {
	timer   *time.Timer
	expired bool
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// setDeadline sets d, one of the stream's two, to t.
func (s *stream) setDeadline(d *deadline, t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	closed := s.readErr
	if d == &s.writeDeadline {
		closed = s.writeErr
	}
	if errors.Is(closed, net.ErrClosed) {
		return net.ErrClosed
	}
	d.stop()
	d.expired = false
	if t.IsZero() {
		return nil
	}
	left := time.Until(t)
	if left <= 0 {
		d.expired = true
		s.changed.Broadcast()
		return nil
	}
	var timer *time.Timer
	timer = time.AfterFunc(left, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if d.timer == timer {
			d.expired = true
			s.changed.Broadcast()
		}
	})
	d.timer = timer
	return nil
}

// pending returns the number of octets that were not read yet.
func (s *stream) pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.buf)
}

// waitEnd waits until either end closes the stream or the time for reads is
// over, and returns the error for that.
func (s *stream) waitEnd() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.end != nil:
			return s.end
		case s.readErr != nil:
			return s.readErr
		case s.readDeadline.expired:
			return os.ErrDeadlineExceeded
		}
		s.changed.Wait()
	}
}
