package realserver

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
func (h *Host) Mails(u User) ([]string, error) { return h.Maildirs().Search(u, Contains("")) }

// Find returns the files of u's mails whose header has the Message-ID, given
// without angle brackets.
func (h *Host) Find(u User, messageID string) ([]string, error) {
	return h.Maildirs().Search(u, HasID(messageID))
}

// Await waits for the mail with the Message-ID to reach u and returns its file.
func (h *Host) Await(ctx context.Context, u User, messageID string) (string, error) {
	files, err := h.Maildirs().Await(ctx, u, 1, HasID(messageID))
	if err != nil {
		return "", fmt.Errorf("mail <%s>: %w", messageID, err)
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

// finished reports whether a file is a mail, and not what a sendmail program left
// behind that was killed: Postfix makes a file of maildrop executable when it is
// whole.
func finished(queue string, d fs.DirEntry) bool {
	if queue != "maildrop" {
		return true
	}
	fi, err := d.Info()
	return err == nil && fi.Mode()&0o100 != 0
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
				case err == nil && d.Type().IsRegular() && finished(queue, d):
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
