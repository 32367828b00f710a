// SPDX-License-Identifier: GPL-2.0-only
#include "model/loss.h"

/* By enum ec_loss. The words are part of the JSON format (docs/FORMATS.md). */
static const struct {
	const char *name;
	const char *text;
} losses[EC_LOSS__N] = {
	[EC_LOSS_NONE] = {"none", "not lost"},
	[EC_LOSS_RING] = {"ring", "no room in the buffer between kernel and ecapture"},
	[EC_LOSS_FAULT] = {"fault", "the program's memory could not be read"},
	[EC_LOSS_LONG] = {"long", "one call was longer than this kernel lets us copy"},
	[EC_LOSS_TABLE] = {"table", "no room in a table of calls or connections"},
	[EC_LOSS_CALL] = {"call",
			  "the call's begin was not seen, or calls nest too deep"},
	[EC_LOSS_QUEUE] = {"queue", "incoming chan is full: ecapture did not keep up"},
	[EC_LOSS_OUTPUT] = {"output", "an output could not take it"},
	[EC_LOSS_FOREIGN] = {"foreign", "a damaged record"},
	[EC_LOSS_PORT] = {"port", "the connection's port never became known"},
	[EC_LOSS_UNSEEN] = {"unseen", "cause not known"},
	[EC_LOSS_WHO] =
		{"who",
		 "its process ended before a filter could look at it, or the look came too late"},
	[EC_LOSS_KEYS] =
		{"keys", "a connection was there before the capture, and its keys cannot "
			 "be had"},
};

static unsigned int known(enum ec_loss cause)
{
	unsigned int i = (unsigned int)cause;

	return i < EC_LOSS__N ? i : EC_LOSS_UNSEEN;
}

const char *ec_loss_name(enum ec_loss cause)
{
	return losses[known(cause)].name;
}

const char *ec_loss_text(enum ec_loss cause)
{
	return losses[known(cause)].text;
}
