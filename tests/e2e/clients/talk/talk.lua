-- SPDX-License-Identifier: GPL-2.0-only
-- A client. Usage: talk.lua PORT SECRET
local socket, ssl = require "socket", require "ssl"
local port, secret = arg[1], arg[2]
print "ready"
io.stdout:flush()
io.read()
local s = ssl.wrap(assert(socket.connect("127.0.0.1", tonumber(port))),
		   {mode = "client", protocol = "any", verify = "none"})
assert(s:dohandshake())
local body = (secret .. "\0\255"):rep(4000)
s:send("POST /" .. secret .. " HTTP/1.1\r\nConnection: close\r\nContent-Length: " .. #body ..
       "\r\n\r\n")
s:send(body)
repeat local data, err = s:receive(8192) until not data
