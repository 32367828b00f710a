/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Addresses as text. In struct ec_addrs an IPv4 address is the first 4 bytes; all are in
 * network order. IPv6 is written as RFC 5952 says; a mapped IPv4 address (::ffff:0:0/96)
 * is shown as the IPv4 address that it is.
 */
#ifndef EC_MODEL_ADDRS_H
#define EC_MODEL_ADDRS_H

#include "abi/record.h"
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#define EC_IP_LEN	48 /* longest address with its NUL, rounded up */
#define EC_ENDPOINT_LEN 56 /* [address]:65535 and NUL, rounded up */

static inline bool ec_addrs_known(const struct ec_addrs *a)
{
	return a && a->family;
}
/* Length written, without the NUL that follows; 0: the family is not known. */
size_t ec_ip_format(uint16_t family, const uint8_t addr[16], char out[EC_IP_LEN]);
/* `ip:port`, IPv6 in brackets. */
size_t ec_endpoint_format(uint16_t family, const uint8_t addr[16], uint16_t port,
			  char out[EC_ENDPOINT_LEN]);
/* The ends as a message sees them: what is received comes from the peer. */
static inline bool ec_addrs_from_peer(enum ec_dir dir)
{
	return dir == EC_DIR_RECV;
}

#endif
