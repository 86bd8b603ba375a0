// Package bench compares composing mail with this library and with others. It has
// nothing but tests: letter_test.go has the mails, library_test.go and qdmail_test.go
// how each library writes them, valid_test.go and difference_test.go what comes out,
// and compose_test.go, charset_test.go and base64_test.go the benchmarks. How to run
// them and what was measured stands in README.md.
package bench
