package testsmtp

// Phase is a step of a conversation at which Server.On is asked.
type Phase string

// The phases, in the order in which a conversation meets them.
const (
	// Handshake is the TLS handshake, after STARTTLS or first of all.
	Handshake Phase = "handshake"
	Greeting  Phase = "greeting"
	EHLO      Phase = "EHLO"
	HELO      Phase = "HELO"
	STARTTLS  Phase = "STARTTLS"
	// AUTH is the command and each later line of its exchange.
	AUTH Phase = "AUTH"
	MAIL Phase = "MAIL"
	RCPT Phase = "RCPT"
	DATA Phase = "DATA"
	// Body is the content: asked once after the 354 reply to DATA and once per
	// BDAT chunk, both before the first octet is read. See Fault.After.
	Body Phase = "body"
	// BDAT is the reply to a chunk, asked after its octets were read.
	BDAT Phase = "BDAT"
	// End is the reply to the final dot. It is asked for BDAT ... LAST as well,
	// if there was no fault for BDAT.
	End  Phase = "end"
	RSET Phase = "RSET"
	NOOP Phase = "NOOP"
	QUIT Phase = "QUIT"
	// Other is any other command, known or not.
	Other Phase = "other"
)

// Event is one step of a conversation, given to Server.On before the server
// acts on it.
type Event struct {
	// Conn is the number of the connection, from 0.
	Conn  int
	Phase Phase
	// N counts the earlier events of this phase on this connection.
	N int
	// Line is the client's line without its ending, "" where there is none. It
	// is not redacted.
	Line string
	// Transaction is the number of the last MAIL command on this connection,
	// from 0; it is 0 before the first one too.
	Transaction int
}
