package realserver

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// maildir returns the folder of a mailbox below the mail folder.
func maildir(address string) string {
	local, domain, _ := strings.Cut(address, "@")
	return domain + "/" + local
}

// Mails returns the files of all mails that were delivered to u, in the order of
// their names.
func (h *Host) Mails(u User) ([]string, error) {
	var files []string
	for _, sub := range []string{"new", "cur"} {
		found, err := filepath.Glob(filepath.Join(h.Dir, "mail", maildir(u.Address), sub, "*"))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	sort.Strings(files)
	return files, nil
}

// Find returns the files of u's mails whose header has the Message-ID, given
// without angle brackets.
func (h *Host) Find(u User, messageID string) ([]string, error) {
	files, err := h.Mails(u)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, file := range files {
		mail, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		header, _, _ := bytes.Cut(mail, []byte("\n\n"))
		if bytes.Contains(header, []byte("<"+messageID+">")) {
			found = append(found, file)
		}
	}
	return found, nil
}

// Await waits for the mail with the Message-ID to reach u and returns its file.
func (h *Host) Await(ctx context.Context, u User, messageID string) (string, error) {
	var files []string
	err := poll(ctx, func() (done bool, err error) {
		files, err = h.Find(u, messageID)
		return len(files) > 0, err
	})
	if err != nil {
		return "", fmt.Errorf("mail <%s> for %s: %w", messageID, u.Address, err)
	}
	return files[0], nil
}

// Drain waits until Postfix has no mail left in any queue, so that what was not
// delivered by then never will be.
func (h *Host) Drain(ctx context.Context) error {
	err := poll(ctx, func() (bool, error) {
		n, err := h.queued()
		return n == 0, err
	})
	if err != nil {
		return fmt.Errorf("emptying the queue: %w", err)
	}
	return nil
}

// queued counts the mails in the queues, in the order in which a mail goes
// through them, so that one that moves on meanwhile is met again; twice, since a
// deferred one goes back.
func (h *Host) queued() (int, error) {
	n := 0
	for range 2 {
		for _, queue := range []string{"maildrop", "incoming", "active", "deferred", "hold", "corrupt"} {
			root := filepath.Join(h.Dir, "postfix", "spool", queue)
			err := filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
				switch {
				case os.IsNotExist(err):
					return nil // moved on while we looked
				case err == nil && d.Type().IsRegular():
					n++
				}
				return err
			})
			if err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func poll(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
