// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which strings survive stripping: names in the tables of Go (runtime/symtab.go), paths
 * in the panics of Rust and the error queues of BoringSSL, key log labels (the draft
 * draft-ietf-tls-keylogfile), labels of RFC 8446 section 7.1.
 */
#include "target/known.h"
#include "target/elf.h"
#include "target/needles.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum needle {
	NONE, /* in a row: nothing more */
	SELF,
	KEYLOG_NAME,
	GO_INFO,
	GO_CONN,
	RUST_PATH,
	RUST_VENDOR,
	RUST_CLIENT,
	RUST_STATE,
	GNUTLS_ERROR,
	GNUTLS_VERSION,
	NSS_SOURCE,
	NSS_VERSION,
	WOLF_ERROR,
	WOLF_VERSION,
	MBED_FETCH,
	MBED_VERSION,
	S2N_SOURCE,
	BOTAN_CLIENT,
	AWS_LC,
	AWS_LC_NAME,
	BORING_SOURCE,
	LIBRE_VERSION,
	OPENSSL_SOURCE,
	OPENSSL_VERSION,
	OPENSSL_OLD,
	JVM_VERSION,
	LABEL_LOG,
	LABEL_LOG_APP,
	LABEL_TLS13,
	NEEDLES,
};

static const struct ec_needle needles[NEEDLES] = {
	[NONE] = {.text = "\x01\x02\x03 no such text \x03\x02\x01"},
	/* our own binary holds all the others */
	[SELF] = {.text = "ecapture: strings that it looks for in files"},
	[KEYLOG_NAME] = {.text = "SSLKEYLOGFILE"},
	[GO_INFO] = {.text = "\xff Go buildinf:", .kind = EC_NEEDLE_ALIGNED},
	[GO_CONN] = {.text = "crypto/tls.(*Conn).Write"},
	[RUST_PATH] = {.text = "/rustls-", .kind = EC_NEEDLE_VERSION, .dots = 2},
	[RUST_VENDOR] = {.text = "__rustls-", .kind = EC_NEEDLE_VERSION, .dots = 2},
	[RUST_CLIENT] = {.text = "rustls::client::hs"},
	[RUST_STATE] = {.text = "rustls::common_state"},
	[GNUTLS_ERROR] = {.text = "GnuTLS internal error."},
	[GNUTLS_VERSION] = {.text = "GnuTLS ", .kind = EC_NEEDLE_VERSION, .dots = 2},
	[NSS_SOURCE] = {.text = "tls13con.c"},
	[NSS_VERSION] = {.text = "Version: NSS ", .kind = EC_NEEDLE_VERSION, .dots = 1},
	[WOLF_ERROR] = {.text = "wolfSSL error occurred"},
	[WOLF_VERSION] = {.text = "wolfSSL ", .kind = EC_NEEDLE_VERSION, .dots = 2},
	[MBED_FETCH] = {.text = "mbedtls_ssl_fetch_input"},
	[MBED_VERSION] = {.text = "bed TLS ", .kind = EC_NEEDLE_VERSION, .dots = 2},
	[S2N_SOURCE] = {.text = "s2n_handshake_io.c"},
	[BOTAN_CLIENT] = {.text = "N5Botan3TLS6ClientE"},
	[AWS_LC] = {.text = "aws-lc/"},
	[AWS_LC_NAME] = {.text = "AWS-LC FIPS"},
	[BORING_SOURCE] = {.text = "ssl/ssl_lib.cc"},
	[LIBRE_VERSION] = {.text = "LibreSSL ", .kind = EC_NEEDLE_VERSION, .dots = 2},
	[OPENSSL_SOURCE] = {.text = "ssl/ssl_lib.c"},
	[OPENSSL_VERSION] = {.text = "OpenSSL ", .kind = EC_NEEDLE_VERSION, .dots = 2},
	[OPENSSL_OLD] = {.text = "OpenSSL 1.", .kind = EC_NEEDLE_VERSION, .dots = 1},
	[JVM_VERSION] = {.text = "64-Bit Server VM (", .kind = EC_NEEDLE_VERSION},
	[LABEL_LOG] = {.text = "CLIENT_HANDSHAKE_TRAFFIC_SECRET"},
	[LABEL_LOG_APP] = {.text = "CLIENT_TRAFFIC_SECRET_0"},
	[LABEL_TLS13] = {.text = "c hs traffic"},
};

struct family {
	const char *name;
	enum ec_known_state state;
	const char *soname;	/* how it begins */
	const char *symbols[2]; /* functions that only it has */
	enum needle strings[4]; /* any of these … */
	enum needle with[2];	/* … and, where there are such, any of these */
	enum needle version;	/* what stands behind it */
	const char *why;
	const char *todo; /* where the file does not name SSLKEYLOGFILE */
};

#define LIBRARY	 "not supported yet"
#define STRIPPED "linked into this file without its function names; not supported yet"

/* The first that fits is told: what is built on something stands before it. */
static const struct family families[] = {
	{.name = "Go crypto/tls",
	 .strings = {GO_CONN},
	 .why = "Go programs bring their own TLS code; not supported yet",
	 .todo = "set tls.Config.KeyLogWriter in the program, or wait for a later "
		 "release"},
	{.name = "rustls",
	 /* cargo's folder; Bazel's, of a crate that was vendored */
	 .strings = {RUST_PATH, RUST_VENDOR, RUST_CLIENT, RUST_STATE},
	 .version = RUST_PATH,
	 .why = "TLS in Rust, linked into the program; not supported yet",
	 .todo = "let the program set rustls' KeyLogFile, or wait for a later release"},
	{.name = "JVM (SunJSSE)",
	 .state = EC_KNOWN_NEVER,
	 .soname = "libjvm.so",
	 .symbols = {"JNI_CreateJavaVM"},
	 .version = JVM_VERSION,
	 .why = "its TLS is Java code, compiled in memory as it runs: no file holds code "
		"that could be probed; it cannot be captured this way",
	 .todo = "start java with -Djavax.net.debug=ssl:record:plaintext, or with a Java "
		 "agent that writes a key log"},
	{.name = "Erlang/OTP ssl",
	 .state = EC_KNOWN_NEVER,
	 .symbols = {"enif_open_resource_type_x", "erts_alcu_start"},
	 .why = "its TLS is Erlang code, run by this virtual machine: no file holds code "
		"that could be probed; it cannot be captured this way",
	 .todo = "give ssl the option {keep_secrets, true} and ask "
		 "ssl:connection_information(Socket, [keylog])"},
	{.name = ".NET",
	 .state = EC_KNOWN_ELSEWHERE,
	 .soname = "libcoreclr.so",
	 .symbols = {"coreclr_initialize"},
	 .why = "it calls the system's OpenSSL, which it loads at its first connection",
	 .todo = "nothing: that library is captured by itself when it is loaded"},
	{.name = "GnuTLS",
	 .soname = "libgnutls.so",
	 .symbols = {"gnutls_record_send"},
	 .strings = {GNUTLS_ERROR},
	 .version = GNUTLS_VERSION,
	 .why = LIBRARY},
	{.name = "NSS",
	 .soname = "libssl3.so",
	 .symbols = {"SSL_ImportFD"},
	 .strings = {NSS_SOURCE},
	 .version = NSS_VERSION,
	 .why = LIBRARY},
	{.name = "wolfSSL",
	 .soname = "libwolfssl.so",
	 .symbols = {"wolfSSL_read", "wolfSSL_write"},
	 .strings = {WOLF_ERROR},
	 .version = WOLF_VERSION,
	 .why = LIBRARY},
	{.name = "Mbed TLS",
	 .soname = "libmbedtls.so",
	 .symbols = {"mbedtls_ssl_read", "mbedtls_ssl_write"},
	 .strings = {MBED_FETCH},
	 .version = MBED_VERSION,
	 .why = LIBRARY,
	 .todo = "let the program export keys by mbedtls_ssl_set_export_keys_cb(), or "
		 "wait for a later release"},
	{.name = "s2n-tls",
	 .soname = "libs2n.so",
	 .symbols = {"s2n_recv", "s2n_send"},
	 .strings = {S2N_SOURCE},
	 .why = LIBRARY,
	 .todo = "let the program set s2n_config_set_key_log_cb(), or wait for a later "
		 "release"},
	{.name = "Botan",
	 .soname = "libbotan-",
	 .strings = {BOTAN_CLIENT},
	 .why = LIBRARY},
	{.name = "AWS-LC",
	 .strings = {BORING_SOURCE},
	 .with = {AWS_LC, AWS_LC_NAME},
	 .why = STRIPPED},
	{.name = "BoringSSL", .strings = {BORING_SOURCE}, .why = STRIPPED},
	{.name = "LibreSSL",
	 .strings = {LIBRE_VERSION},
	 .with = {LABEL_TLS13, OPENSSL_SOURCE},
	 .version = LIBRE_VERSION,
	 .why = STRIPPED},
	{.name = "OpenSSL 1.x",
	 .strings = {OPENSSL_OLD},
	 .with = {LABEL_LOG, OPENSSL_SOURCE},
	 .version = OPENSSL_VERSION,
	 .why = STRIPPED},
	{.name = "OpenSSL",
	 .strings = {OPENSSL_SOURCE},
	 .with = {LABEL_LOG, LABEL_TLS13},
	 .version = OPENSSL_VERSION,
	 .why = STRIPPED,
	 .todo = "use a build with symbols or with the system's library, or wait for a "
		 "later release"},
	{.name = "unknown TLS library",
	 .strings = {LABEL_TLS13, LABEL_LOG, LABEL_LOG_APP},
	 .why = "it holds words of TLS 1.3, but we do not know the library that it is",
	 .todo = "report the program's name and version, so that it can be supported"},
};

/* Functions whose import says that the TLS is in another file. */
static const struct {
	const char *function, *library;
} imports[] = {
	{"SSL_read", "OpenSSL"},	  {"SSL_read_ex", "OpenSSL"},
	{"SSL_write", "OpenSSL"},	  {"SSL_do_handshake", "OpenSSL"},
	{"gnutls_record_recv", "GnuTLS"}, {"gnutls_record_send", "GnuTLS"},
	{"SSL_ImportFD", "NSS"},	  {"wolfSSL_read", "wolfSSL"},
	{"mbedtls_ssl_read", "Mbed TLS"}, {"s2n_recv", "s2n-tls"},
};

#define PUT(to, ...) snprintf((to), sizeof(to), __VA_ARGS__)

static bool by_string(const struct family *a, const uint64_t *hits, struct ec_known *out)
{
	for (size_t i = 0; i < EC_ARRAY_SIZE(a->strings) && a->strings[i]; i++) {
		uint64_t at = hits[a->strings[i]];
		bool with = !a->with[0];

		for (size_t k = 0; k < EC_ARRAY_SIZE(a->with) && a->with[k]; k++)
			with |= hits[a->with[k]] != EC_NEEDLE_NONE;
		if (at == EC_NEEDLE_NONE || !with)
			continue;
		PUT(out->evidence, "the text \"%.40s\" at offset 0x%llx",
		    needles[a->strings[i]].text, (unsigned long long)at);
		return true;
	}
	return false;
}

static bool is_family(const struct ec_file *f, const struct family *a,
		      const uint64_t *hits, struct ec_known *out)
{
	const char *so = ec_file_soname(f);
	struct ec_sym s;

	if (a->soname && !strncmp(so, a->soname, strlen(a->soname))) {
		PUT(out->evidence, "soname %.40s", so);
		for (char *p = out->evidence; *p; p++)
			*p = *p >= 0x20 && *p < 0x7f ? *p : '?';
		return true;
	}
	for (size_t i = 0; i < EC_ARRAY_SIZE(a->symbols) && a->symbols[i]; i++) {
		if (ec_file_symbol(f, a->symbols[i], &s))
			continue;
		PUT(out->evidence, "symbol %s at 0x%llx", a->symbols[i],
		    (unsigned long long)s.va);
		return true;
	}
	return by_string(a, hits, out);
}

static bool copy_text(const uint8_t *p, uint64_t n, char *out, size_t size)
{
	if (n < 3 || memcmp(p, "go", 2))
		return false;
	n = EC_MIN(n, size - 1);
	for (uint64_t i = 0; i < n; i++)
		out[i] = p[i] > 0x20 && p[i] < 0x7f ? (char)p[i] : '_';
	out[n] = 0;
	return true;
}

/*
 * Go's debug/buildinfo: since 1.18 the version stands in place, its length (one byte: it
 * is short) at 32; before that, a pointer at 16 leads to a string's pointer and length.
 */
static bool go_version(const struct ec_file *f, uint64_t at, char *out, size_t n)
{
	const uint8_t *p;
	uint8_t head[33];
	uint64_t ptr, string[2];

	if (at == EC_NEEDLE_NONE || !ec_elf_get(f, at, head, sizeof(head)))
		return false;
	if (head[15] & 2)
		return head[32] < 0x80 && ec_range_ok(at + 33, head[32], f->n) &&
		       copy_text(f->p + at + 33, head[32], out, n);
	if (head[14] != 8 || head[15])
		return false;
	memcpy(&ptr, head + 16, sizeof(ptr));
	p = ec_file_at(f, ptr, sizeof(string));
	if (!p)
		return false;
	memcpy(string, p, sizeof(string));
	p = string[1] < 256 ? ec_file_at(f, string[0], string[1]) : NULL;
	return p && copy_text(p, string[1], out, n);
}

/*
 * Does the file name the variable for a key log? That is no promise: in uv 0.13 the name
 * is there and no key is ever written.
 */
static void advise(const struct family *a, const uint64_t *hits, struct ec_known *out)
{
	if (a->state == EC_KNOWN_LATER && hits[KEYLOG_NAME] != EC_NEEDLE_NONE)
		PUT(out->todo,
		    "it names SSLKEYLOGFILE, which may help: start it with "
		    "SSLKEYLOGFILE=FILE; if keys come, Wireshark decrypts packets by them");
	else
		PUT(out->todo, "%s",
		    a->todo ?: "wait for a later release (SSLKEYLOGFILE would not help: it is not in the file)");
}

static void tell(const struct ec_file *f, const struct family *a, const uint64_t *hits,
		 struct ec_known *out)
{
	enum needle version = a->version;
	size_t n = strlen(out->evidence);

	if (version == RUST_PATH && hits[RUST_PATH] == EC_NEEDLE_NONE)
		version = RUST_VENDOR;
	PUT(out->library, "%s", a->name);
	out->state = a->state;
	PUT(out->why, "%s", a->why);
	advise(a, hits, out);
	if (a->strings[0] == GO_CONN &&
	    go_version(f, hits[GO_INFO], out->version, sizeof(out->version)))
		snprintf(out->evidence + n, sizeof(out->evidence) - n,
			 ", Go's build information");
	else if (version && hits[version] != EC_NEEDLE_NONE)
		ec_needle_version(f, hits[version] + strlen(needles[version].text),
				  out->version, sizeof(out->version));
	n = strlen(out->evidence);
	snprintf(out->evidence + n, sizeof(out->evidence) - n, "%s",
		 out->symbols ? "; has symbols" : "; no symbol table");
}

/* Scrambled names (garble), but Go's tables are there. */
static bool is_scrambled_go(const struct family *a, const uint64_t *hits)
{
	return a->strings[0] == LABEL_TLS13 && hits[GO_INFO] != EC_NEEDLE_NONE;
}

static int look_uses(const struct ec_file *f, struct ec_known *out)
{
	for (size_t i = 0; i < EC_ARRAY_SIZE(imports); i++) {
		if (!ec_file_imports(f, imports[i].function))
			continue;
		out->state = EC_KNOWN_USES;
		PUT(out->library, "%s", imports[i].library);
		PUT(out->evidence, "imports %s", imports[i].function);
		PUT(out->why, "it calls the library and holds none of its code");
		PUT(out->todo, "nothing: the library is looked at by itself");
		return 0;
	}
	return -ENOENT;
}

int ec_known_look(const struct ec_file *f, struct ec_known *out)
{
	uint64_t hits[NEEDLES];

	memset(out, 0, sizeof(*out));
	out->symbols = f->symtab.count > 1;
	ec_needles_find(f, needles, NEEDLES, hits);
	if (hits[SELF] != EC_NEEDLE_NONE)
		return -ENOENT;
	for (size_t i = 0; i < EC_ARRAY_SIZE(families); i++) {
		if (!is_family(f, &families[i], hits, out))
			continue;
		tell(f, is_scrambled_go(&families[i], hits) ? families : &families[i],
		     hits, out);
		return 0;
	}
	return look_uses(f, out);
}

const char *ec_known_name(unsigned int i)
{
	return i < EC_ARRAY_SIZE(families) ? families[i].name : NULL;
}
