package realserver_test

import (
	"bufio"
	"io"
	"net"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/internal/integration/realserver"
)

// TestTap has a client say several lines at a time to a server that answers each
// line at once.
func TestTap(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(conn, "hello\n")
		for r := bufio.NewReader(conn); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			io.WriteString(conn, strings.ToUpper(line))
		}
	}()
	tap, err := realserver.StartTap(l.Addr().(*net.TCPAddr).Port, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(tap.Port)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	want := func(lines ...string) {
		t.Helper()
		for _, line := range lines {
			if got, err := r.ReadString('\n'); err != nil || got != line+"\n" {
				t.Fatalf("read %q, %v, want %q", got, err, line)
			}
		}
	}
	want("hello")
	for _, piece := range []string{"a\n", "b", "\nc\n"} {
		io.WriteString(conn, piece)
	}
	want("A", "B", "C")
	io.WriteString(conn, "d\n")
	want("D")
	conn.(*net.TCPConn).CloseWrite()
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("at the end: %q, %v", rest, err)
	}
	turns := [][]realserver.Turn{{{Server: "hello\n"}, {Client: "a\nb\nc\n", Server: "A\nB\nC\n"}, {Client: "d\n", Server: "D\n"}}}
	if got := tap.Conversations(); !reflect.DeepEqual(got, turns) {
		t.Errorf("got %q, want %q", got, turns)
	}
	if err := tap.Stop(); err != nil {
		t.Error(err)
	}
}
