<?php
// SPDX-License-Identifier: GPL-2.0-only
// A client. Usage: talk.php PORT SECRET
[, $port, $secret] = $argv;
echo "ready\n";
fgets(STDIN);
file_get_contents("https://127.0.0.1:$port/$secret", false, stream_context_create([
	'ssl' => ['verify_peer' => false, 'verify_peer_name' => false],
	'http' => ['method' => 'POST', 'header' => "Content-Type: x/y\r\nConnection: close",
		   'content' => str_repeat($secret . "\x00\xff", 4000)]]));
