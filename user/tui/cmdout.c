// SPDX-License-Identifier: GPL-2.0
/*
 * The output of a traced command as lines. It is no terminal: carriage return,
 * backspace, tab and the few sequences that progress bars use move within the
 * line; colours and all other sequences are dropped; what is left is cleaned.
 */
#include <stdlib.h>
#include <string.h>
#include "tui/ui.h"
#include "util/text.h"

#define MAX_COLS 500u /* of a line */
#define TAB 8u

/* One column: a character with its UTF-8 bytes. */
struct cell {
	char b[4];
	unsigned char len, want;
};

enum state { PLAIN, ESC, ESC_MORE, CSI, STRING, STRING_ESC };

struct cmdout {
	char *line[CMDOUT_LINES]; /* line n at n % CMDOUT_LINES */
	uint64_t nr; /* finished lines so far */
	struct cell cur[MAX_COLS]; /* the unfinished one */
	unsigned int len, col;
	enum state state;
	unsigned int arg; /* of the CSI sequence being read */
	char text[MAX_COLS * 4 + 1], clean[MAX_COLS * 4 + 1]; /* the unfinished line */
};

struct cmdout *cmdout_new(void)
{
	return calloc(1, sizeof(struct cmdout));
}

void cmdout_free(struct cmdout *o)
{
	if (!o)
		return;
	for (unsigned int i = 0; i < CMDOUT_LINES; i++)
		free(o->line[i]);
	free(o);
}

static const char *current(struct cmdout *o)
{
	size_t n = 0;

	for (unsigned int i = 0; i < o->len; i++) {
		memcpy(o->text + n, o->cur[i].b, o->cur[i].len);
		n += o->cur[i].len;
	}
	o->text[n] = '\0';
	return text_clean(o->clean, sizeof(o->clean), o->text, 0);
}

static void finish(struct cmdout *o)
{
	char **slot = &o->line[o->nr % CMDOUT_LINES];

	free(*slot);
	*slot = strdup(current(o));
	o->nr++;
	o->len = o->col = 0;
}

static struct cell *cell_at(struct cmdout *o, unsigned int col)
{
	for (; o->len <= col; o->len++)
		o->cur[o->len] = (struct cell){ .b = " ", .len = 1, .want = 1 };
	return &o->cur[col];
}

static unsigned int utf8_len(unsigned char c)
{
	return c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
}

static void put(struct cmdout *o, unsigned char c, unsigned int width)
{
	struct cell *cell = o->col ? &o->cur[o->col - 1] : NULL;

	if ((c & 0xc0) == 0x80 && cell && cell->len < cell->want) {
		cell->b[cell->len++] = (char)c;
		return;
	}
	if (o->col >= width)
		finish(o);
	cell = cell_at(o, o->col++);
	*cell = (struct cell){ .b = { (char)c }, .len = 1, .want = (unsigned char)utf8_len(c) };
}

static void control(struct cmdout *o, unsigned char c, unsigned int width)
{
	switch (c) {
	case '\n':
		finish(o);
		break;
	case '\r':
		o->col = 0;
		break;
	case '\b':
		o->col -= o->col > 0;
		break;
	case '\t':
		do
			put(o, ' ', width);
		while (o->col % TAB && o->col < width);
		break;
	case 27:
		o->state = ESC;
		break;
	default: /* a bell and the like */
		break;
	}
}

static void csi(struct cmdout *o, unsigned char c, unsigned int width)
{
	unsigned int n = o->arg ? o->arg : 1;

	o->state = PLAIN;
	if (c == 'K' && !o->arg)
		o->len = o->col < o->len ? o->col : o->len;
	else if (c == 'K')
		o->len = o->col = 0;
	else if (c == 'C')
		o->col = n < width - o->col ? o->col + n : width - 1;
	else if (c == 'D')
		o->col = n < o->col ? o->col - n : 0;
	else if (c == 'G')
		o->col = n <= width ? n - 1 : width - 1;
	if (o->col)
		cell_at(o, o->col - 1);
}

static void sequence(struct cmdout *o, unsigned char c, unsigned int width)
{
	switch (o->state) {
	case ESC:
		o->arg = 0;
		if (c == '[')
			o->state = CSI;
		else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_')
			o->state = STRING;
		else
			o->state = c >= 0x20 && c < 0x30 ? ESC_MORE : PLAIN;
		break;
	case ESC_MORE:
		if (c < 0x20 || c >= 0x30)
			o->state = PLAIN;
		break;
	case CSI:
		if (c >= '0' && c <= '9')
			o->arg = o->arg < 10000 ? o->arg * 10 + c - '0' : o->arg;
		else if (c >= 0x40 && c < 0x7f)
			csi(o, c, width);
		else if (c < 0x20 || c >= 0x7f)
			o->state = PLAIN; /* cut short */
		break;
	case STRING:
		if (c == 7 || c == '\n')
			o->state = PLAIN;
		else if (c == 27)
			o->state = STRING_ESC;
		break;
	case STRING_ESC:
		o->state = c == 27 ? STRING_ESC : PLAIN;
		break;
	case PLAIN:
		break;
	}
}

void cmdout_add(struct cmdout *o, const char *buf, size_t n, unsigned int width)
{
	if (width < 20 || width > MAX_COLS)
		width = width < 20 ? 20 : MAX_COLS;
	/* the terminal became narrower in the middle of a line */
	if (o->col > width)
		finish(o);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)buf[i];

		if (o->state != PLAIN)
			sequence(o, c, width);
		else if (c < 0x20 || c == 0x7f)
			control(o, c, width);
		else
			put(o, c, width);
	}
}

uint64_t cmdout_total(const struct cmdout *o)
{
	return o->nr + (o->len > 0);
}

uint64_t cmdout_first(const struct cmdout *o)
{
	return o->nr > CMDOUT_LINES ? o->nr - CMDOUT_LINES : 0;
}

const char *cmdout_line(struct cmdout *o, uint64_t nr)
{
	const char *s;

	if (nr == o->nr)
		return current(o);
	if (nr > o->nr || nr < cmdout_first(o))
		return "";
	s = o->line[nr % CMDOUT_LINES];
	return s ? s : "";
}
