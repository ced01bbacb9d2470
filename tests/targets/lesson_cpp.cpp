// SPDX-License-Identifier: GPL-2.0
// build-flags: -O0
// The lesson's programs in C++: strings short and long, vectors, owners. Sleeps.
#include <cstdio>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

namespace lesson {

struct Base {
	int kind = 3;
};

struct User : Base {
	long id = 9;
	std::string name = "ann";
};

enum class Color { red, green };

static int add(int x, int y)
{
	int sum = x + y;
	char byte;

	puts("ready");
	fflush(stdout);
	if (read(0, &byte, 1) < 0)
		return 0;
	return sum;
}

} // namespace lesson

int main()
{
	std::string brief = "hello", lengthy(100, 'x');
	std::vector<int> numbers{ 1, 2, 3 };
	auto unique = std::make_unique<long>(77);
	auto shared = std::make_shared<int>(5);
	lesson::User user;
	lesson::User &alias = user;
	lesson::Color color = lesson::Color::green;
	double half = 0.5;
	bool yes = true;
	numbers.reserve(8);
	int sum = lesson::add(5, 10);

	return sum + (int)brief.size() + (int)lengthy.size() + (int)alias.id + (int)color + (int)half + yes +
	       (int)*unique + *shared;
}
