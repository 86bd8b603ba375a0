//go:build integration

package agreement_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// programs read a whole folder each and print what they saw.
var programs = [][]string{
	{"python3", "readers/read.py"},
	{"ruby", "readers/read.rb"},
	{"perl", "readers/read.pl"},
}

// reading is what all readers made of a folder, by their names.
type reading map[string][]*mail

// readAll lets all readers read the folder, side by side.
func readAll(t *testing.T, folder string) reading {
	t.Helper()
	type result struct {
		name string
		got  reading
		err  error
		took time.Duration
	}
	results := make(chan result)
	start := time.Now()
	for _, p := range programs {
		go func() {
			r := result{name: p[0]}
			out, err := run(t.Context(), nil, p[0], p[1], folder)
			if r.err = err; err == nil {
				r.err = json.Unmarshal(out, &r.got)
			}
			r.took = time.Since(start)
			results <- r
		}()
	}
	go func() {
		mails, err := goRead(folder)
		results <- result{"go", reading{"go": mails}, err, time.Since(start)}
	}()
	all := reading{}
	for range len(programs) + 1 {
		r := <-results
		if r.err != nil {
			t.Errorf("-seed %d: %s: %v", *seed, r.name, r.err)
		}
		for name, mails := range r.got {
			all[name] = mails
		}
		t.Logf("%s: %v", r.name, r.took.Round(time.Millisecond))
	}
	if t.Failed() {
		t.FailNow()
	}
	return all
}

// check compares everything that a reader saw with what was built.
func (r reading) check(c *comparison, want map[string]*mail) {
	for _, name := range slices.Sorted(maps.Keys(r)) {
		if len(r[name]) != len(want) {
			c.fault("%s read %d messages of %d", name, len(r[name]), len(want))
		}
		for _, got := range r[name] {
			if want[got.File] == nil {
				c.fault("%s found the message %q", name, got.File)
				continue
			}
			c.mail(name, want[got.File], got)
		}
	}
}

// run gives a program its input and returns its output. A program that is
// missing, that fails or that prints a complaint is an error.
func run(ctx context.Context, stdin []byte, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err == nil && complaints.Len() > 0 {
		err = fmt.Errorf("it complained")
	}
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w\n%s", name, args, err, complaints.String())
	}
	return out, nil
}
