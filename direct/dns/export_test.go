package dns

// Cached is the number of answers in the cache.
func (c *Client) Cached() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.cache)
}

// ParseResolvConf returns the servers, with "+" after those that are trusted.
func ParseResolvConf(text string) []string {
	var list []string
	for _, s := range parseResolvConf(text, false) {
		name := s.String()
		if s.trusted {
			name += "+"
		}
		list = append(list, name)
	}
	return list
}
