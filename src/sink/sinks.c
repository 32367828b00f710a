// SPDX-License-Identifier: GPL-2.0-only
#include "base/util.h"
#include "sink/sink.h"

#include <string.h>

const struct ec_sink_ops *const ec_sinks[] = {
	&ec_sink_text,
	&ec_sink_jsonl,
	&ec_sink_keylog,
	NULL,
};

const struct ec_sink_ops *ec_sink_find(const char *name)
{
	for (size_t i = 0; ec_sinks[i]; i++) {
		if (!strcmp(ec_sinks[i]->name, name))
			return ec_sinks[i];
	}
	return NULL;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n > k && !strcmp(s + n - k, end);
}

const struct ec_sink_ops *ec_sink_for_path(const char *path)
{
	for (size_t i = 0; ec_sinks[i]; i++) {
		for (size_t j = 0; ec_sinks[i]->suffixes[j]; j++) {
			if (ends_with(path, ec_sinks[i]->suffixes[j]))
				return ec_sinks[i];
		}
	}
	return &ec_sink_text;
}
