package mime_test

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/qdmail/qdmail/encoding/mime"
)

func BenchmarkParse(b *testing.B) {
	line := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 57)) + "\r\n"
	large := []byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	large = append(append(large, bytes.Repeat([]byte(line), 10e6/len(line))...), "--b--\r\n"...)
	for _, v := range []struct {
		name string
		in   []byte
	}{{"small", []byte(nestedMail)}, {"10MB", large}} {
		b.Run(v.name, func(b *testing.B) {
			b.SetBytes(int64(len(v.in)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := mime.Parse(v.in, mime.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeHeader(b *testing.B) {
	const s = "=?ISO-2022-JP?B?GyRCOCtAUT1xGyhC?= =?utf-8?q?=E3=81=82?= (plain)"
	b.ReportAllocs()
	for b.Loop() {
		mime.DecodeHeader(s)
	}
}
