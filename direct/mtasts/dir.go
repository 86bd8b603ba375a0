package mtasts

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Dir is a PolicyStore in a folder, so that policies survive a restart. There is
// one file for each domain, of JSON, which appears as a whole or not at all: several
// processes may use the folder at the same time. A file that isn't what Put has
// written counts as none, and is replaced. What is known of a domain without a
// policy, that none could be had, is kept in memory alone.
//
// Whoever can write to the folder decides which policies apply, so it belongs to
// the program alone.
type Dir struct {
	// Path is the folder. It is made if it isn't there. Required.
	Path string
	// Max is how many policies are kept. Those that weren't fetched for the longest
	// time go first, some at once, and each process looks after it for what it has
	// added itself. Default: 10,000.
	Max int

	mu      sync.Mutex
	counted bool
	files   int // no less than there are, as far as this process knows
	failed  Memory
}

var _ PolicyStore = (*Dir)(nil)

const (
	prefix  = "sts-" // so that no name is one that a system keeps for itself, such as aux
	suffix  = ".json"
	longest = 244         // of a domain, with which "_mta-sts." before it is a name still
	maxFile = 2 * MaxSize // more than any policy needs
	stale   = time.Hour   // of a file that was never finished
)

// ErrNoPath: the Dir has no Path.
var ErrNoPath = errors.New("mtasts: the store has no folder")

// stored is what is in a file.
type stored struct {
	Domain string `json:"domain"`
	Entry
}

// Get implements PolicyStore.
func (d *Dir) Get(ctx context.Context, domain string) (Entry, error) {
	name, ok, err := d.name(domain)
	if err != nil || !ok {
		return Entry{}, err
	}
	e, err := read(name, domain)
	if err != nil || e.Policy != nil {
		return e, err
	}
	return d.failed.Get(ctx, domain)
}

// Put implements PolicyStore.
func (d *Dir) Put(ctx context.Context, domain string, e Entry) error {
	name, ok, err := d.name(domain)
	if err != nil || !ok {
		return err
	}
	if e.Policy == nil {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return d.failed.Put(ctx, domain, e)
	}
	text, err := json.Marshal(stored{domain, e})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.room(name); err != nil {
		return err
	}
	return write(name, text)
}

// name is the file of a domain; ok is false for one that can have no policy, of
// which nothing is kept.
func (d *Dir) name(domain string) (name string, ok bool, err error) {
	if d.Path == "" {
		return "", false, ErrNoPath
	}
	return filepath.Join(d.Path, prefix+domain+suffix), isDomain(domain) && len(domain) <= longest, nil
}

// read returns what is in a file, and the zero Entry if it isn't there or wasn't
// written by Put. The error means that there may be more to it.
func read(name, domain string) (Entry, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, nil
	}
	if err != nil {
		return Entry{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Entry{}, err
	}
	var s stored
	if len(text) > maxFile || json.Unmarshal(text, &s) != nil || s.Domain != domain || !s.valid() {
		return Entry{}, nil
	}
	return s.Entry, nil
}

// valid reports an entry that a Client can have made.
func (e *Entry) valid() bool {
	p := e.Policy
	switch {
	case p == nil || p.MaxAge < 0 || p.MaxAge > MaxAge || e.Expires.After(e.Fetched.Add(MaxAge)):
		return false
	case p.Mode == ModeNone:
		return true
	case p.Mode != ModeEnforce && p.Mode != ModeTesting || len(p.MX) == 0:
		return false
	}
	return !slices.ContainsFunc(p.MX, func(mx string) bool { return !isDomain(strings.TrimPrefix(mx, "*.")) })
}

// write makes a file that is whole whenever it can be seen, after a crash too.
func write(name string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*") // for its owner alone
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	err = cmp.Or(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// room sees to it that there is a folder, and a place in it for one more file.
func (d *Dir) room(name string) error {
	most := d.Max
	if most <= 0 {
		most = defaultMax
	}
	if !d.counted {
		if err := os.MkdirAll(d.Path, 0o700); err != nil {
			return err
		}
	}
	if _, err := os.Lstat(name); err == nil {
		return nil // it is replaced
	}
	if !d.counted || d.files >= most {
		n, err := sweep(d.Path, most)
		if err != nil {
			return err
		}
		d.counted, d.files = true, n
	}
	d.files++
	return nil
}

// sweep makes room for one more policy where there may be so many, and returns how
// many there are then. So that it isn't called for each, a tenth goes at once: those
// that were written first. What was never finished goes too.
func sweep(path string, most int) (int, error) {
	list, err := os.ReadDir(path)
	if err != nil {
		return 0, err
	}
	var policies []fs.FileInfo
	for _, entry := range list {
		info, err := entry.Info()
		switch {
		case err != nil: // another process was faster
		case strings.HasPrefix(entry.Name(), prefix) && strings.HasSuffix(entry.Name(), suffix):
			policies = append(policies, info)
		case strings.HasPrefix(entry.Name(), ".new-") && time.Since(info.ModTime()) > stale:
			os.Remove(filepath.Join(path, entry.Name()))
		}
	}
	if len(policies) < most {
		return len(policies), nil
	}
	slices.SortFunc(policies, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	keep := most - 1 - most/10
	for _, info := range policies[keep:] {
		if err := os.Remove(filepath.Join(path, info.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
	}
	return keep, nil
}
