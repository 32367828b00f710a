/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Maps and their values, and the attach cookie: what user space writes and BPF programs
 * read, and the other way round.
 */
#ifndef EC_ABI_MAPS_H
#define EC_ABI_MAPS_H

#include "abi/record.h"

#define EC_TARGETS_MAX 2048  /* files probed at a time */
#define EC_CPUS_MAX    512   /* slots of counters; CPUs above share */
#define EC_CONNS_MAX   16384 /* connections known at a time (LRU) */
#define EC_THREADS_MAX 16384 /* threads with a call open (LRU) */
#define EC_PIDS_MAX    16384 /* processes of --pid with --follow */
#define EC_UIDS_MAX    256
#define EC_PORTS_MAX   16
#define EC_CGROUPS_MAX 8
#define EC_FRAMES      4	   /* calls open at a time in one thread */
#define EC_WHO_NS      50000000ull /* a thread's new name shows after so long at most */
#define EC_KNOWN       8	   /* handles a thread remembers as settled */
#define EC_ASKED_MAX   255	   /* … while user space has been asked */
#define EC_LOOKUP_MAX  32 /* calls after which a connection's addresses are given up */

/* The attach cookie: target in the low half; above it shape and direction of the point.
 */
#define EC_COOKIE(target, shape, dir) \
	((__u64)(target) | (__u64)((shape) | ((dir)&3) << 4) << 32)
/* All of the cookie where a call ends: the point is a return instruction, before which
 * the stack is as at entry. 0 at return probes, which so need none. */
#define EC_COOKIE_RET_INSN  (1ull << 39)
#define EC_COOKIE_TARGET(c) ((__u32)(c))
#define EC_COOKIE_SHAPE(c)  ((__u32)((c) >> 32) & 0xf)
#define EC_COOKIE_DIR(c)    ((__u32)((c) >> 36) & 3) /* 3: none */
/* Stands in the programs of the shapes without cookies until it is written over; reads as
 * a point that is no return instruction, of the shape that takes verifiers longest. */
#define EC_COOKIE_PATCHED   0x6563706474636821ull

/* How a call gives back the number of bytes; how a function is given a secret. */
enum ec_shape {
	EC_SHAPE_NONE = 0,
	EC_SHAPE_RET,	      /* the return value, > 0 */
	EC_SHAPE_ARG4,	      /* returns 1, number in *arg4 */
	EC_SHAPE_ARG5,	      /* returns 1, number in *arg5 */
	EC_SHAPE_SECRET,      /* (handle, label, secret, length) */
	EC_SHAPE_LABELLED,    /* (label, handle, id, its length, secret, length) */
	EC_SHAPE_LABELLED_32, /* (label, handle, id of 32 bytes, secret, length) */
	EC_SHAPE_RSA,	      /* (handle, encrypted, its length, secret, length) */
	EC_SHAPE_MASTER,      /* (handle): the secret is where ec_target says */
	EC_SHAPE__N,
};

/* Offsets of kernel fields, in bytes; 0xffff: not known. Filled by host/koffs.h. */
#define EC_KOFF_NONE 0xffff
#define EC_KOFF_SELF \
	0xfffe /* ec_target.bio_num: a BIO tells itself where its fields are */
struct ec_koffs {
	__u16 task_files, files_fdt, fdt_max, fdt_fd;
	__u16 file_private, file_inode, inode_mode;
	__u16 socket_sk;
	__u16 sk_family, sk_lport, sk_rport;
	__u16 sk_laddr, sk_raddr, sk_laddr6, sk_raddr6;
	__u16 task_tgid, task_pid;
	__u16 task_signal, signal_live; /* BTF only: threads that have not ended */
	__u16 sk_sport; /* its own port, network order, which one that was reset keeps */
};

enum {
	EC_FILTER_PID = 1u << 0,    /* only processes in ec_pids */
	EC_FILTER_FOLLOW = 1u << 1, /* children of those enter ec_pids */
	EC_FILTER_UID = 1u << 2,    /* only users in ec_uids */
	EC_FILTER_COMM = 1u << 3,
	EC_FILTER_PORT = 1u << 4,
	EC_FILTER_CGROUP = 1u << 5, /* only below the folders in ec_cgroups */
	EC_FILTER_WHO = 1u << 6, /* only those that user space lets pass: ec_verdicts */
};

#define EC_STOP_TAIL 0xffffffff /* see no_private_stack() in bpf/maps.h */

/* ec_config[0]: written before anything is attached, `stop` at the end. */
struct ec_config {
	__u32 filters;
	__u32 stop;	/* 1: programs return at once; never EC_STOP_TAIL */
	__u64 truncate; /* bytes of a call at most; 0: all */
	__u64 wake;	/* bytes in the ring from which a sleeping consumer is woken */
	__u32 nports;
	__u32 ways; /* bit per enum ec_how: ways to addresses that may be used */
	__u32 ncgroups;
	__u32 quiet; /* 1: no plaintext is wanted, only what a connection's addresses are
		      */
	__u16 ports[EC_PORTS_MAX];
	char comm[EC_COMM_LEN];
	struct ec_koffs koffs;
};

/* ec_shared[0]: memory shared with the worker by mmap. */
struct ec_shared {
	/*
	 * Set by the consumer before it sleeps, cleared by the producer that wakes it:
	 * EC_WAKE_FULL from ec_config.wake bytes on, EC_WAKE_FIRST by the first record.
	 */
	__u32 need_wakeup;
	__u32 pad;
	__u64 asked; /* ns, when an ask was last sent */
	__u64 twice; /* ns, when EC_ASK_TWICE was */
	__u64 pad2[5];
};

enum { EC_WAKE_NO = 0, EC_WAKE_FULL = 1, EC_WAKE_FIRST = 2 };
#define EC_ASK_EVERY_NS 250000000ull /* asks are not sent more often */

/* ec_counts[cpu]: only ever added to. Shared with the worker by mmap. */
struct ec_counts {
	__u64 records;
	__u64 bytes;
	__u64 cut;
	__u64 lookups; /* address look-ups tried */
	__u64 found;   /* … that gave addresses */
	__u64 pad[3];
	struct ec_loss_count lost[EC_LOSS__N];
};

/*
 * ec_targets[id]: what a module's programs need to know of the probed file. Ids are never
 * used again: a probe that is being taken away may fire for a while.
 */
struct ec_target {
	__u16 module;
	__u16 flags; /* EC_TARGET_* */
	__u16 rbio;  /* SSL → read BIO; EC_KOFF_NONE: not known */
	__u16 wbio;
	__u16 bio_method;
	__u16 method_type;
	__u16 bio_num;
	/*
	 * From the handle to the client's random: `nrandom` distances, a load at each but
	 * the last. 0: not known. The same for the master secret of a session, and for
	 * its length in the structure that the last load leads to.
	 */
	__u16 random[2];
	__u16 master[2];
	__u16 master_len;
	/* In the connection: protocol version (EC_KOFF_NONE: not known), traffic secrets
	 * of client and server (0: it has none). */
	__u16 version;
	__u16 app[2];
	/* In the connection: how far its handshake is, EC_KOFF_NONE: not known; the
	 * number that says it is over. */
	__u16 state;
	__u8 over;
	__u8 typed; /* a handle begins with its type (32 bits); only 0 has all these */
	__u8 nrandom;
	__u8 nmaster;
	__u16 pad;
	/* Distance of the labels' texts (enum ec_label) from the probed function; 0: none
	 */
	__s32 label[EC_LABEL__N];
};

enum {
	/* Probed functions may call each other: only the outermost frame counts. */
	EC_TARGET_NESTS = 1u << 0,
	/* Set by the session: its probes are being taken away, another target of the same
	 * file goes on. Calls that began under it are still right. */
	EC_TARGET_LEFT = 1u << 1,
	/* No point tells when a connection's object is freed. */
	EC_TARGET_ENDLESS = 1u << 2,
};

/* ec_conns: key and value. */
struct ec_conn_key {
	__u64 process; /* see struct ec_rec */
	__u64 handle;  /* the library's object (SSL *) */
};

/* Is a connection's read BIO memory? */
enum ec_memory {
	EC_MEMORY_NO,
	EC_MEMORY_YES,	 /* then nothing nested is its socket's */
	EC_MEMORY_MAYBE, /* or a socket that looks like it */
};

struct ec_conn {
	__u64 id;
	__u64 bio; /* read BIO and its descriptor when last looked at: another */
	__s32 fd;  /* one of either is another generation */
	__u16 module;
	__u8 tries;
	__u8 gave_up;
	__u32 pid;
	__u32 target;
	__u64 pos[EC_DIR__N];
	__u64 call[EC_DIR__N];
	__u8 lost[EC_DIR__N]; /* enum ec_loss since the last piece that went through */
	__u8 asked;	      /* user space was asked; its answer comes in ec_found */
	__u8 memory;	      /* enum ec_memory */
	__u8 waits; /* something of it was sent up that a filter cannot judge without port
		     */
	__u8 keyed; /* its secrets were told: EC_KEYED; else calls without them */
	__u8 pad[2];
	__u64 random; /* begin of the client's, of its last handshake; 0: not seen */
	struct ec_addrs addrs;
};

#define EC_KEYED 0xff

/* ec_threads: key is (tgid << 32 | tid), value: the calls that are open. */
struct ec_frame {
	__u64 sp; /* 0: free */
	__u64 handle;
	__u64 buf;
	__u64 count_at; /* address of the number of bytes, for EC_SHAPE_ARG* */
	__u32 target;
	__u8 shape;
	__u8 dir;
	__u8 nested;
	__u8 pad;
	__u64 serial;
};

/*
 * The call whose bytes a thread is sending up. Here rather than on the stack: what the
 * verifier knows of stack values it would follow through every piece, for each value.
 */
struct ec_sending {
	__u64 buf;
	__u64 pos; /* of the call's first byte */
	__u64 call;
	__u64 total;
	__u64 cut;
	__u32 target;
	__u16 module;
	__u8 dir;
	__u8 flags; /* EC_CHUNK_* of all its pieces */
};

struct ec_thread {
	/* Who it is, asked again every EC_WHO_NS: three helpers less a call. */
	__u64 who_at;
	__u64 cgroup;
	__u32 uid;
	__u32 pad;
	char comm[EC_COMM_LEN];
	__u64 serial;
	__u64 process;	       /* cached: of which life; 0: look it up */
	__u64 verdict;	       /* cached: enum ec_verdict; NONE: look it up */
	__u64 known[EC_KNOWN]; /* handles whose addresses are known or given up */
	struct ec_sending sending;
	struct ec_frame frame[EC_FRAMES];
};

/*
 * ec_scratch (shape perf): where a record is built. Programs can be preempted, so one
 * that finds another in a slot takes the next; see scratch_take() in bpf/emit.h.
 */
#define EC_SCRATCHES 4
struct ec_scratch {
	__u64 users;
	__u8 rec[sizeof(struct ec_rec_chunk) + EC_CHUNK_BYTES]
		__attribute__((aligned(8)));
};

/* ec_asks: a small ring read by the attacher. */
enum ec_ask_kind {
	EC_ASK_ADDRS = 1, /* a connection lacks its addresses: turn the look-up on */
	EC_ASK_FD,	  /* what are the addresses of this descriptor? For EC_HOW_USER */
	EC_ASK_WHO,	  /* a process is new: the answer comes in ec_verdicts */
	EC_ASK_TWICE,	  /* targets `target` and `other` are one inode: both fire */
};

struct ec_ask {
	__u32 kind;
	__u32 pid;
	__u64 time;
	__u64 conn;    /* ec_conn.id, which the answer in ec_found goes by */
	__u64 process; /* for the record that tells the worker */
	__u64 cgroup;
	__s32 fd;
	__u32 target;
	__u32 other;
	__u16 module;
	__u16 pad;
	__u32 uid;
	__u32 tid; /* who asks: the process's first thread may have ended */
	char comm[EC_COMM_LEN];
};

/* ec_procs: the lives of processes that are captured, by thread group. */
struct ec_proc {
	__u64 id;    /* ec_rec.process */
	__u64 asked; /* ns, when EC_ASK_WHO was last sent */
	/* ns, when a connection over memory last lacked its addresses; 0: never */
	__u64 memory;
};

/*
 * ec_wire: bytes of records that pass between sockets and the memory of a process's TLS
 * objects (bpf/membio.h). Received ones are noted with their socket's addresses, those to
 * be sent with their connection.
 */
#define EC_WIRE_MAX	4096	      /* LRU */
#define EC_WIRE_KEEP_NS 2000000000ull /* since ec_proc.memory */
struct ec_wire_key {
	__u32 pid;
	__u32 dir; /* enum ec_dir */
	__u64 bytes[2];
};

struct ec_wire {
	struct ec_conn_key conn;
	__u64 id;   /* of the connection */
	__s32 fd;   /* received by it: no kernel offsets, so no addresses; else -1 */
	__u32 many; /* more than one socket had them: of no use */
	struct ec_addrs addrs;
};

#define EC_FOUND_MAX 4096 /* answers kept (LRU); family 0: there are none */

#endif
