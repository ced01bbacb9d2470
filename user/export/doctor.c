// SPDX-License-Identifier: GPL-2.0
#include "export/doctor.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#define COLUMNS 80
#define MAX_FIXES 16

static const struct {
	const char *token, *shown, *color;
} marks[] = {
	[DOC_OK] = { "ok", "ok", "\033[32m" },
	[DOC_NOTE] = { "note", "note", "\033[33m" },
	[DOC_FAIL] = { "fail", "FAIL", "\033[1;31m" },
};

static const struct {
	const char *token, *title;
} sections[DOC_NR_SECTIONS] = {
	[DOC_KERNEL] = { "kernel", "KERNEL" },
	[DOC_PRIVILEGES] = { "privileges", "PRIVILEGES" },
	[DOC_SETTINGS] = { "settings", "SETTINGS" },
};

static void take_fix(const char *fix, const char **fixes, unsigned int *nr, unsigned int max)
{
	if (!fix)
		return;
	for (unsigned int i = 0; i < *nr; i++)
		if (!strcmp(fixes[i], fix))
			return;
	if (*nr < max)
		fixes[(*nr)++] = fix;
}

unsigned int doctor_fixes(const struct doctor *d, const char **fixes, unsigned int max)
{
	unsigned int nr = 0;

	take_fix(d->fix, fixes, &nr, max);
	for (enum doctor_mark m = DOC_FAIL;; m--) {
		for (unsigned int i = 0; i < d->nr_checks; i++)
			if (d->check[i].mark == m)
				take_fix(d->check[i].fix, fixes, &nr, max);
		for (unsigned int i = 0; i < d->nr_events; i++)
			if (d->event[i].mark == m)
				take_fix(d->event[i].fix, fixes, &nr, max);
		if (m == DOC_OK)
			break;
	}
	return nr;
}

/* Columns of UTF-8 that has no wide or combining characters: ours. */
static unsigned int columns(const char *s, size_t len)
{
	unsigned int n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

/* Writes @text from column @col on, broken at blanks, later lines indented as far. */
static void wrapped(FILE *f, unsigned int col, const char *text)
{
	unsigned int at = col;

	while (*text) {
		size_t word = strcspn(text, " ");
		unsigned int width = columns(text, word);

		if (at > col && at + 1 + width > COLUMNS) {
			fprintf(f, "\n%*s", (int)col, "");
			at = col;
		} else if (at > col) {
			fputc(' ', f);
			at++;
		}
		fwrite(text, 1, word, f);
		at += width;
		text += word;
		text += *text == ' ';
	}
	fputc('\n', f);
}

static void mark(FILE *f, enum doctor_mark m, bool color)
{
	fprintf(f, "  %s%-4s%s  ", color ? marks[m].color : "", marks[m].shown,
		color ? "\033[0m" : "");
}

static void heading(FILE *f, const char *s, bool color)
{
	fprintf(f, "\n%s%s%s\n", color ? "\033[1m" : "", s, color ? "\033[0m" : "");
}

static void event_text(FILE *f, const struct doctor_event *e, bool color)
{
	mark(f, e->mark, color);
	fprintf(f, "%-27s  %-10s  ", e->title, e->rung);
	wrapped(f, 49, e->hook ? e->hook : "-");
	if (e->why) {
		fprintf(f, "          why     ");
		wrapped(f, 18, e->why);
	}
	if (e->unseen) {
		fprintf(f, "          unseen  ");
		wrapped(f, 18, e->unseen);
	}
}

void doctor_text(FILE *f, const struct doctor *d, bool color)
{
	const char *fixes[MAX_FIXES];
	unsigned int nr;

	fprintf(f, "memtrace %s on Linux %s %s\n\n", d->version, d->release, d->machine);
	fprintf(f, "%sVERDICT%s  ",
		d->can_trace ? (color ? "\033[1;32m" : "") : (color ? "\033[1;31m" : ""),
		color ? "\033[0m" : "");
	wrapped(f, 9, d->text);

	for (enum doctor_section s = 0; s < DOC_NR_SECTIONS; s++) {
		heading(f, sections[s].title, color);
		for (unsigned int i = 0; i < d->nr_checks; i++) {
			const struct doctor_check *c = &d->check[i];

			if (c->section != s)
				continue;
			mark(f, c->mark, color);
			fprintf(f, "%-25s  ", c->title);
			wrapped(f, 35, c->value);
		}
	}
	heading(f, "EVENTS                               RUNG        TAKEN FROM", color);
	for (unsigned int i = 0; i < d->nr_events; i++)
		event_text(f, &d->event[i], color);
	if (d->assumed)
		fprintf(f,
			"  Asked without privilege: what the kernel lets root load could not be tried.\n");

	nr = doctor_fixes(d, fixes, MAX_FIXES);
	if (nr)
		heading(f, "TO DO", color);
	for (unsigned int i = 0; i < nr; i++) {
		fprintf(f, "  %2u  ", i + 1);
		/* A command is to be copied: on one line */
		if (!strncmp(fixes[i], "sudo ", 5))
			fprintf(f, "%s\n", fixes[i]);
		else
			wrapped(f, 6, fixes[i]);
	}
}

/* JSON's null for what is not known */
static json_t *string_or_null(const char *s)
{
	return s ? json_string(s) : json_null();
}

static json_t *checks_json(const struct doctor *d)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < d->nr_checks; i++) {
		const struct doctor_check *c = &d->check[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:o}", "section",
						      sections[c->section].token, "check", c->key,
						      "status", marks[c->mark].token, "value",
						      c->value, "fix", string_or_null(c->fix)));
	}
	return list;
}

static json_t *events_json(const struct doctor *d)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < d->nr_events; i++) {
		const struct doctor_event *e = &d->event[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "event", e->key, "status",
				  marks[e->mark].token, "rung", e->rung, "hook",
				  string_or_null(e->hook), "why", string_or_null(e->why), "unseen",
				  string_or_null(e->unseen), "fix", string_or_null(e->fix)));
	}
	return list;
}

static json_t *fixes_json(const struct doctor *d)
{
	const char *fixes[MAX_FIXES];
	unsigned int nr = doctor_fixes(d, fixes, MAX_FIXES);
	json_t *list = json_array();

	for (unsigned int i = 0; i < nr; i++)
		json_array_append_new(list, json_string(fixes[i]));
	return list;
}

int doctor_json(FILE *f, const struct doctor *d)
{
	time_t now = time(NULL);
	char when[40];
	struct tm tm;
	json_t *o;
	int err;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	o = json_pack("{s:i, s:s, s:s, s:s, s:{s:s, s:s}, s:b, s:i, s:s, s:b, s:s, s:o, s:o, s:o}",
		      "schema", 1, "type", "doctor", "time", when, "version", d->version, "kernel",
		      "release", d->release, "machine", d->machine, "can_trace", d->can_trace,
		      "exit", d->exit_code, "rung", d->rung, "assumed", d->assumed, "verdict",
		      d->text, "checks", checks_json(d), "events", events_json(d), "fixes",
		      fixes_json(d));
	if (!o)
		return -ENOMEM;
	err = json_dumpf(o, f, JSON_COMPACT) || fputc('\n', f) == EOF ? -EIO : 0;
	json_decref(o);
	return err;
}
