// SPDX-License-Identifier: GPL-2.0
// build-flags: -Og -fomit-frame-pointer
#include "frames.h"

int main(int argc, char **argv)
{
	return frames_main(argc, argv);
}
