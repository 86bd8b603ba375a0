// Package agreement writes hundreds of generated messages and has four readers
// that share no code with this library say what is in them: Python's email
// package, Ruby's mail, Perl's MIME::Parser and Go's net/mail. Each has to give
// back what was built. nkf and a strict iconv judge the ISO-2022-JP texts.
//
// The tests stand behind the build tag "integration", because they need these
// programs. One that isn't there is a failure, never a skip.
//
// Read alphabet_test.go and generate_test.go for what is built, manifest_test.go
// for what it has to become, readers_test.go and readers for who reads it, and
// quirks_test.go for the places where a reader is known to be wrong itself.
package agreement
