// SPDX-License-Identifier: GPL-2.0
#include <curses.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <wchar.h>
#include "tui/ui.h"
#include "util/clock.h"
#include "util/text.h"

#define UI_MAX_COLS 512

void ui_begin(struct tui *t)
{
	getmaxyx(stdscr, t->h, t->w);
	erase();
}

void ui_end(struct tui *t)
{
	/* out of the way: some terminals show it for all that curs_set() says */
	move(t->h - 1, t->w - 1);
	refresh();
}

/* One character of a string; what cannot be shown is '?'. Returns bytes taken. */
static size_t next_char(const char *s, mbstate_t *mb, wchar_t *ret_wc, int *ret_w)
{
	size_t n = mbrtowc(ret_wc, s, MB_LEN_MAX, mb);
	int w;

	if (n == (size_t)-1 || n == (size_t)-2) {
		memset(mb, 0, sizeof(*mb));
		*ret_wc = L'?';
		*ret_w = 1;
		return 1;
	}
	w = wcwidth(*ret_wc);
	if (w < 0) {
		*ret_wc = L'?';
		w = 1;
	}
	*ret_w = w;
	return n;
}

int ui_width(const char *s)
{
	mbstate_t mb = { 0 };
	int sum = 0, w;
	wchar_t wc;

	while (*s) {
		s += next_char(s, &mb, &wc, &w);
		sum += w;
	}
	return sum;
}

int ui_put(struct tui *t, int y, int x, int w, enum style st, const char *s)
{
	wchar_t out[UI_MAX_COLS * 2];
	mbstate_t mb = { 0 };
	int used = 0, cw, fits_at = 0;
	unsigned int n = 0, fits_n = 0;
	wchar_t wc;

	if (x < 0 || y < 0 || y >= t->h || x >= t->w)
		return 0;
	if (w > t->w - x)
		w = t->w - x;
	if (w > UI_MAX_COLS)
		w = UI_MAX_COLS;
	if (w <= 0)
		return 0;
	while (*s && n < UI_MAX_COLS * 2 - 2) {
		s += next_char(s, &mb, &wc, &cw);
		if (used + cw > w) {
			mbstate_t mb2 = { 0 };

			/* no room: what fits with an ellipsis after it */
			n = fits_n;
			mbrtowc(&out[n++], glyph(t, G_ELLIPSIS), MB_LEN_MAX, &mb2);
			used = fits_at + 1;
			break;
		}
		out[n++] = wc;
		used += cw;
		if (used <= w - 1) {
			fits_at = used;
			fits_n = n;
		}
	}
	style_on(st);
	mvaddnwstr(y, x, out, (int)n);
	style_off(st);
	return used;
}

int ui_printf(struct tui *t, int y, int x, int w, enum style st, const char *fmt, ...)
{
	char buf[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	return ui_put(t, y, x, w, st, buf);
}

int ui_right(struct tui *t, int y, int x, int w, enum style st, const char *s)
{
	int sw = ui_width(s);

	return ui_put(t, y, sw < w ? x + w - sw : x, w, st, s);
}

void ui_fill(struct tui *t, int y, int x, int n, enum style st, const char *g)
{
	char buf[UI_MAX_COLS * 4 + 1];
	size_t len = strlen(g), at = 0;

	for (int i = 0; i < n && at + len < sizeof(buf); i++, at += len)
		memcpy(buf + at, g, len);
	buf[at] = 0;
	ui_put(t, y, x, n, st, buf);
}

void ui_cursor_line(struct tui *t, int y, int x, int w)
{
	if (y < 0 || y >= t->h || x >= t->w)
		return;
	mvchgat(y, x, w > t->w - x ? t->w - x : w, A_REVERSE, 0, NULL);
}

const char *ui_text(const struct tui *t, const char *raw)
{
	static char slot[4][512];
	static unsigned int at;

	return text_clean(slot[at++ % 4], sizeof(slot[0]), raw, t->o.ascii);
}

char *ui_size(const struct tui *t, char buf[UNITS_LEN], int64_t bytes)
{
	if (!t->o.bytes)
		return fmt_size(buf, bytes);
	snprintf(buf, UNITS_LEN, "%lld", (long long)bytes);
	return buf;
}

char *ui_growth(const struct tui *t, char buf[UNITS_LEN], int64_t bytes)
{
	if (!t->o.bytes)
		return fmt_growth(buf, bytes);
	snprintf(buf, UNITS_LEN, bytes ? "%+lld" : "%lld", (long long)bytes);
	return buf;
}

char *ui_rate(const struct tui *t, char buf[UNITS_LEN], double bytes_per_s)
{
	/* under 512 bytes a second is nothing: not a page in eight intervals */
	if (bytes_per_s > -512 && bytes_per_s < 512)
		bytes_per_s = 0;
	if (!t->o.bytes)
		return fmt_rate(buf, bytes_per_s);
	snprintf(buf, UNITS_LEN, bytes_per_s != 0 ? "%+.0f/s" : "%.0f", bytes_per_s);
	return buf;
}

char *ui_clock(const struct tui_frame *f, char buf[16], uint64_t boot_ns)
{
	time_t s = (time_t)((f->now_real_ns - (f->now_ns - boot_ns)) / NSEC_PER_SEC);
	struct tm tm;

	localtime_r(&s, &tm);
	strftime(buf, 16, "%H:%M:%S", &tm);
	return buf;
}

char *ui_name(const struct tui *t, const struct tui_frame *f, const struct proc *p, char *buf,
	      size_t sz)
{
	snprintf(buf, sz, "%s[%u]", ui_text(t, strtab_str(f->model->st, p->comm)), p->pid);
	return buf;
}

struct line ui_line(struct tui *t, int y, int x, int end)
{
	return (struct line){ .t = t, .y = y, .x = x, .end = end < t->w ? end : t->w };
}

bool ui_piece(struct line *l, enum style st, const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	int w;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	w = ui_width(buf);
	if (l->full || l->x + w > l->end) {
		l->full = true;
		return false;
	}
	ui_put(l->t, l->y, l->x, w, st, buf);
	l->x += w;
	return true;
}
