package realserver

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Maildirs is a folder with a Maildir for each user, named domain/local.
type Maildirs string

// Maildirs returns where Postfix delivers.
func (h *Host) Maildirs() Maildirs { return Maildirs(filepath.Join(h.Dir, "mail")) }

// Search returns the files of u's mails that match, in the order of their names.
func (m Maildirs) Search(u User, match func(mail []byte) bool) ([]string, error) {
	var found []string
	for _, sub := range []string{"new", "cur"} {
		files, err := filepath.Glob(filepath.Join(string(m), maildir(u.Address), sub, "*"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			mail, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			if match(mail) {
				found = append(found, file)
			}
		}
	}
	slices.Sort(found)
	return found, nil
}

// Await waits for n mails of u that match and returns their files.
func (m Maildirs) Await(ctx context.Context, u User, n int, match func(mail []byte) bool) ([]string, error) {
	var found []string
	err := poll(ctx, func() (done bool, err error) {
		found, err = m.Search(u, match)
		return len(found) >= n, err
	})
	if err != nil {
		return nil, fmt.Errorf("%d of %d mails for %s: %w", len(found), n, u.Address, err)
	}
	return found, nil
}

// HasID matches a mail whose header has the Message-ID, given without angle
// brackets.
func HasID(messageID string) func(mail []byte) bool {
	return func(mail []byte) bool {
		header, _, _ := bytes.Cut(mail, []byte("\n\n"))
		return bytes.Contains(header, []byte("<"+messageID+">"))
	}
}

// Contains matches a mail with the text anywhere in it.
func Contains(text string) func(mail []byte) bool {
	return func(mail []byte) bool { return bytes.Contains(mail, []byte(text)) }
}
