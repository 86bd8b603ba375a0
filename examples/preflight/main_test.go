package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^━━━ A host that is fit: 0 failures, 0 warnings, 21 ok, 0 not checked$`,
		`(?m)^ok +port25 IPv4: `,
		`(?m)^→ OK: true$`,
		`(?m)^━━━ A host that isn't: 10 failures, 2 warnings, 7 ok, 3 not checked$`,
		`(?m)^failure +ptr 2001:db8::7: the address has no PTR record$`,
		`(?m)^failure +port25 IPv4: nothing comes back from any host`,
		`(?m)^→ OK: false$`,
	} {
		if n := len(regexp.MustCompile(want).FindAllString(out.String(), -1)); n != 1 {
			t.Errorf("%s is there %d times in\n%s", want, n, out.String())
		}
	}
}
