package bench_test

import (
	"bufio"
	"encoding/base64"
	"io"
	"testing"

	"github.com/qdmail/qdmail/encoding/transfer"
)

const (
	lineIn  = 57 // octets that fill a line of base64
	lineOut = 76 // its characters
)

// perLine is base64 with line breaks as it is usually written: the table-driven
// encoder of the standard library, a line at a time.
func perLine(w io.Writer, data []byte) error {
	out := bufio.NewWriterSize(w, 16<<10)
	var line [lineOut + 2]byte
	for len(data) > 0 {
		in := data[:min(lineIn, len(data))]
		n := base64.StdEncoding.EncodedLen(len(in))
		base64.StdEncoding.Encode(line[:], in)
		line[n], line[n+1] = '\r', '\n'
		if _, err := out.Write(line[:n+2]); err != nil {
			return err
		}
		data = data[len(in):]
	}
	return out.Flush()
}

// whole encodes everything at once and then cuts it into lines.
func whole(w io.Writer, data []byte) error {
	out := bufio.NewWriterSize(w, 16<<10)
	text := base64.StdEncoding.AppendEncode(nil, data)
	for len(text) > 0 {
		line := text[:min(lineOut, len(text))]
		if _, err := out.Write(line); err != nil {
			return err
		}
		if _, err := out.WriteString("\r\n"); err != nil {
			return err
		}
		text = text[len(line):]
	}
	return out.Flush()
}

// table is the loop that every textbook has: three octets, four look-ups in the
// alphabet. It fills one buffer that is there already.
func table(w io.Writer, data, room []byte) error {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	out, col := room[:0], 0
	for len(data) >= 3 {
		v := uint(data[0])<<16 | uint(data[1])<<8 | uint(data[2])
		out = append(out, alphabet[v>>18], alphabet[v>>12&63], alphabet[v>>6&63], alphabet[v&63])
		data = data[3:]
		if col += 4; col == lineOut {
			out, col = append(out, "\r\n"...), 0
		}
	}
	if len(data) > 0 {
		var rest [4]byte
		base64.StdEncoding.Encode(rest[:], data)
		out, col = append(out, rest[:]...), col+4
	}
	if col > 0 {
		out = append(out, "\r\n"...)
	}
	_, err := w.Write(out)
	return err
}

// base64Ways are the ways to write base64 lines that are measured.
func base64Ways(octets int) []base64Way {
	room := make([]byte, transfer.Base64Len(int64(octets)))
	return []base64Way{
		{"qdmail", func(w io.Writer, data []byte) error {
			enc := transfer.NewBase64Writer(w)
			if _, err := enc.Write(data); err != nil {
				return err
			}
			return enc.Close()
		}},
		{"per-line", perLine},
		{"whole", whole},
		{"table", func(w io.Writer, data []byte) error { return table(w, data, room) }},
	}
}

type base64Way struct {
	name  string
	write func(io.Writer, []byte) error
}

// BenchmarkBase64 is the unit for the attachment of 1 MiB: what its base64 alone
// costs, without a message around it.
func BenchmarkBase64(b *testing.B) {
	data := octets(1 << 20)
	for _, v := range base64Ways(len(data)) {
		b.Run("lib="+v.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				var w sink
				if err := v.write(&w, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
