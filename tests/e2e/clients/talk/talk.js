// SPDX-License-Identifier: GPL-2.0-only
// A client, for node 8 to 24 and bun. Usage: talk.js PORT SECRET: says "ready", waits for a
// line, says the secret and reads the answer to its end.
'use strict';
const tls = require('tls');

const port = process.argv[2], secret = process.argv[3];
const body = Buffer.from((secret + '\x00\x01\xff').repeat(4000), 'latin1');

process.stdin.once('data', () => {
	const c = tls.connect({port: +port, host: '127.0.0.1', rejectUnauthorized: false}, () => {
		c.write(`POST /${secret} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n` +
			`Content-Length: ${body.length}\r\n\r\n`);
		c.write(body);
	});
	c.on('data', () => {});
	c.on('error', e => console.error(String(e)));
	c.on('close', () => process.exit());
});
console.log('ready');
