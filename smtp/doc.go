// Package smtp sends mail to one SMTP server (RFC 5321): [Relay] is the
// transport that most programs want, [Client] is one conversation for those who
// make the connection themselves.
//
// A delivery goes like this; behind each step, the function that does it.
//
//  1. The configuration and the envelope are checked: nothing that can be known
//     to fail beforehand reaches a server. (Relay.begin, newPlan)
//  2. A connection is taken from the pool, waited for, or made. (pool.get,
//     Relay.connect)
//  3. A new one begins with the server's greeting, and EHLO tells its extensions;
//     a server that doesn't know EHLO gets HELO. (Client.greet, Client.hello)
//  4. STARTTLS, unless TLS came first; then EHLO again, because nothing that was
//     said in clear counts. (Client.startTLS, Client.handshake)
//  5. AUTH, never in clear. (Client.authenticate)
//  6. MAIL, with the parameters that the envelope needs; RCPT for each mailbox
//     once; DATA. With PIPELINING all of them go out in one write, with CHUNKING
//     a message of up to 64 KiB as well, once the server has shown that it knows
//     BDAT; otherwise each waits for the reply to the one before.
//     (transaction.ask)
//  7. The replies are judged one by one, whichever way the commands went. One
//     recipient who is refused doesn't stop the others. (transaction.judgeAll)
//  8. After 354 the message, checked and dot-stuffed on its way; the hook
//     BeforeEnd; a last look whether the server has spoken too early; then the
//     final dot, with the commands of the next message behind it if one waits
//     for the connection. (transaction.send)
//  9. The final reply says what became of it. (transaction.onEnd)
//  10. The connection goes to whoever waits for it, back into the pool, or is
//     ended by QUIT, whose reply nobody waits for. (pool.put)
//
// Until the dot, whatever goes wrong leaves the message Deferred, or NotSent if
// it was our doing; after it, only a complete reply of the server tells, and
// without one the outcome is Unknown. A message that goes along with its
// commands is beyond that point as soon as they are written. All these
// decisions stand in one table. (decide)
//
// The package is read in this order: decide.go, the judgement; transaction.go,
// ask.go, judge.go and content.go, one message; extensions.go and limits.go, what
// a server offers; data.go, dots and line ends; client.go, the conversation around
// it; tls.go and tls_pins.go; auth.go, auth_exchange.go, auth_token.go and
// auth_config.go; sasl.go and sasl_scram.go; wire.go, reply.go, command.go and path.go, what
// goes over the connection and what may; pool.go and send.go, who uses which
// connection; plan.go, config.go, timeouts.go and relay.go, what a caller sets;
// popauth.go, pop_session.go, pop_wire.go, pop_leash.go, pop_state.go and
// pop_relay.go, POP before SMTP.
package smtp
