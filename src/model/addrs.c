// SPDX-License-Identifier: GPL-2.0-only
#include "model/addrs.h"

#include <string.h>
#include <sys/socket.h>

static char *put_dec(char *p, unsigned int v)
{
	char digits[5];
	int n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v && n < (int)sizeof(digits));
	while (n)
		*p++ = digits[--n];
	return p;
}

static char *put_hex(char *p, unsigned int v)
{
	static const char hex[] = "0123456789abcdef";
	int shift = 12;

	while (shift && !(v >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*p++ = hex[v >> shift & 15];
	return p;
}

static char *put_ip4(char *p, const uint8_t *a)
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*p++ = '.';
		p = put_dec(p, a[i]);
	}
	return p;
}

/* RFC 5952 section 4.2: `::` for the longest run of zeros, the first of equals, and
 * never for one group alone. */
static int longest_zeros(const uint16_t g[8], int *len)
{
	int best = -1, best_len = 1;

	for (int i = 0; i < 8; i++) {
		int n = 0;

		while (i + n < 8 && !g[i + n])
			n++;
		if (n > best_len) {
			best = i;
			best_len = n;
		}
		i += n;
	}
	*len = best_len;
	return best;
}

static char *put_ip6(char *p, const uint8_t *a)
{
	uint16_t g[8];
	int at, len, i;

	for (i = 0; i < 8; i++)
		g[i] = (uint16_t)(a[2 * i] << 8 | a[2 * i + 1]);
	at = longest_zeros(g, &len);
	for (i = 0; i < 8; i++) {
		if (i == at) {
			*p++ = ':';
			*p++ = ':';
			i += len - 1;
			continue;
		}
		if (i && i != at + len)
			*p++ = ':';
		p = put_hex(p, g[i]);
	}
	return p;
}

static bool is_mapped(const uint8_t *a)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(a, prefix, sizeof(prefix));
}

size_t ec_ip_format(uint16_t family, const uint8_t addr[16], char out[EC_IP_LEN])
{
	char *p = out;

	if (family == AF_INET)
		p = put_ip4(p, addr);
	else if (family == AF_INET6 && is_mapped(addr))
		p = put_ip4(p, addr + 12);
	else if (family == AF_INET6)
		p = put_ip6(p, addr);
	*p = 0;
	return (size_t)(p - out);
}

size_t ec_endpoint_format(uint16_t family, const uint8_t addr[16], uint16_t port,
			  char out[EC_ENDPOINT_LEN])
{
	bool brackets = family == AF_INET6 && !is_mapped(addr);
	char *p = out;
	size_t n;

	if (brackets)
		*p++ = '[';
	n = ec_ip_format(family, addr, p);
	if (!n) {
		*out = 0;
		return 0;
	}
	p += n;
	if (brackets)
		*p++ = ']';
	*p++ = ':';
	p = put_dec(p, port);
	*p = 0;
	return (size_t)(p - out);
}
