//go:build integration

package integration_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/qdmail/qdmail/internal/integration/realserver"
)

// handmade is a mail written by hand, octet by octet, so that servers and judges
// are known to work before anything of ours goes through them.
const handmade = "From: =?ISO-2022-JP?B?GyRCO3pFRBsoQg==?= <sales@sender.test>\r\n" +
	"To: \"Doe, John\" <taro@dest.test>\r\n" +
	"Subject: =?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=\r\n" +
	" =?ISO-2022-JP?B?GyRCJUYlOSVIGyhC?=\r\n" +
	"Message-ID: <id@sender.test>\r\n" +
	"Date: Thu, 01 Jan 2026 09:00:00 +0900\r\n" +
	"MIME-Version: 1.0\r\n" +
	"Content-Type: multipart/mixed; boundary=b\r\n" +
	"\r\n" +
	"--b\r\n" +
	"Content-Type: text/plain; charset=iso-2022-jp\r\n" +
	"\r\n" +
	"\x1b$B$\"\x1b(Ba\x1b$B$$\x1b(B\r\n" +
	"\r\n" +
	"--b\r\n" +
	"Content-Type: application/octet-stream;\r\n" +
	" name=\"=?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=.bin\"\r\n" +
	"Content-Disposition: attachment; filename*=UTF-8''%E6%97%A5%E6%9C%AC%E8%AA%9E.bin\r\n" +
	"Content-Transfer-Encoding: base64\r\n" +
	"\r\n" +
	"AAAA\r\n" +
	"--b--\r\n"

// TestServersAndJudges takes the handmade mail through the servers with the
// standard library's client.
func TestServersAndJudges(t *testing.T) {
	host, to, id := startedHost(t), realserver.Recipients[0], newMessageID()
	config := clientTLS(t, host)
	client, err := smtp.Dial(net.JoinHostPort("127.0.0.1", strconv.Itoa(host.Submission)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if ok, _ := client.Extension("AUTH"); ok {
		t.Error("the server offers AUTH before STARTTLS")
	}
	must(t, client.StartTLS(config))
	must(t, client.Auth(smtp.PlainAuth("", realserver.Sender.Address, realserver.Sender.Password, "127.0.0.1")))
	must(t, client.Mail(realserver.Sender.Address))
	must(t, client.Rcpt(to.Address))
	w, err := client.Data()
	must(t, err)
	_, err = w.Write([]byte(strings.Replace(handmade, "id@sender.test", id, 1)))
	must(t, err)
	must(t, w.Close())
	must(t, client.Quit())

	file, err := host.Await(within(t), to, id)
	must(t, err)
	m := read(t, file)
	if m.Subject != "日本語テスト" || m.Text.Text != "あaい\n" || m.MessageID != id {
		t.Errorf("read %q, %q, %q", m.Subject, m.Text.Text, m.MessageID)
	}
	if m.From[0] != (person{"字田", "sales@sender.test"}) || m.To[0] != (person{"Doe, John", "taro@dest.test"}) {
		t.Errorf("read from %q to %q", m.From, m.To)
	}
	if f := m.Files[0]; f.Filename != "日本語.bin" || f.Name != "日本語.bin" || f.SHA256 != "709e80c88487a2411e1ee4dfb9f22a861492d20c4765150c0c794abd70f8147c" {
		t.Errorf("read file %+v", f)
	}
	if mails := pop3(t, host, to); !strings.Contains(strings.Join(mails, ""), "<"+id+">") {
		t.Error("the mail is not to be had over POP3")
	}
}

// TestJudgesObject spoils the handmade mail in one place at a time; the judges
// must not let it pass.
func TestJudgesObject(t *testing.T) {
	unix := strings.ReplaceAll(handmade, "\r\n", "\n")
	for name, spoil := range map[string][2]string{
		"nothing spoilt":            {"", ""},
		"half-width kana":           {"a\x1b$B$$\x1b(B", "\x1b(I1\x1b(B"},
		"NEC row 13":                {"$B$$", "$B-!"},
		"line ends in kanji":        {"$B$$\x1b(B", "$B$$"},
		"8-bit octet":               {"(Ba", "(B\xb1"},
		"subject cut in the middle": {"JUYlOSVIGyhC", "JUYlOSV"},
		"subject with row 13":       {"GyRCJUYlOSVIGyhC", "GyRCLSEbKEI="},
		"subject not in ASCII":      {"Subject: ", "Subject: \u3042"},
		"no subject":                {"Subject: ", "X-Subject: "},
		"boundary never closed":     {"--b--", ""},
		"boundary unknown":          {"boundary=b", "boundary=c"},
		"base64 cut":                {"AAAA", "AAA"},
		"unknown charset":           {"charset=iso-2022-jp", "charset=iso-2022-xx"},
		"line too long":             {"(Ba", "(B" + strings.Repeat("a", 1000)},
		"words in the disposition":  {"filename*=UTF-8''%E6%97%A5%E6%9C%AC%E8%AA%9E.bin", `filename="=?UTF-8?B?44GC?="`},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "spoilt.eml")
			spoilt := strings.Replace(unix, spoil[0], spoil[1], 1)
			must(t, os.WriteFile(file, []byte(spoilt), 0o600))
			_, err := judge(within(t), file)
			if (err == nil) != (spoilt == unix) {
				t.Errorf("judges say: %v", err)
			}
			if spoilt == unix && name != "nothing spoilt" {
				t.Error("nothing was spoilt")
			}
		})
	}
}

func clientTLS(t *testing.T, host *realserver.Host) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(host.CAFile)
	must(t, err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate in ", host.CAFile)
	}
	return &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
}

// pop3 returns all mails of u as Dovecot gives them out, with LF line endings.
func pop3(t *testing.T, host *realserver.Host, u realserver.User) []string {
	t.Helper()
	raw, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(host.POP3S)), clientTLS(t, host))
	must(t, err)
	conn := textproto.NewConn(raw)
	defer conn.Close()
	ask := func(line string) {
		t.Helper()
		if line != "" {
			must(t, conn.PrintfLine("%s", line))
		}
		reply, err := conn.ReadLine()
		must(t, err)
		if !strings.HasPrefix(reply, "+OK") {
			t.Fatalf("POP3 server says %q", reply)
		}
	}
	ask("")
	ask("USER " + u.Address)
	ask("PASS " + u.Password)
	ask("LIST")
	list, err := conn.ReadDotLines()
	must(t, err)
	mails := make([]string, len(list))
	for i := range list {
		ask("RETR " + strconv.Itoa(i+1))
		mail, err := conn.ReadDotBytes()
		must(t, err)
		mails[i] = string(mail)
	}
	ask("QUIT")
	return mails
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
