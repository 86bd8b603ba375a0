package qdmail_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qdmail/qdmail"
	"github.com/qdmail/qdmail/smtp"
)

func TestOpenEnv(t *testing.T) {
	const url = "smtp://user:hunter2@mail.example.jp:2525"
	file := filepath.Join(t.TempDir(), "url")
	for _, tt := range []struct {
		name, value, content, want string
	}{
		{"variable", url, "", ""},
		{"file", "", url + "\n", ""},
		{"file of Windows", "", url + "\r\n", ""},
		{"variable with a line end", url + "\r\n", "", ""},
		{"variable with blanks", url + " \n", "", "a blank or a line end"},
		{"neither", "", "", "neither"},
		{"both", url, url, "both"},
		{"two lines", "", url + "\nsecond hunter2\n", "more than one line"},
		{"bad URL", "smtp://user:hunter2@mail.example.jp?x=y", "", "unknown key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("QD_URL", tt.value)
			t.Setenv("QD_URL_FILE", "")
			if tt.content != "" {
				if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
					t.Fatal(err)
				}
				t.Setenv("QD_URL_FILE", file)
			}
			m, err := qdmail.OpenEnv("QD_URL")
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if r := m.Transport.(*smtp.Relay); r.Addr != "mail.example.jp:2525" || r.Password != "hunter2" {
					t.Error(r.Addr)
				}
				return
			}
			if !errors.Is(err, qdmail.ErrURL) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
				t.Error(err)
			}
		})
	}
	t.Setenv("QD_URL", "")
	t.Setenv("QD_URL_FILE", filepath.Join(t.TempDir(), "missing"))
	if _, err := qdmail.OpenEnv("QD_URL"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
