// SPDX-License-Identifier: GPL-2.0
/* `memtrace serve`: the daemon. All of it is in serve/. */
#include <signal.h>
#include "opts.h"
#include "serve/serve_run.h"
#include "util/log.h"

int cmd_serve(struct opts *o, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	if (!o->check_config)
		return serve_run(o);
	if (serve_check(o))
		return EX_FAILED;
	log_info("the configuration is good");
	return 0;
}
