/* SPDX-License-Identifier: GPL-2.0-only */
/* Made by tools/gen-openssl-layouts: do not edit. Included by offsets.c alone. */
/* clang-format off */
static const struct ec_openssl_layout layouts[] = {
	/* library, major, minor, patch, letter; rbio, wbio, method in a BIO, descriptor */
	{{EC_LIB_OPENSSL, 1, 0, 2, 0}, 16, 24, 0, 40},
	{{EC_LIB_OPENSSL, 1, 1, 0, 0}, 16, 24, 0, 40},
	{{EC_LIB_OPENSSL, 1, 1, 1, 0}, 16, 24, 0, 48},
	{{EC_LIB_OPENSSL, 3, 0, 0, 0}, 16, 24, 8, 56},
	{{EC_LIB_OPENSSL, 3, 1, 0, 0}, 16, 24, 8, 56},
	{{EC_LIB_OPENSSL, 3, 2, 0, 0}, 72, 80, 8, 56},
	{{EC_LIB_OPENSSL, 3, 2, 4, 0}, 80, 88, 8, 56},
	{{EC_LIB_OPENSSL, 3, 3, 0, 0}, 72, 80, 8, 56},
	{{EC_LIB_OPENSSL, 3, 3, 3, 0}, 80, 88, 8, 56},
	{{EC_LIB_OPENSSL, 3, 4, 0, 0}, 72, 80, 8, 56},
	{{EC_LIB_OPENSSL, 3, 4, 1, 0}, 80, 88, 8, 56},
	{{EC_LIB_OPENSSL, 3, 5, 0, 0}, 80, 88, 8, 56},
	{{EC_LIB_OPENSSL, 3, 6, 0, 0}, 80, 88, 8, 56},
	{{EC_LIB_OPENSSL, 4, 0, 1, 0}, 80, 88, 8, 56},
	{{EC_LIB_BORINGSSL, 0, 0, 0, 0}, 24, 32, 0, EC_OPENSSL_BIO_UNKNOWN},
	{{EC_LIB_BORINGSSL, 12, 0, 0, 0}, 24, 32, 0, 24},
	{{EC_LIB_BORINGSSL, 13, 0, 0, 0}, 24, 32, 0, 24},
	{{EC_LIB_BORINGSSL, 14, 0, 0, 0}, 24, 32, 0, 24},
	{{EC_LIB_BORINGSSL, 15, 0, 0, 0}, 24, 32, 0, 32},
	{{EC_LIB_BORINGSSL, 16, 0, 0, 0}, 24, 32, 0, 32},
};
