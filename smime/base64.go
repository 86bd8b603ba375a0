package smime

import (
	"encoding/base64"
	"io"
)

const (
	lineIn   = 57 // octets that make a line of 76 (RFC 2045 section 6.8)
	lineOut  = lineIn/3*4 + 2
	perChunk = 128 // lines
)

// base64Len is the number of octets that n octets take in lines of base64.
func base64Len(n int64) int64 {
	return (n+2)/3*4 + (n+lineIn-1)/lineIn*2
}

// appendBase64 appends src in lines.
func appendBase64(dst, src []byte) []byte {
	for len(src) > 0 {
		n := min(len(src), lineIn)
		dst = base64.StdEncoding.AppendEncode(dst, src[:n])
		dst = append(dst, "\r\n"...)
		src = src[n:]
	}
	return dst
}

// base64Reader reads src in lines of base64.
type base64Reader struct {
	src io.Reader
	in  [perChunk * lineIn]byte
	buf []byte // encoded
	at  int    // how much of buf was given out
	err error  // after buf
}

func (r *base64Reader) Read(p []byte) (int, error) {
	for r.at == len(r.buf) {
		if r.err != nil {
			return 0, r.err
		}
		n, err := io.ReadFull(r.src, r.in[:])
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			r.err = io.EOF
		default:
			r.err, n = err, 0
		}
		if r.buf == nil {
			r.buf = make([]byte, 0, perChunk*lineOut)
		}
		r.buf, r.at = appendBase64(r.buf[:0], r.in[:n]), 0
	}
	n := copy(p, r.buf[r.at:])
	r.at += n
	return n, nil
}
