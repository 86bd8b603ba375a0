// Package route chooses a transport for each recipient by the domain of the
// address, as sendmail's mailertable, qmail's smtproutes and Postfix's transport
// table do.
//
// A [Table] is a delivery.Transport made of routes. The routes are Go values or
// the lines of a small file, which [Parse] reads and [Format] writes:
//
//	# pattern       target       options
//	docomo.ne.jp    hosts:mx.carrier.example:25  from=news.example.co.jp source=192.0.2.7 ehlo=out7.example.co.jp tls=opportunistic concurrency=2 recipients=1 rate=1/s
//	docomo.ne.jp    direct       concurrency=1 recipients=1
//	au.com,ezweb.ne.jp,.ezweb.ne.jp  direct  concurrency=1 recipients=1 rate=30/m
//	mx:.google.com  relay:bulk   tls=verify
//	old.example.jp  refuse       reply="550 5.1.2 that domain is gone"
//	staging.test    hold
//	*               direct
//
// The first two lines are how a mobile carrier's dedicated host is used, which
// takes mail of one sender from one address: that sender's mail goes there, and
// everybody else's to the carrier's public hosts, slowly and one recipient at a
// time.
//
// Such a file and the URLs of the relays that it names are all that [URLs] needs for
// a Table. In one URL, it is the scheme route of qdmail.Open; see [Scheme].
//
// A line has a pattern, a target and options, with blanks between them. Empty
// lines and what follows a "#" at the beginning of a word are ignored.
//
//	line    = [ list target *option ] [ comment ]
//	list    = pattern *( "," pattern )
//	pattern = "*"             ; every recipient
//	        / domain          ; recipients at this domain
//	        / "." domain      ; at any domain below it
//	        / "mx:" domain    ; at domains that have this MX host
//	        / "mx:." domain   ; ... an MX host below this domain
//	target  = word            ; what Config.Open knows, for URLs
//	                          ; direct  relay:name  hosts:host:port,...  sendmail
//	        / "refuse"        ; answered with reply= by the table itself
//	        / "hold"          ; deferred by the table itself
//	option  = key "=" value   ; each key once
//	value   = word            ; no blanks
//	        / <"> *char <">   ; \" and \\ stand for " and \
//
// The options:
//
//	from=example.jp,.example.com,<>   envelope senders whose mail goes this way:
//	                                  a domain, those below a domain, the null
//	                                  reverse-path; default: all
//	source=192.0.2.1,2001:db8::1      our address, one for each family
//	ehlo=mail.example.jp              our name
//	tls=opportunistic                 insecure-none, opportunistic, required,
//	                                  verify, verify:name
//	rate=60/m                         messages in a time: s, m, h, d or 90s; they are
//	                                  evenly spread, and one for two recipients
//	                                  counts as two
//	concurrency=2                     connections at a time
//	recipients=1                      recipients of one transaction
//	reply="550 5.7.1 text"            what refuse answers; default: 550 5.7.1
//
// The longest pattern wins, wherever it stands: a domain before those above it,
// these before MX hosts, and "*" last. A pattern may stand in several lines if
// they are for different senders; of these, the first that suits counts. If none
// suits, the mail isn't sent: it doesn't go by a shorter pattern.
//
// The Table acts on from, rate and reply, and passes the other options on; what
// becomes of them stands with [URLs]. Each line has its own rate, which all the
// patterns of the line share.
//
// Read route.go, pattern.go and table.go, then send.go and hooks.go, and paced.go with
// turns.go; the file is read by parse.go with option.go and scan.go, and written by
// format.go. Transports of it are made by urls.go with settings.go, load.go, scheme.go
// and mx.go.
package route
