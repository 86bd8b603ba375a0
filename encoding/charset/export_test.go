package charset

import "strings"

// Substitutes are all pairs of the tables, for tests that walk them.
func Substitutes() map[rune]string { return substitutes() }

// SubstitutePairs is how many pairs are written down; fewer in the map would mean
// that one is written twice.
func SubstitutePairs() int {
	return len(lookalikes) + len(strings.Fields(symbols))/2 + len(strings.Fields(kanjiForms))
}
