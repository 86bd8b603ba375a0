//go:build integration

package integration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// readMail is what readmail.py prints: a mail as Python's email package sees it.
type readMail struct {
	Subject       string
	MessageID     string `json:"message_id"`
	Date          string
	Headers       []string
	Structure     []string
	From          []person
	Sender        []person
	ReplyTo       []person `json:"reply_to"`
	To, Cc, Bcc   []person
	Text, HTML    *readText
	Files         []readFile
	Defects       []string
	HeaderDefects []string `json:"header_defects"`

	source []byte
}

type person struct{ Name, Address string }

type readText struct {
	Text, Charset, Encoding string
	Raw                     []byte
}

type readFile struct {
	Filename, Name, Type, ID, Disposition, Encoding string
	SHA256                                          string
	Size                                            int
}

// read lets all judges read the mail. They must agree with each other and find
// nothing to complain about; what they saw is returned.
func read(t *testing.T, file string) *readMail {
	t.Helper()
	m, err := judge(within(t), file)
	if err != nil {
		t.Errorf("%s: %v", file, err)
	}
	if m == nil {
		t.FailNow()
	}
	return m
}

// judge returns what Python read, and all complaints of all judges. If Python
// could not read the mail there is nothing but the error.
func judge(ctx context.Context, file string) (*readMail, error) {
	m := &readMail{}
	out, err := run(ctx, nil, "python3", "readmail.py", file)
	if err == nil {
		err = json.Unmarshal(out, m)
	}
	if err == nil {
		m.source, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, err
	}
	faults := []error{m.checkForm(), m.checkSubject(ctx)}
	for _, text := range []*readText{m.Text, m.HTML} {
		if text != nil {
			faults = append(faults, text.check(ctx))
		}
	}
	return m, errors.Join(faults...)
}

// checkForm looks at what no reader may have to forgive.
func (m *readMail) checkForm() error {
	var faults []error
	for _, d := range m.Defects {
		faults = append(faults, fmt.Errorf("defect: %s", d))
	}
	for _, d := range m.HeaderDefects {
		if !deliberate(d) {
			faults = append(faults, fmt.Errorf("defect in a header field: %s", d))
		}
	}
	for i, line := range bytes.Split(m.source, []byte("\n")) {
		if len(line) > 998 {
			faults = append(faults, fmt.Errorf("line %d has %d octets", i+1, len(line)))
		}
		if slices.ContainsFunc(line, func(c byte) bool { return c > 126 || c == 0 || c == '\r' }) {
			faults = append(faults, fmt.Errorf("line %d is not 7-bit text: %q", i+1, clip(string(line))))
		}
	}
	return errors.Join(faults...)
}

// deliberate tells the one departure from the standards that is meant: the
// name= parameter has RFC 2047 words in quotes, for mail programs that don't
// know RFC 2231.
func deliberate(defect string) bool {
	rest, ok := strings.CutPrefix(defect, "Content-Type: InvalidHeaderDefect: ")
	return ok && (rest == "encoded word inside quoted string" ||
		rest == "missing trailing whitespace after encoded-word")
}

// checkSubject has nkf decode the field as it arrived.
func (m *readMail) checkSubject(ctx context.Context) error {
	lines := strings.SplitAfter(string(m.source), "\n")
	start := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Subject: ") })
	if start < 0 {
		return errors.New("no Subject field")
	}
	field := lines[start]
	for _, l := range lines[start+1:] {
		if !strings.HasPrefix(l, " ") && !strings.HasPrefix(l, "\t") {
			break
		}
		field += l
	}
	out, err := run(ctx, []byte(field), "nkf", "-w", "-m", "-x")
	if err != nil {
		return err
	}
	got := strings.NewReplacer("\n ", " ", "\n\t", "\t").Replace(strings.TrimSuffix(string(out), "\n"))
	if want := "Subject: " + m.Subject; spell(got) != spell(want) {
		return fmt.Errorf("nkf reads %q, Python reads %q", got, want)
	}
	return nil
}

// check has a strict and a lenient converter decode the octets that Python
// decoded.
func (text *readText) check(ctx context.Context) error {
	var faults []error
	nkf := "-W"
	if strings.EqualFold(text.Charset, "iso-2022-jp") {
		nkf = "-J"
		faults = append(faults, checkISO2022JP(text.Raw))
	}
	for _, program := range [][]string{
		{"iconv", "-f", text.Charset, "-t", "UTF-8"},
		{"nkf", nkf, "-w", "-m0", "-x"},
	} {
		out, err := run(ctx, text.Raw, program[0], program[1:]...)
		got := strings.ReplaceAll(string(out), "\r\n", "\n")
		if err == nil && spell(got) != spell(text.Text) {
			err = fmt.Errorf("%s reads %q, Python reads %q", program[0], clip(got), clip(text.Text))
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// checkISO2022JP holds the octets to RFC 1468: no other escape sequences than
// those of ASCII and JIS X 0208, and every line ends in ASCII.
func checkISO2022JP(raw []byte) error {
	for i, line := range bytes.Split(raw, []byte("\n")) {
		kanji := false
		for rest := line; ; {
			_, after, found := bytes.Cut(rest, []byte{0x1b})
			if !found {
				break
			}
			switch {
			case bytes.HasPrefix(after, []byte("$B")):
				kanji = true
			case bytes.HasPrefix(after, []byte("(B")):
				kanji = false
			default:
				return fmt.Errorf("line %d has a foreign escape sequence: %q", i+1, clip(string(after)))
			}
			rest = after
		}
		if kanji {
			return fmt.Errorf("line %d does not end in ASCII: %q", i+1, clip(string(line)))
		}
	}
	return nil
}

// spell unifies characters that JIS X 0208 has once and Unicode twice: decoders
// are free to choose either.
func spell(s string) string { return spellings.Replace(s) }

var spellings = strings.NewReplacer(
	"〜", "～", "−", "－", "‖", "∥", "¢", "￠", "£", "￡", "¬", "￢", "—", "―",
)

// run gives a program its input and returns its output. A program that is
// missing, that fails or that prints a complaint is an error.
func run(ctx context.Context, stdin []byte, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err == nil && complaints.Len() > 0 {
		err = errors.New("it complained")
	}
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w\n%s", name, args, err, complaints.Bytes())
	}
	return out, nil
}

// clip shortens what a failure quotes.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "..."
	}
	return s
}
