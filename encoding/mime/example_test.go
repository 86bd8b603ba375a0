package mime_test

import (
	"bytes"
	"fmt"

	"github.com/qdmail/qdmail/encoding/mime"
)

// A message is shown as a person reads it.
func Example() {
	root, err := mime.Parse([]byte("Subject: =?ISO-2022-JP?B?GyRCOCtAUT1xGyhC?=\r\n"+
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n"+
		"--b\r\nContent-Type: text/plain; charset=ISO-2022-JP\r\n\r\n\x1b$B$43NG'$/$@$5$$\x1b(B\r\n"+
		"--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n"+
		"Content-Disposition: attachment; filename*=UTF-8''%E8%A6%8B%E7%A9%8D%E6%9B%B8.pdf\r\n\r\nJVBERg==\r\n"), mime.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(root.Header.Text("Subject"))
	root.Walk(func(p *mime.Part) bool {
		switch {
		case p.MediaType == "text/plain":
			text, err := p.Text()
			fmt.Println(text, err)
		case p.FileName() != "":
			content, err := p.Content()
			fmt.Printf("%s: %q %v\n", p.FileName(), content, err)
		}
		return true
	})
	for _, d := range root.Defects() {
		fmt.Println(d)
	}
	// Output:
	// 見積書
	// ご確認ください <nil>
	// 見積書.pdf: "%PDF" <nil>
	// mime: a multipart without its end (at octet 332)
}

// A message is sent again as it is, but for a field that must not be seen.
func ExampleField_Raw() {
	root, err := mime.Parse([]byte("Subject: a\r\nBcc: secret@example.jp,\r\n other@example.jp\r\nTo: b@example.jp\r\n\r\nbody\r\n"), mime.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var out bytes.Buffer
	for _, f := range root.Header {
		if !f.Is("Bcc") {
			out.Write(f.Raw())
		}
	}
	out.Write(root.Blank())
	out.Write(root.Body())
	fmt.Printf("%q\n", out.String())
	// Output:
	// "Subject: a\r\nTo: b@example.jp\r\n\r\nbody\r\n"
}

func ExampleParseHeader() {
	content := []byte("Reporting-MTA: dns; mx.example.jp\r\n\r\nFinal-Recipient: rfc822; a@example.jp\r\nStatus: 5.1.1\r\n")
	for len(content) > 0 {
		group, n, err := mime.ParseHeader(content, mime.Limits{})
		if err != nil || n == 0 {
			break
		}
		for _, f := range group {
			fmt.Printf("%s = %s\n", f.Name(), f.Value())
		}
		content = content[n:]
	}
	// Output:
	// Reporting-MTA = dns; mx.example.jp
	// Final-Recipient = rfc822; a@example.jp
	// Status = 5.1.1
}
