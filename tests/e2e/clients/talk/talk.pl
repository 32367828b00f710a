# SPDX-License-Identifier: GPL-2.0-only
# A client. Usage: talk.pl PORT SECRET
use strict;
use IO::Socket::SSL;
my ($port, $secret) = @ARGV;
$| = 1;
print "ready\n";
<STDIN>;
my $s = IO::Socket::SSL->new(PeerAddr => "127.0.0.1:$port", SSL_verify_mode => 0) or die;
my $body = ($secret . "\0\xff") x 4000;
print $s "POST /$secret HTTP/1.1\r\nConnection: close\r\nContent-Length: " . length($body) .
	"\r\n\r\n", $body;
1 while <$s>;
