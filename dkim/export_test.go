package dkim

import "bufio"

// AuthorDomain is authorDomain, for the tests.
var AuthorDomain = authorDomain

// ReadFields returns what readHeader read, each field as name and value.
func ReadFields(r *bufio.Reader) ([][2]string, error) {
	h, err := readHeader(r)
	var list [][2]string
	for _, f := range h {
		list = append(list, [2]string{f.name, f.value})
	}
	return list, err
}
