// SPDX-License-Identifier: GPL-2.0-only
#include "sink/sink.h"

#include <string.h>

const struct ec_sink_ops *const ec_sinks[] = {&ec_sink_text, &ec_sink_jsonl, NULL};

const struct ec_sink_ops *ec_sink_find(const char *name)
{
	for (int i = 0; ec_sinks[i]; i++)
		if (!strcmp(ec_sinks[i]->name, name))
			return ec_sinks[i];
	return NULL;
}

const struct ec_sink_ops *ec_sink_for_path(const char *path)
{
	size_t n = strlen(path);

	for (int i = 0; ec_sinks[i]; i++) {
		const char *const *s = ec_sinks[i]->suffixes;

		for (; s && *s; s++)
			if (n > strlen(*s) && !strcmp(path + n - strlen(*s), *s))
				return ec_sinks[i];
	}
	return &ec_sink_text;
}
