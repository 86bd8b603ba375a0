//go:build !unix

package smtp

import "net"

// readable looks, without waiting, whether a read would return something now;
// here it can't tell.
func readable(net.Conn) (sure, waiting bool) { return false, false }
