package smtp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/qdmail/qdmail/internal/ctxerr"
)

// popState is the file in which processes tell each other of their logins. It
// has a line for each mailbox, its key and the time in nanoseconds of Unix. What
// isn't such a line is ignored: the file is a mere note.
type popState struct{ file, key string }

// What a state file may hold; what goes beyond isn't ours.
const (
	maxPOPState   = 64 << 10 // octets
	maxPOPRecords = 100      // mailboxes that are kept, the latest logins first
)

// errPOPBusy: another process has held the lock for longer than a login can take.
var errPOPBusy = fmt.Errorf("another process holds the lock of the state file: %w", os.ErrDeadlineExceeded)

// popRecord is one line.
type popRecord struct {
	key string
	at  time.Time
}

// read returns the time of the last login; zero if there is none on record.
func (s popState) read() (time.Time, error) {
	records, err := s.records()
	for _, r := range records {
		if r.key == s.key {
			return r.at, err
		}
	}
	return time.Time{}, err
}

// records returns what is on file, the latest first, without what lies in the
// future. No file is no records.
func (s popState) records() ([]popRecord, error) {
	f, err := os.Open(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPOPState))
	if err != nil {
		return nil, err
	}
	var records []popRecord
	for line := range strings.Lines(string(text)) {
		key, ns, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		n, err := strconv.ParseInt(ns, 10, 64)
		at := time.Unix(0, n)
		if err == nil && len(key) == len(s.key) && strings.HasSuffix(line, "\n") && !at.After(popNow()) {
			records = append(records, popRecord{key, at})
		}
	}
	sort.SliceStable(records, func(i, j int) bool { return records[i].at.After(records[j].at) })
	return records, nil
}

// write notes a login, in place of an earlier one of the same mailbox; the zero
// time just takes that one off. Readers see the old file or the new one, and no
// other process can read it. The caller holds the lock.
func (s popState) write(at time.Time) error {
	records, _ := s.records() // what can't be read is replaced
	records = slices.DeleteFunc(records, func(r popRecord) bool { return r.key == s.key })
	if !at.IsZero() {
		records = slices.Insert(records, 0, popRecord{s.key, at})
	}
	var text strings.Builder
	for _, r := range records[:min(len(records), maxPOPRecords)] {
		fmt.Fprintf(&text, "%s %d\n", r.key, r.at.UnixNano())
	}
	f, err := s.temporary()
	if err != nil {
		return err
	}
	_, err = f.WriteString(text.String())
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), s.file)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// writable finds out whether write will be able to.
func (s popState) writable() error {
	f, err := s.temporary()
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// temporary makes a file, readable by nobody else, in the folder of the file.
func (s popState) temporary() (*os.File, error) {
	return os.CreateTemp(filepath.Dir(s.file), filepath.Base(s.file)+".*.tmp")
}

// lock keeps other processes from logging in, until unlock. It waits for one
// that does, until ctx ends, and no longer than patience: one that takes more is
// stuck. A process that dies lets go.
func (s popState) lock(ctx context.Context, patience time.Duration) (unlock func(), err error) {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		unlock, err := tryLock(s.file + ".lock")
		if unlock != nil || err != nil {
			return unlock, err
		}
		select {
		case <-poll.C:
		case <-timeout.C:
			return nil, errPOPBusy
		case <-ctx.Done():
			return nil, ctxerr.Of(ctx)
		}
	}
}

// forget takes the login off the record. If another process is logging in at
// this moment, it puts a new one there anyway.
func (s popState) forget() {
	if unlock, err := tryLock(s.file + ".lock"); err == nil && unlock != nil {
		defer unlock()
		s.write(time.Time{})
	}
}
