// SPDX-License-Identifier: GPL-2.0
// build-flags: -O2 -fomit-frame-pointer
// Leaks through C++'s operator new, in an anonymous namespace and a template: grow_new --mib N --ms N
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <string>
#include <thread>
#include <vector>

namespace
{

struct session {
	char payload[640];
	std::vector<int> log;
};

template <typename T> class registry
{
	std::vector<T *> all;

public:
	unsigned long long bytes = 0;

	__attribute__((noipa)) void leak_new()
	{
		T *t = new T;

		memset(t->payload, 1, sizeof(t->payload));
		all.push_back(t);
		bytes += malloc_usable_size(t) + 8;
		__asm__ volatile("" ::: "memory");
	}
};

} // namespace

int main(int argc, char **argv)
{
	unsigned long long mib = 16, ms = 2000;
	registry<session> sessions;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--mib"))
			mib = strtoull(argv[i + 1], nullptr, 0);
		else if (!strcmp(argv[i], "--ms"))
			ms = strtoull(argv[i + 1], nullptr, 0);
	}
	auto start = std::chrono::steady_clock::now();
	for (unsigned long long i = 1; i <= ms / 10; i++) {
		while (sessions.bytes < (mib << 20) * i / (ms / 10))
			sessions.leak_new();
		std::this_thread::sleep_until(start + std::chrono::milliseconds(10 * i));
	}
	printf("TRUTH function=leak_new bytes=%llu\n", sessions.bytes);
	return 0;
}
