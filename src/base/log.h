/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The run log: one line, one write(2), on stderr or a file, so that lines of the three
 * processes never mix. Lines read `ecapture: <text>` for errors and `ecapture: warning:
 * <text>` for warnings, plain `<text>` for info and `debug: <text>` for debug. Control
 * characters in a line are shown escaped: names come from outside.
 */
#ifndef EC_BASE_LOG_H
#define EC_BASE_LOG_H

#include "base/util.h"

enum ec_log_level { EC_LOG_ERROR, EC_LOG_WARN, EC_LOG_INFO, EC_LOG_DEBUG, EC_LOG__N };

extern enum ec_log_level ec_log_level; /* what is shown at most; info unless set */

void ec_log_set_fd(int fd); /* not owned; 2 unless set */
int ec_log_fd(void);
void ec_log_at(enum ec_log_level level, const char *fmt, ...) EC_PRINTF(2, 3);
/* "error", "warn", "info", "debug" → level; 0 or -EINVAL */
int ec_log_parse(const char *name, enum ec_log_level *out);

#define ec_log(level, ...)                               \
	do {                                             \
		if ((level) <= ec_log_level)             \
			ec_log_at((level), __VA_ARGS__); \
	} while (0)
#define ec_error(...) ec_log(EC_LOG_ERROR, __VA_ARGS__)
#define ec_warn(...)  ec_log(EC_LOG_WARN, __VA_ARGS__)
#define ec_info(...)  ec_log(EC_LOG_INFO, __VA_ARGS__)
#define ec_debug(...) ec_log(EC_LOG_DEBUG, __VA_ARGS__)

#endif
