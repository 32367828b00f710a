/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Records: what crosses the ring, what the processes pass on, and what a recording
 * holds. Read by both compilers, so: fixed widths, no pointers, no padding that is not
 * named. Host byte order; a recording says which one it was made in.
 *
 * Every record starts with struct ec_rec. `size` counts the whole record with its header
 * and payload, not the slack of a ring bucket behind it.
 *
 * Changing any struct here is a new EC_REC_VERSION.
 */
#ifndef EC_ABI_RECORD_H
#define EC_ABI_RECORD_H

#include <linux/types.h>

#define EC_REC_VERSION 2

#define EC_COMM_LEN 16
#define EC_CHUNK_BYTES                                                  \
	16384 /* payload of one chunk at most; a TLS record's plaintext \
	       */
#define EC_REC_MAX (EC_CHUNK_BYTES + 1024) /* no record is longer */

/* Kinds are generic: a module adds no kind of its own (docs/INTERNALS.md). */
enum ec_rec_kind {
	EC_REC_NONE = 0,
	EC_REC_CHUNK,	/* plaintext of one call, or a piece of it */
	EC_REC_SECRET,	/* a secret of a handshake: a line of a key log */
	EC_REC_LINE,	/* reserved: shell command */
	EC_REC_QUERY,	/* reserved: database query */
	EC_REC_PACKET,	/* reserved: network packet */
	EC_REC_PROCESS, /* a process: first seen, exec, exit */
	EC_REC_TARGET,	/* a file that is probed, or why not */
	EC_REC_NOTE,	/* counters: loss by cause, totals */
	EC_REC_CONN,	/* a connection: opened, addresses learned, closed */
	EC_REC_CLOCK,	/* monotonic to wall clock */
	EC_REC_WHO,	/* what user space found out about a process */
	EC_REC_KIND__N,
};

enum ec_dir {
	EC_DIR_SENT = 0,
	EC_DIR_RECV = 1,
	EC_DIR__N,
	EC_DIR_NONE = 0xff,
};

/* Why bytes or records are missing. Order is ABI; names in model/loss.h. */
enum ec_loss {
	EC_LOSS_NONE = 0,
	EC_LOSS_RING,	 /* no room between kernel and us */
	EC_LOSS_FAULT,	 /* the program's memory could not be read */
	EC_LOSS_LONG,	 /* one call longer than this kernel lets us copy */
	EC_LOSS_TABLE,	 /* no room in a table of calls or connections */
	EC_LOSS_CALL,	 /* return seen without its entry, or calls nested too deep */
	EC_LOSS_QUEUE,	 /* our own queue overflowed */
	EC_LOSS_OUTPUT,	 /* an output could not take it */
	EC_LOSS_FOREIGN, /* damaged record */
	EC_LOSS_PORT,	 /* --target_port given and the connection's port never known */
	EC_LOSS_UNSEEN,	 /* missing by position, cause not told */
	EC_LOSS_WHO,	 /* a filter by process could not be decided: it ended too soon */
	EC_LOSS_KEYS, /* a connection older than the capture whose keys are not there */
	EC_LOSS__N,
};

struct ec_rec {
	__u32 size;
	__u16 kind;   /* enum ec_rec_kind */
	__u16 module; /* index in the made table of modules; 0xffff: none */
	__u64 time;   /* ns, CLOCK_MONOTONIC */
	__u32 pid;    /* thread group, initial pid namespace */
	__u32 tid;
	__u32 uid;
	__u32 target;  /* id of the target, 0: none */
	__u64 process; /* unique for each life of a process (fork and exec begin one) */
	__u64 cgroup;  /* cgroup v2 id; 0: none */
	char comm[EC_COMM_LEN];
};

/* Addresses of a connection, as seen from the process: local and remote. */
struct ec_addrs {
	__u16 family; /* AF_INET, AF_INET6; 0: not known */
	__u16 lport;  /* host byte order */
	__u16 rport;
	__u16 how; /* enum ec_how */
	__u8 laddr[16];
	__u8 raddr[16];
} __attribute__((aligned(8))); /* copied by words */

/* How the addresses were found. */
enum ec_how {
	EC_HOW_NONE = 0,
	EC_HOW_SOCK,	/* socket of the nested send or receive (sock tracepoints) */
	EC_HOW_FD,	/* descriptor in the library's socket BIO */
	EC_HOW_SYSCALL, /* descriptor of the nested system call */
	EC_HOW_USER,	/* that descriptor, looked at by user space: no kernel offsets */
	EC_HOW_BYTES,	/* socket that moved the bytes that the library's memory holds */
};

enum {
	EC_CHUNK_FIRST = 1u << 0,   /* first piece of its call */
	EC_CHUNK_LAST = 1u << 1,    /* last piece of its call */
	EC_CHUNK_PENDING = 1u << 2, /* addresses not known yet, still being looked for */
	EC_CHUNK_CUT = 1u << 3,	    /* --truncate_size ended this call's pieces */
	EC_CHUNK_WHO = 1u << 4, /* its process is being asked about: EC_REC_WHO comes */
};

/*
 * A piece of the plaintext of one library call. The pieces of a call follow each other in
 * the ring, with pieces of other calls between them.
 *
 * `pos` counts bytes of this connection and direction since we first saw it and advances
 * whether or not a piece could be sent: what is missing between two records is exactly
 * the difference. `cut` bytes at the end of a call were left out on purpose.
 */
struct ec_rec_chunk {
	struct ec_rec h;
	__u64 conn;  /* unique for each generation of a connection */
	__u64 pos;   /* of this piece's first byte */
	__u64 call;  /* number of the call within connection and direction, from 0 */
	__u64 off;   /* of this piece within the call */
	__u64 total; /* bytes of the whole call */
	__u64 cut;   /* of total, not copied because of --truncate_size */
	__u32 len;   /* payload bytes here */
	__u8 dir;    /* enum ec_dir */
	__u8 lost;   /* enum ec_loss: cause of a gap right before this piece */
	__u16 flags;
	struct ec_addrs addrs;
	/* payload follows */
};

#define EC_LABEL_LEN  48
#define EC_SECRET_LEN 64 /* of the longest hash (OpenSSL EVP_MAX_MD_SIZE) */

/* Labels that libraries pass (the SSLKEYLOGFILE format, RFC 9850), for when the memory
 * that holds one cannot be read. Order is ABI. */
enum ec_label {
	EC_LABEL_NONE = 0, /* in `label` */
	EC_LABEL_RANDOM,
	EC_LABEL_CLIENT_EARLY,
	EC_LABEL_CLIENT_HANDSHAKE,
	EC_LABEL_SERVER_HANDSHAKE,
	EC_LABEL_CLIENT_TRAFFIC,
	EC_LABEL_SERVER_TRAFFIC,
	EC_LABEL_EARLY_EXPORTER,
	EC_LABEL_EXPORTER,
	EC_LABEL_RSA,
	EC_LABEL__N,
};

struct ec_rec_secret {
	struct ec_rec h;
	__u64 conn;    /* 0: not known */
	__u16 flags;   /* EC_CHUNK_PENDING, EC_CHUNK_WHO */
	__u8 label_id; /* enum ec_label */
	__u8 id_len;   /* 32; 8 with EC_LABEL_RSA */
	__u8 len;      /* of the secret, 1 to EC_SECRET_LEN */
	__u8 pad[3];
	char label[EC_LABEL_LEN]; /* "" with a label_id; ends with NUL */
	__u8 id[32];		  /* what the secret is found by: the client's random */
	__u8 secret[EC_SECRET_LEN];
	struct ec_addrs addrs;
};

enum ec_conn_state {
	EC_CONN_OPEN = 1,
	EC_CONN_ADDRS, /* addresses became known after the first piece */
	EC_CONN_CLOSED,
	EC_CONN_END, /* still open when the capture ended: final positions */
};

struct ec_rec_conn {
	struct ec_rec h;
	__u64 conn;
	__u64 pos[EC_DIR__N];  /* bytes up to now; tells what is missing at the end */
	__u64 call[EC_DIR__N]; /* calls up to now */
	__u8 state;	       /* enum ec_conn_state */
	__u8 lost[EC_DIR__N];  /* enum ec_loss: cause of a gap at the end */
	__u8 gave_up;	       /* addresses are no longer looked for */
	__u32 pad;
	struct ec_addrs addrs;
};

enum ec_process_state {
	EC_PROCESS_SEEN = 1,
	EC_PROCESS_EXIT,
};

struct ec_rec_process {
	struct ec_rec h;
	__u32 state; /* enum ec_process_state */
	__u32 ppid;  /* 0: not known */
};

/* What filters that need user space say of a process. */
enum ec_verdict {
	EC_VERDICT_NONE = 0, /* not asked yet */
	EC_VERDICT_PASS,
	EC_VERDICT_DROP,
	EC_VERDICT_UNKNOWN, /* it ended before it could be looked at */
};

/* h.process, h.pid, h.cgroup: which one. Strings end with NUL, "" where not known. */
struct ec_rec_who {
	struct ec_rec h;
	__u32 verdict; /* enum ec_verdict */
	__u32 ppid;    /* 0: not known */
	__u32 ns_pid;  /* in its own pid namespace; 0: not known */
	__u32 pad;
	__u64 netns; /* inode of its network namespace; 0: not known */
	char runtime[16];
	char container[72];
	char exe[256]; /* as it sees it itself, cut at the front if longer */
};

enum ec_target_state {
	EC_TARGET_PROBED = 1,
	EC_TARGET_REFUSED, /* recognised, not probed; `why` says the reason */
	EC_TARGET_GONE,
};

struct ec_rec_target {
	struct ec_rec h; /* h.target is its id, 0 when refused */
	__u64 dev;
	__u64 ino;
	__u32 state; /* enum ec_target_state */
	__u32 points;
	char library[24];
	char version[32];
	char how[96]; /* how the functions were found */
	char why[160];
	char path[256]; /* as seen by us, cut at the front if longer */
};

struct ec_loss_count {
	__u64 records;
	__u64 bytes;
};

/* Totals of the kernel side so far. */
struct ec_rec_note {
	struct ec_rec h;
	__u64 records; /* sent */
	__u64 bytes;   /* payload sent */
	__u64 cut;     /* bytes left out because of --truncate_size */
	struct ec_loss_count lost[EC_LOSS__N];
};

struct ec_rec_clock {
	struct ec_rec h;
	__u64 wall; /* ns since 1970 at h.time */
};

/* Head of a recording. Records follow, each padded with zeros to 8 bytes. */
#define EC_RECORDING_MAGIC "ecaprec\n"

struct ec_recording {
	char magic[8];
	__u32 order; /* 0x01020304 in the byte order of the records */
	__u32 version;
	__u32 head; /* size of this head */
	__u32 pad;
	char made_by[64];
	char modules[256]; /* names by index, separated by a blank */
};

#endif
