package mtasts_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qdmail/qdmail/direct/mtasts"
)

// fetched is an entry as a Client makes them.
func fetched(id string) mtasts.Entry {
	at := time.Date(2026, 11, 1, 2, 3, 4, 5, time.UTC)
	p := &mtasts.Policy{Mode: mtasts.ModeEnforce, MX: []string{"mx.a.test", "*.a.test"}, MaxAge: 24 * time.Hour}
	return mtasts.Entry{Policy: p, ID: id, Fetched: at, Expires: at.Add(p.MaxAge)}
}

func put(t *testing.T, d *mtasts.Dir, domain string, e mtasts.Entry) {
	t.Helper()
	if err := d.Put(t.Context(), domain, e); err != nil {
		t.Fatalf("%s: %v", domain, err)
	}
}

func wantEntry(t *testing.T, d *mtasts.Dir, domain string, want mtasts.Entry) {
	t.Helper()
	if e, err := d.Get(t.Context(), domain); err != nil || !reflect.DeepEqual(e, want) {
		t.Errorf("%s: %+v, %v", domain, e, err)
	}
}

// filesIn are the names in a folder.
func filesIn(t *testing.T, path string) []string {
	t.Helper()
	list, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range list {
		names = append(names, entry.Name())
	}
	return names
}

// TestDir: what one process has put there, the next one finds.
func TestDir(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder")
	d := &mtasts.Dir{Path: path}
	wantEntry(t, d, "a.test", mtasts.Entry{})
	failed := mtasts.Entry{FailedID: "1", Failure: mtasts.ResultPolicyFetchError, Retry: time.Unix(1, 0)}
	put(t, d, "b.test", failed)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a failure is written: %v", err)
	}
	first := fetched("1")
	put(t, d, "a.test", first)
	none := mtasts.Entry{Policy: &mtasts.Policy{Mode: mtasts.ModeNone, MaxAge: time.Hour}, ID: "x", Fetched: first.Fetched, Expires: first.Fetched.Add(time.Hour)}
	put(t, d, "c.test", none)
	wantEntry(t, d, "a.test", first)
	wantEntry(t, d, "b.test", failed)

	again := &mtasts.Dir{Path: path}
	wantEntry(t, again, "a.test", first)
	wantEntry(t, again, "b.test", mtasts.Entry{})
	wantEntry(t, again, "c.test", none)
	second := fetched("2")
	second.FailedID, second.Failure, second.Retry = "3", mtasts.ResultPolicyInvalid, first.Fetched.Add(time.Minute)
	put(t, again, "a.test", second)
	wantEntry(t, d, "a.test", second)
	put(t, again, "a.test", failed) // it has run out, and there is no other
	wantEntry(t, again, "a.test", failed)
	wantEntry(t, d, "a.test", mtasts.Entry{})
	if got := filesIn(t, path); !reflect.DeepEqual(got, []string{"sts-c.test.json"}) {
		t.Error(got)
	}
	info, err := os.Stat(filepath.Join(path, "sts-c.test.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if info, err = os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestDirNames: no name leads out of the folder, and one that no policy can be fetched
// for isn't kept.
func TestDirNames(t *testing.T) {
	above := t.TempDir()
	path := filepath.Join(above, "store")
	d := &mtasts.Dir{Path: path}
	long := strings.Repeat("a.", 121) + "ab" // 244 octets
	put(t, d, long, fetched("1"))
	wantEntry(t, d, long, fetched("1"))
	put(t, d, "aux.test", fetched("1"))
	for _, domain := range []string{
		"", ".", "..", "../x", "a/../../x", "/etc/passwd", `a\b`, "a\x00b", "a.test/", "A.test", "日本.test", "a..test", "con:", long + "c",
	} {
		put(t, d, domain, fetched("1"))
		wantEntry(t, d, domain, mtasts.Entry{})
	}
	if got := filesIn(t, above); len(got) != 1 {
		t.Error(got)
	}
	if got := filesIn(t, path); len(got) != 2 {
		t.Error(got)
	}
}

// TestDirCorrupt: a file that Put didn't write is none, and is replaced.
func TestDirCorrupt(t *testing.T) {
	path := t.TempDir()
	d := &mtasts.Dir{Path: path}
	put(t, d, "a.test", fetched("1"))
	name := filepath.Join(path, "sts-a.test.json")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"", "{", "null", "[]", "x", string(whole[:len(whole)/2]), string(whole) + "}",
		strings.Replace(string(whole), "a.test", "b.test", 1),
		strings.Replace(string(whole), "enforce", "ignore", 1),
		strings.Replace(string(whole), `"mx.a.test"`, `"mx a.test"`, 1),
		strings.Replace(string(whole), `"*.a.test"`, `"*"`, 1),
		strings.Replace(string(whole), "2026-11-02", "2036-11-02", 1), // longer than any policy applies
		strings.Replace(string(whole), "86400000000000", "-1", 1),
		string(whole) + strings.Repeat(" ", 200_000),
		`{"domain":"a.test"}`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil || text == string(whole) {
			t.Fatal(err, text)
		}
		if e, err := d.Get(t.Context(), "a.test"); err != nil || e.Policy != nil {
			t.Errorf("%.200q: %+v, %v", text, e, err)
		}
		put(t, d, "a.test", fetched("2"))
		wantEntry(t, d, "a.test", fetched("2"))
	}
}

// TestDirErrors: what can't be read may be a policy, so mail has to wait.
func TestDirErrors(t *testing.T) {
	path := t.TempDir()
	if err := os.Mkdir(filepath.Join(path, "sts-a.test.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(path, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]*mtasts.Dir{"no path": {}, "a folder for a file": {Path: path}, "a file for a folder": {Path: file}} {
		if e, err := d.Get(t.Context(), "a.test"); err == nil {
			t.Errorf("%s: %+v", name, e)
		}
		if err := d.Put(t.Context(), "a.test", fetched("1")); err == nil {
			t.Errorf("%s: put", name)
		}
	}
	if got := filesIn(t, path); len(got) != 2 {
		t.Errorf("something is left behind: %v", got)
	}
	if _, err := new(mtasts.Dir).Get(t.Context(), "a.test"); !errors.Is(err, mtasts.ErrNoPath) {
		t.Error(err)
	}
}

// TestDirBound: what was written first goes first, and what was never finished.
func TestDirBound(t *testing.T) {
	path := t.TempDir()
	d := &mtasts.Dir{Path: path, Max: 20}
	age := func(name string, hours int) {
		at := time.Now().Add(-time.Duration(hours) * time.Hour)
		if err := os.Chtimes(filepath.Join(path, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{".new-1", ".new-2", "README", "sts-x.txt"} {
		if err := os.WriteFile(filepath.Join(path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		age(name, 100)
	}
	age(".new-2", 0)
	for i := range 20 {
		put(t, d, fmt.Sprintf("d%d.test", i), fetched("1"))
		age(fmt.Sprintf("sts-d%d.test.json", i), 90-i)
	}
	put(t, d, "d3.test", fetched("2")) // one that is there makes none go
	if n := len(filesIn(t, path)); n != 23 {
		t.Errorf("%d files", n)
	}
	put(t, d, "new.test", fetched("1"))
	for i := range 20 {
		want := fetched("1")
		switch i {
		case 0, 1, 2:
			want = mtasts.Entry{}
		case 3:
			want = fetched("2")
		}
		wantEntry(t, d, fmt.Sprintf("d%d.test", i), want)
	}
	wantEntry(t, d, "new.test", fetched("1"))
	if n := len(filesIn(t, path)); n != 3+18 {
		t.Errorf("%d files: %v", n, filesIn(t, path))
	}
	// Another process begins where it finds the folder.
	other := &mtasts.Dir{Path: path, Max: 20}
	for i := range 100 {
		put(t, other, fmt.Sprintf("e%d.test", i), fetched("1"))
		if n := len(filesIn(t, path)); n > 3+20 {
			t.Fatalf("%d files", n)
		}
	}
}

// TestDirTogether: many goroutines and processes at once; each sees a whole policy or
// none, and never that of another domain.
func TestDirTogether(t *testing.T) {
	path := t.TempDir()
	if dir := os.Getenv("QDMAIL_TEST_DIR"); dir != "" {
		path = dir
	}
	var wg sync.WaitGroup
	for g := range 4 {
		d := &mtasts.Dir{Path: path, Max: 30} // as a process of its own
		wg.Go(func() {
			for i := range 100 {
				domain := fmt.Sprintf("d%d.test", (i*7+g)%40)
				e := fetched(domain)
				e.Policy.MX = []string{domain, strings.Repeat("x.", 1+i%60) + "test"}
				if err := d.Put(t.Context(), domain, e); err != nil {
					t.Error(err)
				}
				got, err := d.Get(t.Context(), domain)
				if err != nil || got.Policy != nil && (got.ID != domain || got.Policy.MX[0] != domain || len(got.Policy.MX) != 2) {
					t.Errorf("%s: %+v, %v", domain, got, err)
				}
			}
		})
	}
	if os.Getenv("QDMAIL_TEST_DIR") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDirTogether$")
		cmd.Env = append(os.Environ(), "QDMAIL_TEST_DIR="+path)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	wg.Wait()
	for _, name := range filesIn(t, path) {
		if strings.HasPrefix(name, ".new-") && os.Getenv("QDMAIL_TEST_DIR") == "" {
			t.Errorf("%s is left behind", name)
		}
	}
}

// TestDirSurvives: a policy from before a restart applies although it can't be fetched.
func TestDirSurvives(t *testing.T) {
	h, now, path := newPolicyHost(t).start(t), newClock(), t.TempDir()
	for range 2 {
		cl := newClient(h, published("1"), now)
		cl.Store = &mtasts.Dir{Path: path}
		if found, err := cl.Lookup(t.Context(), "a.test"); err != nil || !found.Policy.Enforced() {
			t.Errorf("%+v, %v", found, err)
		}
		h.fail()
		now.advance(24 * time.Hour)
	}
	cl := newClient(h, published("2"), now)
	if found, err := cl.Lookup(t.Context(), "a.test"); err != nil || found.Policy != nil {
		t.Errorf("without a store: %+v, %v", found, err)
	}
}

// FuzzDir: whatever is in a file, it is none, or one that can be put back unchanged.
func FuzzDir(f *testing.F) {
	f.Add([]byte(`{"domain":"a.test","policy":{"mode":"enforce","mx":["*.a.test"],"max_age":1},"id":"1","fetched":"2026-11-01T00:00:00Z","expires":"2026-11-01T00:00:01Z"}`))
	f.Add([]byte(`{"domain":"a.test","policy":{"mode":"none","max_age":0}}`))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d := &mtasts.Dir{Path: t.TempDir()}
		if err := os.WriteFile(filepath.Join(d.Path, "sts-a.test.json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := d.Get(t.Context(), "a.test")
		if err != nil {
			t.Fatal(err)
		}
		if e.Policy == nil {
			return
		}
		put(t, d, "a.test", e)
		back, err := d.Get(t.Context(), "a.test")
		if err != nil || fmt.Sprintf("%+v", *back.Policy) != fmt.Sprintf("%+v", *e.Policy) || back.ID != e.ID || !back.Expires.Equal(e.Expires) {
			t.Errorf("%+v, %+v, %v", e, back, err)
		}
	})
}
