package bench_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/smtp"
)

// BenchmarkSendLarge sends a message of 100 MB to smtp-sink, from a process that
// does nothing else, and reports the most memory that the process had.
func BenchmarkSendLarge(b *testing.B) {
	addr := smtpSink(b)
	b.SetBytes(largeBody{}.Size())
	peak := 0
	for b.Loop() {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), largeTo+"="+addr)
		out, err := cmd.CombinedOutput()
		var kib int
		if _, scanErr := fmt.Sscanf(string(out), "VmHWM: %d kB", &kib); err != nil || scanErr != nil {
			b.Fatalf("%v, %v\n%s", err, scanErr, out)
		}
		peak = max(peak, kib)
	}
	b.ReportMetric(float64(peak)/1024, "peak-MiB")
}

// largeTo is the variable of the environment by which this program is told to be
// the process that sends: its value is the server's address.
const largeTo = "QDMAIL_BENCH_SEND_LARGE_TO"

func TestMain(m *testing.M) {
	if addr, ok := os.LookupEnv(largeTo); ok {
		if err := sendLarge(addr); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	m.Run()
}

// sendLarge sends the message and prints the line of the kernel's accounts that
// tells the peak of our memory.
func sendLarge(addr string) error {
	r := &smtp.Relay{Addr: addr}
	if _, err := r.Send(context.Background(), toY, largeBody{}); err != nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, peak, _ := strings.Cut(string(status), "\nVmHWM:")
	line, _, _ := strings.Cut(peak, "\n")
	_, err = fmt.Println("VmHWM:", line)
	return err
}

// largeBody is a message of 100 MB that isn't in memory.
type largeBody struct{}

var largeLine = append(bytes.Repeat([]byte("x"), 78), "\r\n"...)

func (largeBody) Size() int64 { return 100e6 }

func (l largeBody) Open() (io.ReadCloser, error) {
	return io.NopCloser(io.LimitReader(new(repeated), l.Size())), nil
}

// repeated is largeLine again and again.
type repeated struct{ at int }

func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) {
		m := copy(p[n:], largeLine[r.at:])
		n, r.at = n+m, (r.at+m)%len(largeLine)
	}
	return n, nil
}
