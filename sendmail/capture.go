package sendmail

import (
	"os"
	"time"
)

// maxOutput is how much of what the program prints is kept: the last of it, where
// the reason for giving up stands.
const maxOutput = 4 << 10

// outputGrace is how long output is waited for after the program has ended. Only
// processes that it leaves behind, with its output open, make use of it.
const outputGrace = 200 * time.Millisecond

// capture collects what the program prints on one of its outputs, so that it never
// waits for a reader.
type capture struct {
	r    *os.File
	done chan struct{}
	tail []byte
	cut  bool // there was more before
}

// newCapture starts collecting. What the program gets is for the caller to close.
func newCapture() (c *capture, child *os.File, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	c = &capture{r: r, done: make(chan struct{})}
	go c.collect()
	return c, w, nil
}

func (c *capture) collect() {
	defer close(c.done)
	block := make([]byte, maxOutput)
	for {
		n, err := c.r.Read(block)
		c.keep(block[:n])
		if err != nil {
			return
		}
	}
}

func (c *capture) keep(p []byte) {
	c.tail = append(c.tail, p...)
	if over := len(c.tail) - maxOutput; over > 0 {
		c.cut = true
		c.tail = append(c.tail[:0], c.tail[over:]...)
	}
}

// expire lets the collecting end soon. A capture that is nil collects nothing.
func (c *capture) expire() {
	if c != nil && c.r.SetReadDeadline(time.Now().Add(outputGrace)) != nil {
		c.r.Close() // a system whose pipes know no deadlines
	}
}

// finish waits for the end of the collecting, after expire, and returns the result
// in one line.
func (c *capture) finish() string {
	if c == nil {
		return ""
	}
	<-c.done
	c.r.Close()
	s := clean(string(c.tail))
	if c.cut {
		s = "... " + s
	}
	return s
}
