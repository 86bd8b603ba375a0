package bench_test

import (
	"bytes"
	"testing"
)

// traits are what the mails of a library have in common beyond what TestSameMail
// asks for.
type traits struct {
	messageID bool // the library writes a Message-ID
	line      int  // the longest line of a header allowed: 76 or 78, 998, or 0 for more
}

// differences are those that README.md tells.
var differences = map[string]traits{
	"qdmail":  {messageID: true, line: 76},
	"go-mail": {messageID: true, line: 76},
	"gomail":  {line: 0},
	"enmime":  {line: 998},
	"email":   {messageID: true, line: 0},
}

// TestDifferences holds README.md to what it says about the libraries.
func TestDifferences(t *testing.T) {
	for _, lib := range libraries {
		want, longest := differences[lib.name], 0
		for _, l := range letters(t, testSize) {
			if !lib.can(l) {
				continue
			}
			raw := build(t, &lib, l)()
			header, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
			if got := bytes.Contains(bytes.ToLower(append([]byte("\r\n"), header...)), []byte("\r\nmessage-id:")); got != want.messageID {
				t.Errorf("%s, %s: Message-ID is %t, want %t", lib.name, l.name, got, want.messageID)
			}
			for line := range bytes.Lines(header) {
				longest = max(longest, len(bytes.TrimRight(line, "\r\n")))
			}
			for i, c := range raw {
				if c >= 0x80 || c == '\n' && raw[i-1] != '\r' {
					t.Errorf("%s, %s: octet %#x at %d is not 7-bit with CRLF", lib.name, l.name, c, i)
					break
				}
			}
		}
		t.Logf("%s: the longest header line has %d octets", lib.name, longest)
		class := 0
		for _, limit := range []int{998, 78, 76} {
			if longest <= limit {
				class = limit
			}
		}
		if class != want.line {
			t.Errorf("%s: the longest header line has %d octets, want at most %d", lib.name, longest, want.line)
		}
	}
}
