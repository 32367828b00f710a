# SPDX-License-Identifier: GPL-2.0-only
# A client. Usage: talk.rb PORT SECRET
require 'net/http'
require 'openssl'
port, secret = ARGV
puts 'ready'
$stdout.flush
$stdin.gets
h = Net::HTTP.new('127.0.0.1', port.to_i, nil)
h.use_ssl = true
h.verify_mode = OpenSSL::SSL::VERIFY_NONE
h.post("/#{secret}", (secret + "\x00\xff") * 4000, { 'Connection' => 'close' })
