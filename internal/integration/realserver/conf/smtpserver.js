// Runs smtp-server on two ports: one with STARTTLS and XOAUTH2, one in clear text
// for everybody. What they are given is a line of JSON each in given.jsonl, there
// before the server says 250.
// Usage: node smtpserver.js USER TOKEN

'use strict';

const fs = require('fs');
const { SMTPServer } = require('smtp-server');

const [user, token] = process.argv.slice(2);

const address = ({ address, args }) => ({ Address: address, Args: args || {} });

const given = (session, body) => ({
    User: session.user || '',
    TransmissionType: session.transmissionType,
    TLS: session.secure,
    RequireTLS: session.envelope.requireTLS,
    UTF8: session.envelope.smtpUtf8,
    From: address(session.envelope.mailFrom),
    To: session.envelope.rcptTo.map(address),
    Body: body.toString('base64')
});

const common = {
    name: 'npm.test',
    disableReverseLookup: true,
    hideENHANCEDSTATUSCODES: false,
    hideDSN: false,
    hideREQUIRETLS: false,
    size: 10 << 20,
    onData(stream, session, done) {
        const pieces = [];
        stream.on('data', piece => pieces.push(piece));
        stream.on('end', () => {
            fs.appendFileSync('given.jsonl', JSON.stringify(given(session, Buffer.concat(pieces))) + '\n');
            done();
        });
    }
};

const ports = [
    {
        ...common,
        key: fs.readFileSync('server.key'),
        cert: fs.readFileSync('server.pem'),
        authMethods: ['XOAUTH2'],
        onAuth(auth, session, done) {
            const good = auth.method === 'XOAUTH2' && auth.username === user && auth.accessToken === token;
            done(null, good ? { user } : { data: { status: '401', schemes: 'bearer', scope: 'mail' } });
        }
    },
    { ...common, authOptional: true, disabledCommands: ['STARTTLS', 'AUTH'] }
].map(options => {
    const server = new SMTPServer(options);
    server.on('error', error => console.error(error.message));
    return new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(server.server.address().port)));
});

Promise.all(ports).then(([secure, clear]) => console.log(`listening on ${secure} and ${clear}`));
process.on('SIGTERM', () => process.exit(0));
