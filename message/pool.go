package message

import (
	"bytes"
	"sync"
)

// renderers are those that are done, for the memory that they have.
var renderers = sync.Pool{New: func() any { return new(renderer) }}

func takeRenderer() *renderer { return renderers.Get().(*renderer) }

// maxKept is how large a buffer may be that is kept for the next message.
const maxKept = 64 << 10

// giveBack keeps the memory of r for the next message, and nothing of this one.
func (r *renderer) giveBack() {
	if cap(r.b.Bytes()) > maxKept || cap(r.scratch) > maxKept {
		return
	}
	r.job = job{}
	renderers.Put(r)
}

// freeze returns what was rendered of m, with what its report needs.
func (r *renderer) freeze(m *Message) *frozen {
	buf := bytes.Clone(r.b.Bytes())
	f := &frozen{
		octets:    octets{buf, r.segments},
		size:      int64(len(buf)),
		messageID: string(buf[r.idEnd-r.idLen : r.idEnd]),
		r:         &renderer{job: r.job},
	}
	for i := range f.segments {
		f.size += f.segments[i].encodedSize()
	}
	if !r.plain || len(r.parts) > 0 { // otherwise there is nothing to report about it
		given := *m
		f.r.given = &given
	}
	return f
}
