// Package smtp sends mail to one SMTP server (RFC 5321): [Relay] is the
// transport that most programs want, [Client] is one conversation for those who
// make the connection themselves.
//
// A delivery goes like this; behind each step, the function that does it.
//
//  1. The configuration and the envelope are checked: nothing that can be known
//     to fail beforehand reaches a server. (Relay.config, newPlan)
//  2. A connection is made. (Relay.connect)
//  3. The server greets, and EHLO tells its extensions; a server that doesn't
//     know EHLO gets HELO. (Client.greet, Client.hello)
//  4. STARTTLS, unless TLS came first; then EHLO again, because nothing that was
//     said in clear counts. (Client.startTLS, Client.handshake)
//  5. AUTH, never in clear. (Client.authenticate)
//  6. MAIL, with the parameters that the envelope needs; then RCPT for each
//     mailbox once. One that is refused doesn't stop the others.
//     (transaction.mail, transaction.rcpts)
//  7. DATA, and after 354 the message, checked and dot-stuffed on its way.
//     (transaction.data, transaction.body)
//  8. The hook BeforeEnd; a last look whether the server has spoken too early;
//     then the final dot, in a write of its own. (transaction.body)
//  9. The final reply says what became of it. (transaction.end)
//  10. QUIT, whose reply nobody waits for. (Client.finish)
//
// Until the dot, whatever goes wrong leaves the message Deferred, or NotSent if
// it was our doing; after it, only a complete reply of the server tells, and
// without one the outcome is Unknown. All these decisions stand in one table.
// (decide)
//
// The package is read in this order: decide.go, the judgement; transaction.go
// and data.go, one message; client.go, tls.go and auth.go, the conversation
// around it; wire.go, reply.go, command.go and path.go, what goes over the
// connection and what may; plan.go, config.go, timeouts.go and relay.go, what a
// caller sets.
package smtp
