package mtasts

// Turns is the number of domains that somebody looks after at the moment.
func (c *Client) Turns() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.turns)
}
