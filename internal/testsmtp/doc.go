// Package testsmtp is an SMTP server for tests: it keeps what it is sent,
// writes down what was said, and fails on demand in every way a real server
// can fail.
//
// A [Server] with no field set accepts all mail. [Server.Dial] connects to it
// in memory, which also works inside a testing/synctest bubble;
// [Server.Listen] puts it on a loopback port. [Server.On] is asked at every
// step of a conversation and may answer with a [Fault]. Afterwards
// [Server.Messages], [Server.Transcript], [Server.Connections] and
// [Server.Violations] tell what happened.
//
// The server is strict: it refuses what the standards let it refuse, and notes
// as a violation what a lenient server would let pass.
//
// For tests that need the exact words of a conversation, [Play] serves one
// connection by a script. [Pipe] is the connection beneath [Server.Dial], and
// [Certificate] makes a certificate for it.
//
// Read server.go, event.go and fault.go for what can be set, then session.go,
// command.go and answer.go for the course of a conversation, and the files
// named after a command for the rest of it; pipe.go and script.go stand alone.
package testsmtp
