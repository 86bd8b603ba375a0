package message_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/message"
)

// wrapping is a Signer that puts the entity between two lines, and counts.
type wrapping struct {
	signed  *int
	refuses error
	asked   []string
}

func (w *wrapping) Sign(dst io.Writer, entity func() (io.ReadCloser, error)) error {
	*w.signed++
	r, err := entity()
	if err != nil {
		return err
	}
	defer r.Close()
	io.WriteString(dst, "Content-Type: x/signed\r\n\r\nbegin\r\n")
	_, err = io.Copy(dst, r)
	io.WriteString(dst, "\r\nend\r\n")
	return err
}

func (w *wrapping) CheckFrom(addresses ...string) error {
	w.asked = addresses
	return w.refuses
}

// dkimField is a HeaderSigner that gives a field with the length of the message.
type dkimField string

func (f dkimField) SignMessage(open func() (io.ReadCloser, error)) (string, error) {
	r, err := open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	whole, err := io.ReadAll(r)
	if !bytes.Contains(whole, []byte("begin")) {
		return "", errors.New("not signed yet")
	}
	return string(f), err
}

func readAll(t *testing.T, b interface {
	Open() (io.ReadCloser, error)
	Size() int64
}) string {
	t.Helper()
	r, err := b.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	whole, err := io.ReadAll(r)
	if err != nil || int64(len(whole)) != b.Size() {
		t.Errorf("%d octets, not %d: %v", len(whole), b.Size(), err)
	}
	return string(whole)
}

// The order is: content, S/MIME, outer header, DKIM; once, whatever is read
// afterwards. Bcc is in none of it.
func TestSignedTwice(t *testing.T) {
	n := 0
	w := &wrapping{signed: &n}
	e := &message.Encoder{Signer: w, HeaderSigner: dkimField("DKIM-Signature: a\r\n b\r\n")}
	m := &message.Message{
		From: message.Address{Address: "a@日本.example"}, Sender: message.Address{Address: "s@x.example"},
		To: []message.Address{{Address: "b@y.example"}}, Bcc: []message.Address{{Address: "secret@z.example"}},
		Subject: "件名", Text: "From here\n", HTML: "<p>x</p>",
		Attachments: []message.Attachment{message.Bytes("a.bin", []byte{1, 2, 3})},
	}
	body, err := e.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	whole := readAll(t, body)
	if again := readAll(t, body); again != whole || n != 1 {
		t.Errorf("signed %d times", n)
	}
	if !strings.HasPrefix(whole, "DKIM-Signature: a\r\n b\r\nDate: ") || strings.Contains(whole, "secret") {
		t.Error(whole)
	}
	head, rest, ok := strings.Cut(whole, "Content-Type: x/signed\r\n\r\nbegin\r\n")
	if !ok || !strings.HasSuffix(head, "MIME-Version: 1.0\r\n") || strings.Contains(head, "Content-") ||
		!strings.HasPrefix(rest, "Content-Type: multipart/mixed") || strings.Contains(rest, "Subject") || !strings.HasSuffix(rest, "\r\nend\r\n") {
		t.Error(whole)
	}
	if strings.Join(w.asked, " ") != "a@xn--wgv71a.example s@x.example" {
		t.Error(w.asked)
	}
	if id, ok := body.(interface{ MessageID() string }); !ok || !strings.Contains(whole, "<"+id.MessageID()+">") {
		t.Error("the message identifier isn't told")
	}
}

// What relays change in passing is encoded when it is signed, and only then.
func TestSignedTextIsSturdy(t *testing.T) {
	for _, text := range []string{"From here\r\n", "trailing \r\nx\r\n", strings.Repeat("x", 77) + "\r\n", "tab\t\r\n"} {
		for _, cs := range []message.Charset{message.UTF8, message.ISO2022JP} {
			n := 0
			m := &message.Message{From: message.Address{Address: "a@x.example"}, To: []message.Address{{Address: "b@y.example"}}, Text: text, Charset: cs}
			plain, err := new(message.Encoder).Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			if whole := readAll(t, plain); !strings.Contains(whole, "Content-Transfer-Encoding: 7bit") {
				t.Error(whole)
			}
			m.Signer = &wrapping{signed: &n}
			var out bytes.Buffer
			if _, err := m.WriteTo(&out); err != nil || n != 1 {
				t.Fatal(err)
			}
			if whole := out.String(); strings.Contains(whole, "7bit") || strings.Contains(whole, strings.TrimSuffix(text, "\r\n")) {
				t.Error(whole)
			}
		}
	}
}

func TestSignerRefuses(t *testing.T) {
	n := 0
	boom := errors.New("not in the certificate")
	e := &message.Encoder{Signer: &wrapping{signed: &n, refuses: boom}}
	m := &message.Message{From: message.Address{Address: "a@x.example"}, To: []message.Address{{Address: "b@y.example"}}, Text: "x"}
	_, err := e.Encode(m)
	fe, ok := errors.AsType[*message.FieldError](err)
	if !ok || fe.Field != "From.Address" || !errors.Is(err, boom) || n != 0 {
		t.Errorf("%v, signed %d times", err, n)
	}
	m.Signer = message.Unsigned{}
	if body, err := e.Encode(m); err != nil || strings.Contains(readAll(t, body), "begin") || n != 0 {
		t.Error(err)
	}
}

// Whatever a HeaderSigner gives, it doesn't get more than fields into the message.
func TestHeaderSignerIsChecked(t *testing.T) {
	n := 0
	for _, text := range []string{
		"X: y", "X: y\n", "X: y\r\n\r\nbody\r\n", "no field\r\n", " folded: x\r\n", "X: y\rz\r\n", "X: y\x00\r\n",
		"X: y\r\n \r\n", "X: " + strings.Repeat("x", 998) + "\r\n", ": y\r\n", "X y: z\r\n",
	} {
		e := &message.Encoder{Signer: &wrapping{signed: &n}, HeaderSigner: dkimField(text)}
		m := &message.Message{From: message.Address{Address: "a@x.example"}, To: []message.Address{{Address: "b@y.example"}}, Text: "x"}
		if _, err := e.Encode(m); err == nil {
			t.Errorf("%q is fine", text)
		}
	}
}
