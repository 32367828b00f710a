// SPDX-License-Identifier: GPL-2.0-only
// Server and client in one program, of node 8 to 24: everything comes back. Prints what
// each end sent and received, as helpers do. Usage: node echo.js KEY CERT
'use strict';
const tls = require('tls'), fs = require('fs'), crypto = require('crypto');

const sizes = [1, 100, 16384, 16385, 70000, 300000];
const lines = [];

function meter(name) {
	const hash = crypto.createHash('sha256');
	let n = 0;
	return {
		add(b) { n += b.length; hash.update(b); return b; },
		get n() { return n; },
		end() { lines.push(name + ' ' + n + ' ' + hash.digest('hex')); },
	};
}

const total = sizes.reduce((a, b) => a + b, 0);
const server = tls.createServer({key: fs.readFileSync(process.argv[2]),
				 cert: fs.readFileSync(process.argv[3])}, s => {
	const got = meter('RECEIVED'), sent = meter('SENT');
	s.on('data', b => { s.write(sent.add(got.add(b))); });
	s.on('end', () => { got.end(); sent.end(); s.end(); });
	s.on('error', () => {});
});

server.listen(0, '127.0.0.1', () => {
	const got = meter('RECEIVED'), sent = meter('SENT');
	const c = tls.connect({port: server.address().port, host: '127.0.0.1',
			       rejectUnauthorized: false}, () => {
		sizes.forEach(n => c.write(sent.add(crypto.randomBytes(n))));
	});
	c.on('data', b => {
		got.add(b);
		if (got.n === total)
			c.end();
	});
	c.on('close', () => {
		got.end();
		sent.end();
		server.close();
	});
});
process.on('exit', () => console.log(lines.join('\n')));
