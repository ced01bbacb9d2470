// SPDX-License-Identifier: GPL-2.0
#include "growth_put.h"

#include <string.h>
#include <unistd.h>

#include "util/log.h"

static const struct growth_format formats[] = {
	{ "folded", grown_folded, false },
	{ "pprof", grown_pprof, true },
	{ "html", grown_html, true },
};

const struct growth_format *growth_format(const struct opts *o)
{
	for (unsigned int i = 0; o->format && i < sizeof(formats) / sizeof(*formats); i++)
		if (!strcmp(o->format, formats[i].name))
			return &formats[i];
	return NULL;
}

int growth_format_check(const struct opts *o)
{
	const struct growth_format *fmt = growth_format(o);

	if (o->format && strcmp(o->format, "text") && !fmt)
		return log_error(EX_USAGE_ERR, "--format text, folded, pprof or html, or --json",
				 "growth has no format '%s'", o->format);
	if (fmt && fmt->one && (!o->output || !strcmp(o->output, "-")) &&
	    (o->cmd || isatty(STDOUT_FILENO)))
		return log_error(EX_USAGE_ERR, "-o FILE", "%s is for a file", o->format);
	return 0;
}

int growth_put(FILE *f, const struct opts *o, const struct growth_report *r)
{
	const struct report_style style = { .ascii = o->ascii, .bytes = o->bytes };
	const struct growth_format *fmt = growth_format(o);

	if (fmt && r->fault_period > 1 && fmt->put != grown_html)
		log_warn("bytes of paths are estimates: one fault in %u was seen", r->fault_period);
	if (fmt)
		return fmt->put(f, r);
	return o->json ? grown_json(f, r) : grown_text(f, r, &style);
}
