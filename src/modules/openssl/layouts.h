/* SPDX-License-Identifier: GPL-2.0-only */
/* Made by tools/gen-openssl-layouts: do not edit. Included by offsets.c alone. */
/* clang-format off */
static const struct ec_openssl_layout layouts[] = {
	/* library, major, minor, patch, letter; rbio, wbio, method in a BIO, descriptor; session;
	 * in it: master secret, its length; client's random: number of distances, distances;
	 * traffic secrets of client and server, protocol version */
	{{EC_LIB_OPENSSL, 1, 0, 2, 0}, 16, 24, 0, 40, 304, 20, 16, 2, {128, 196}, 0, 0, 0},
	{{EC_LIB_OPENSSL, 1, 1, 0, 0}, 16, 24, 0, 40, 376, 8, 4, 2, {144, 176}, 0, 0, 0},
	{{EC_LIB_OPENSSL, 1, 1, 1, 0}, 16, 24, 0, 48, 1296, 80, 8, 2, {168, 184}, 820, 884, 0},
	{{EC_LIB_OPENSSL, 1, 1, 1, 2}, 16, 24, 0, 48, 1288, 80, 8, 2, {168, 184}, 820, 884, 0},
	{{EC_LIB_OPENSSL, 1, 1, 1, 4}, 16, 24, 0, 48, 1296, 80, 8, 2, {168, 184}, 828, 892, 0},
	{{EC_LIB_OPENSSL, 3, 0, 0, 0}, 16, 24, 8, 56, 2328, 80, 8, 1, {352, 0}, 1860, 1924, 0},
	{{EC_LIB_OPENSSL, 3, 1, 0, 0}, 16, 24, 8, 56, 2328, 80, 8, 1, {352, 0}, 1860, 1924, 0},
	{{EC_LIB_OPENSSL, 3, 2, 0, 0}, 72, 80, 8, 56, 2176, 80, 8, 1, {320, 0}, 1788, 1852, 64},
	{{EC_LIB_OPENSSL, 3, 2, 4, 0}, 80, 88, 8, 56, 2184, 80, 8, 1, {328, 0}, 1796, 1860, 72},
	{{EC_LIB_OPENSSL, 3, 3, 0, 0}, 72, 80, 8, 56, 2176, 80, 8, 1, {320, 0}, 1788, 1852, 64},
	{{EC_LIB_OPENSSL, 3, 3, 3, 0}, 80, 88, 8, 56, 2184, 80, 8, 1, {328, 0}, 1796, 1860, 72},
	{{EC_LIB_OPENSSL, 3, 4, 0, 0}, 72, 80, 8, 56, 2176, 80, 8, 1, {320, 0}, 1788, 1852, 64},
	{{EC_LIB_OPENSSL, 3, 4, 1, 0}, 80, 88, 8, 56, 2184, 80, 8, 1, {328, 0}, 1796, 1860, 72},
	{{EC_LIB_OPENSSL, 3, 5, 0, 0}, 80, 88, 8, 56, 2304, 80, 8, 1, {392, 0}, 1916, 1980, 72},
	{{EC_LIB_OPENSSL, 3, 6, 0, 0}, 80, 88, 8, 56, 2304, 80, 8, 1, {392, 0}, 1916, 1980, 72},
	{{EC_LIB_OPENSSL, 4, 0, 1, 0}, 80, 88, 8, 56, 2304, 80, 8, 1, {392, 0}, 1916, 1980, 72},
	{{EC_LIB_BORINGSSL, 0, 0, 0, 0}, 24, 32, 0, EC_OPENSSL_BIO_UNKNOWN, 0, 0, 0, 2, {48, 48}, 0, 0, 0},
	{{EC_LIB_BORINGSSL, 12, 0, 0, 0}, 24, 32, 0, 24, 0, 0, 0, 2, {48, 48}, 0, 0, 16},
	{{EC_LIB_BORINGSSL, 13, 0, 0, 0}, 24, 32, 0, 24, 0, 0, 0, 2, {48, 48}, 0, 0, 16},
	{{EC_LIB_BORINGSSL, 14, 0, 0, 0}, 24, 32, 0, 24, 0, 0, 0, 2, {48, 48}, 0, 0, 16},
	{{EC_LIB_BORINGSSL, 15, 0, 0, 0}, 24, 32, 0, 32, 0, 0, 0, 2, {48, 48}, 0, 0, 16},
	{{EC_LIB_BORINGSSL, 16, 0, 0, 0}, 24, 32, 0, 32, 0, 0, 0, 2, {48, 48}, 0, 0, 0},
};
