// SPDX-License-Identifier: GPL-2.0
// build-flags: -O2 -fomit-frame-pointer -Itests/targets
// C++ around the same walks: templates, virtual calls, lambdas, exceptions in flight.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "frames.h"

namespace shapes {

struct Shape {
	virtual u64 walk(struct walk *w) = 0;
	virtual ~Shape() = default;
};

template <unsigned int N> struct Padded : Shape {
	NOINLINE u64 walk(struct walk *w) override
	{
		volatile char pad[N];

		pad[N / 2] = 1;
		return step(w) + (u64)pad[N / 2];
	}
};

NOINLINE static u64 thrown(struct walk *w)
{
	try {
		throw std::runtime_error("on the way");
	} catch (const std::exception &e) {
		return step(w) + std::string(e.what()).size();
	}
}

NOINLINE static u64 lambdas(struct walk *w)
{
	std::vector<int> v{ 3, 1, 2 };
	std::function<u64(int)> f = [&](int n) { return n ? f(n - 1) + 1 : step(w); };

	std::sort(v.begin(), v.end(), [](int a, int b) { return a < b; });
	return f((int)(dice(w) % 6)) + (u64)v[0];
}

} // namespace shapes

static void *cpp_thread(void *arg)
{
	struct walk w = *(struct walk *)arg;
	std::unique_ptr<shapes::Shape> s;

	w.left = (int)(dice(&w) % 10);
	if (dice(&w) % 2)
		s = std::make_unique<shapes::Padded<100>>();
	else
		s = std::make_unique<shapes::Padded<1000>>();
	switch (dice(&w) % 3) {
	case 0:
		sink += shapes::thrown(&w);
		break;
	case 1:
		sink += shapes::lambdas(&w);
		break;
	default:
		sink += s->walk(&w);
	}
	return nullptr;
}

int main()
{
	static struct walk walks[40];
	char byte;

	for (u64 i = 0; i < 40; i++) {
		pthread_t t;

		walks[i].rnd = (i + 77) * 0x9e3779b97f4a7c15ull;
		pthread_create(&t, nullptr, cpp_thread, &walks[i]);
	}
	puts("ready");
	fflush(stdout);
	return read(0, &byte, 1) < 0;
}
