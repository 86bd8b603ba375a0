package route

import (
	"fmt"
	"strings"
)

// Format writes routes as a file that Parse reads as the same routes. A Transport
// can't be written; its type stands in its place, in parentheses.
func Format(routes []Route) string {
	var b strings.Builder
	for i := range routes {
		b.WriteString(routes[i].String())
		b.WriteByte('\n')
	}
	return b.String()
}

// String writes the route as a line.
func (r Route) String() string {
	target := string(r.Target)
	if r.Transport != nil {
		target = fmt.Sprintf("(%T)", r.Transport)
	}
	line := r.Pattern + " " + target
	if opts := writeOptions(&r); opts != "" {
		line += " " + opts
	}
	return line
}
