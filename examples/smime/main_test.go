package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^Content-Type: multipart/signed; micalg=sha-256;$`,
		`(?m)^as it was sent: good, by sato@shop\.example\.jp with SHA-256$`,
		`(?m)^with another amount: .*the content was changed$`,
		`(?m)^by a reader who doesn't know the CA: .*unknown authority$`,
		`(?m)^as a mail of the CEO: .*ceo@shop\.example\.jp: the address isn't in the certificate$`,
		`(?m)^the copy for \[taro@example\.jp\], read by taro@example\.jp: good, by sato`,
		`(?m)^the copy for \[taro@example\.jp\], read by audit@shop\.example\.jp: .*isn't encrypted to this certificate$`,
		`(?m)^the copy for \[audit@shop\.example\.jp\], read by audit@shop\.example\.jp: good, by sato`,
	} {
		if n := len(regexp.MustCompile(want).FindAllString(out.String(), -1)); n != 1 {
			t.Errorf("%s is there %d times in\n%s", want, n, out.String())
		}
	}
	if header, _, _ := strings.Cut(out.String(), "\n\n"); strings.Contains(header, "audit") {
		t.Error("the header names the Bcc recipient")
	}
}
