//go:build integration

package agreement_test

import (
	"bytes"
	"strings"
	"testing"
)

// judgeJIS has nkf and a strict iconv decode every text in ISO-2022-JP, from the
// octets that the readers took out of the mails.
func judgeJIS(t *testing.T, want map[string]*mail, got reading) {
	t.Helper()
	parts, refused := 0, 0
	python := map[string]*mail{}
	for _, m := range got["python-compat32"] {
		python[m.File] = m
	}
	for _, m := range got["go"] {
		w, other := want[m.File], python[m.File]
		for _, p := range [][3]*body{{w.Text, m.Text, other.Text}, {w.HTML, m.HTML, other.HTML}} {
			if p[0] == nil || p[0].Charset != jisLabel {
				continue
			}
			parts++
			if !bytes.Equal(p[1].Raw, p[2].Raw) {
				t.Errorf("-seed %d: %s: Go and Python take out different octets", *seed, m.File)
			}
			if !judgePart(t, m.File, p[0].Text, p[1].Raw) {
				refused++
			}
		}
	}
	t.Logf("nkf and iconv judged %d parts in ISO-2022-JP; %d have vendor characters, which iconv has to refuse", parts, refused)
}

// judgePart reports whether the part is strict ISO-2022-JP.
func judgePart(t *testing.T, file, want string, raw []byte) bool {
	t.Helper()
	same := func(program string, out []byte, err error) {
		if got := spell(string(out), jisLabel); err != nil || got != want {
			t.Errorf("-seed %d: %s: %s: %v\n got %q\nwant %q", *seed, file, program, err, clip(got), clip(want))
		}
	}
	out, err := run(t.Context(), raw, "nkf", "-J", "-w", "-m0", "-x")
	same("nkf", out, err)
	out, err = run(t.Context(), raw, "iconv", "-f", "ISO-2022-JP", "-t", "UTF-8")
	if !strings.ContainsAny(want, vendorRunes) {
		same("iconv", out, err)
		return true
	}
	if err == nil {
		t.Errorf("-seed %d: %s: iconv takes vendor characters for ISO-2022-JP", *seed, file)
	}
	return false
}
