// Package sendmail hands mail to a program of this machine that takes it like
// Sendmail's /usr/sbin/sendmail: Postfix, Exim, OpenSMTPD, msmtp, Sendmail
// itself and whatever else is called so. [Transport] is the delivery.Transport.
//
// A delivery goes like this; behind each step, the function that does it.
//
//  1. The program is looked for, and which one it is, is told by its name with
//     all symbolic links followed. It is never run to find out. (find, identify)
//  2. The envelope is checked, each mailbox is kept once, and recipients who
//     want different notifications, or who are too many, are put into groups.
//     (newPlan)
//  3. For each group a process is started, with an argument list that no shell
//     sees and in which no address can be an option. (argv, start)
//  4. The message, checked and with the program's line ends, goes into its
//     standard input, while what it prints is collected. (text, capture)
//  5. The hook BeforeEnd; then standard input ends. (handover.feed)
//  6. The program's exit code says what became of the message. (decide)
//
// The end of standard input is the end of the message: a program that sees it
// too early sends a truncated mail. So a process whose message can't be completed
// is killed before its input ends. On Linux the input is sealed besides: if it is
// closed for any other reason than the end of the message, even because this
// program itself was killed, that is a read error for the program, which programs
// that tell errors from ends answer by dropping the message. This covers the one
// that can't be killed, such as Exim, which runs as root. Elsewhere, such a program
// keeps its input for as long as this one lives. (stdin)
//
// The package is read in this order: decide.go, the judgement; send.go and
// handover.go, one message; process.go, stdin_linux.go and capture.go, one
// process; text.go, what goes into it; argv.go, address.go and plan.go, what it is
// told; program.go, transport.go and error.go, what a caller sets and gets.
package sendmail
