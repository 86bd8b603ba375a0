//go:build !unix

package smtp

import "net"

// sight looks at a connection; here it can't tell anything.
type sight struct{}

func newSight(net.Conn) *sight { return nil }

func (*sight) readable() (sure, waiting bool) { return false, false }
