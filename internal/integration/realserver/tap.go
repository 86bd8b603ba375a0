package realserver

import (
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Tap is a TCP proxy before a server. It writes down what both sides say, turn by
// turn: a turn is what the client says without waiting for the server, and what
// the server says to it.
//
// To tell waiting from being slow, it gives the client nothing to read before the
// client has been silent for a while. What a client writes without having to wait
// is one turn therefore, however its octets were cut up on the way and however
// fast the server is.
type Tap struct {
	Port int // where the client connects to

	listener net.Listener
	target   string
	silence  time.Duration
	running  sync.WaitGroup

	mu      sync.Mutex
	talks   []*talk
	stopped bool
}

// Turn is one turn of a conversation. That of the greeting has an empty Client.
type Turn struct{ Client, Server string }

// StartTap listens before a port of the loopback interface. The client counts as
// waiting when it was silent for the time given; zero is enough for a server
// without PIPELINING, to which nobody speaks out of turn.
func StartTap(port int, silence time.Duration) (*Tap, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &Tap{
		Port:     l.Addr().(*net.TCPAddr).Port,
		listener: l,
		target:   net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		silence:  silence,
	}
	t.running.Go(t.serve)
	return t, nil
}

// Conversations returns what was said so far on each connection, in the order in
// which they were made.
func (t *Tap) Conversations() [][]Turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([][]Turn, len(t.talks))
	for i, k := range t.talks {
		all[i] = k.said()
	}
	return all
}

// Stop ends all connections and waits until nothing works on them any more.
func (t *Tap) Stop() error {
	err := t.listener.Close()
	t.mu.Lock()
	t.stopped = true
	for _, k := range t.talks {
		k.close()
	}
	t.mu.Unlock()
	t.running.Wait()
	return err
}

func (t *Tap) serve() {
	for {
		client, err := t.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp4", t.target)
		if err != nil {
			client.Close()
			continue
		}
		k := &talk{client: client.(*net.TCPConn), server: server.(*net.TCPConn), turns: make([]spoken, 1), silent: true}
		k.changed.L = &k.mu
		t.mu.Lock()
		if t.talks = append(t.talks, k); t.stopped {
			k.close()
		}
		t.mu.Unlock()
		t.running.Go(func() { k.fromClient(t.silence) })
		t.running.Go(k.fromServer)
		t.running.Go(k.toClient)
	}
}

// talk is one connection.
type talk struct {
	client, server *net.TCPConn

	mu      sync.Mutex
	changed sync.Cond
	turns   []spoken
	quiet   *time.Timer // runs while the client may not be silent
	last    time.Time   // when it spoke last
	silent  bool        // the client has been silent for long enough
	held    []byte      // said by the server, not yet given to the client
	ended   bool        // the server has nothing more to say
}

// spoken is a Turn under way.
type spoken struct{ client, server []byte }

// fromClient passes on what the client says.
func (k *talk) fromClient(silence time.Duration) {
	buf := make([]byte, 128<<10)
	for {
		n, err := k.client.Read(buf)
		if n > 0 {
			k.spoke(buf[:n], silence)
		}
		if err == nil {
			_, err = k.server.Write(buf[:n])
		}
		if err != nil {
			k.spokeLast()
			if errors.Is(err, io.EOF) {
				k.server.CloseWrite()
			} else {
				k.server.Close()
			}
			return
		}
	}
}

func (k *talk) close() {
	k.client.Close()
	k.server.Close()
}

// spoke notes what the client has said, and looks after a while whether that was
// all.
func (k *talk) spoke(p []byte, silence time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.turns[len(k.turns)-1].server) > 0 {
		k.turns = append(k.turns, spoken{})
	}
	turn := &k.turns[len(k.turns)-1]
	turn.client = append(turn.client, p...)
	k.last = time.Now()
	switch k.silent = silence == 0; {
	case k.silent:
	case k.quiet == nil:
		k.quiet = time.AfterFunc(silence, func() { k.listen(silence) })
	default:
		k.quiet.Reset(silence)
	}
}

// listen declares the client silent, unless it is only we who haven't read on.
func (k *talk) listen(silence time.Duration) {
	behind := k.pending()
	k.mu.Lock()
	defer k.mu.Unlock()
	if behind || time.Since(k.last) < silence {
		k.quiet.Reset(silence)
		return
	}
	k.silent = true
	k.changed.Broadcast()
}

// spokeLast notes that the client has nothing more to say.
func (k *talk) spokeLast() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.silent = true
	k.changed.Broadcast()
}

// pending reports whether there are octets of the client's to be read.
func (k *talk) pending() bool {
	var n int
	raw, err := k.client.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			n, _, _ = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		})
	}
	return err == nil && n > 0
}

// fromServer gathers what the server says.
func (k *talk) fromServer() {
	buf := make([]byte, 32<<10)
	for {
		n, err := k.server.Read(buf)
		k.mu.Lock()
		k.held = append(k.held, buf[:n]...)
		k.ended = err != nil
		k.changed.Broadcast()
		k.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// toClient gives the client what the server has said, when the client waits.
func (k *talk) toClient() {
	defer k.client.CloseWrite()
	for {
		p := k.next()
		if len(p) == 0 {
			return
		}
		if _, err := k.client.Write(p); err != nil {
			return
		}
	}
}

// next waits for something to give to the client; nothing is the end.
func (k *talk) next() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	for !(k.silent && len(k.held) > 0) && !(k.ended && len(k.held) == 0) {
		k.changed.Wait()
	}
	p := k.held
	k.held = nil
	turn := &k.turns[len(k.turns)-1]
	turn.server = append(turn.server, p...)
	return p
}

func (k *talk) said() []Turn {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := make([]Turn, len(k.turns))
	for i, turn := range k.turns {
		all[i] = Turn{string(turn.client), string(turn.server)}
	}
	return all
}
