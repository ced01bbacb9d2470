// SPDX-License-Identifier: GPL-2.0
/* Units, containers and pods by the paths that systemd, docker, podman, Kubernetes and LXC make. */
#include <string.h>

#include "kselftest_harness.h"
#include "serve/cgname.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UID "8dbc7c2e-5e4b-4f0e-9b3a-1c2d3e4f5a6b"
#define UID_ "8dbc7c2e_5e4b_4f0e_9b3a_1c2d3e4f5a6b"

static const struct {
	const char *path, *name;
} real[] = {
	{ "/", "" },
	{ "", "" },
	{ "/init.scope", "init.scope" },
	{ "/system.slice/nginx.service", "nginx.service" },
	{ "/system.slice/nginx.service/worker", "nginx.service" },
	{ "/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service" },
	{ "/system.slice/system-postgresql.slice/postgresql@15-main.service",
	  "postgresql@15-main.service" },
	{ "/system.slice/dbus.socket", "dbus.socket" },
	{ "/system.slice/my\\x2dapp.service", "my-app.service" },
	{ "/user.slice/user-1000.slice/session-3.scope", "session-3.scope" },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox-4123.scope",
	  "app-gnome-firefox-4123.scope" },
	{ "/user.slice/user-1000.slice/user@1000.service/init.scope", "init.scope" },
	{ "/user.slice/user-1000.slice", "" },
	/* docker */
	{ "/system.slice/docker-" ID ".scope", "docker:0123456789ab" },
	{ "/docker/" ID, "docker:0123456789ab" },
	{ "/docker/" ID "/system.slice/cron.service", "docker:0123456789ab" },
	{ "/system.slice/docker.service", "docker.service" },
	{ "/docker/buildkit", "" },
	/* podman */
	{ "/machine.slice/libpod-" ID ".scope", "podman:0123456789ab" },
	{ "/machine.slice/libpod-" ID ".scope/container", "podman:0123456789ab" },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container",
	  "podman:0123456789ab" },
	{ "/machine.slice/libpod-conmon-" ID ".scope", "podman-conmon:0123456789ab" },
	/* containerd, without Kubernetes */
	{ "/system.slice/nerdctl-" ID ".scope", "containerd:0123456789ab" },
	{ "/default/" ID, "container:0123456789ab" },
	/* Kubernetes */
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_
	  ".slice/cri-containerd-" ID ".scope",
	  "pod:" UID "/0123456789ab" },
	{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_ ".slice/crio-" ID
	  ".scope",
	  "pod:" UID "/0123456789ab" },
	{ "/kubepods.slice/kubepods-pod" UID_ ".slice/docker-" ID ".scope",
	  "pod:" UID "/0123456789ab" },
	{ "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
	  "kubelet-kubepods-burstable-pod" UID_ ".slice/cri-containerd-" ID ".scope",
	  "pod:" UID "/0123456789ab" },
	{ "/kubepods/burstable/pod" UID "/" ID, "pod:" UID "/0123456789ab" },
	{ "/kubepods/pod" UID "/" ID, "pod:" UID "/0123456789ab" },
	{ "/kubepods/burstable/pod" UID "/crio-" ID, "pod:" UID "/0123456789ab" },
	/* static pods have no dashes */
	{ "/kubepods/burstable/pod0123456789abcdef0123456789abcdef/" ID,
	  "pod:0123456789abcdef0123456789abcdef/0123456789ab" },
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice",
	  "pod:" UID },
	{ "/kubepods.slice/kubepods-burstable.slice", "" },
	/* kind: a node in a container has a kubelet of its own; what counts is the outermost */
	{ "/docker/" ID "/kubelet.slice/kubelet-kubepods.slice/x.scope", "docker:0123456789ab" },
	/* LXC, Incus */
	{ "/lxc.payload.web", "lxc:web" },
	{ "/lxc.payload.web/system.slice/ssh.service", "lxc:web" },
	{ "/lxc.monitor.web", "lxc:web" },
	{ "/lxc/db-1/init.scope", "lxc:db-1" },
	/* machined */
	{ "/machine.slice/systemd-nspawn@web.service/payload", "machine:web" },
	{ "/machine.slice/machine-qemu\\x2d1\\x2dvm1.scope/libvirt/emulator",
	  "machine:qemu-1-vm1" },
	/* what only looks like it */
	{ "/system.slice/docker-0123.scope", "docker-0123.scope" },
	{ "/podcasts/x.service", "x.service" },
	{ "/pod" ID ID, "" },
	{ "/system.slice/a\\x", "" },
	{ "/system.slice/a\\x00b.service", "a\\x00b.service" },
};

TEST(real_paths)
{
	char name[96];

	for (unsigned int i = 0; i < sizeof(real) / sizeof(*real); i++) {
		EXPECT_STREQ(real[i].name, cgname(name, sizeof(name), real[i].path))
		{
			TH_LOG("%s", real[i].path);
		}
	}
}

TEST(hostile_names)
{
	static char path[8192];
	char name[96];

	EXPECT_EQ(NULL, strchr(cgname(name, sizeof(name), "/x\x1b[2J\n.service"), '\x1b'));
	EXPECT_EQ(NULL, strchr(name, '\n'));
	for (size_t len = 1; len < sizeof(path) - 16; len += 97) {
		memset(path, 'a', len);
		path[0] = '/';
		strcpy(path + len, ".service");
		EXPECT_GT(sizeof(name), strlen(cgname(name, sizeof(name), path)));
		memcpy(path, "/lxc/", len > 5 ? 5 : len);
		EXPECT_GT(sizeof(name), strlen(cgname(name, sizeof(name), path)));
		EXPECT_EQ(false, cgname_matches("nobody", path));
	}
	memset(path, '/', sizeof(path) - 1);
	EXPECT_STREQ("", cgname(name, sizeof(name), path));
	EXPECT_FALSE(cgname_matches("/x", path));
}

TEST(rules_match)
{
	static const struct {
		const char *pattern, *path;
		bool match;
	} rule[] = {
		{ "nginx.service", "/system.slice/nginx.service", true },
		{ "nginx.service", "/system.slice/nginx.service/worker", true },
		{ "nginx.service", "/system.slice/nginx.service2", false },
		{ "nginx*", "/system.slice/nginx.service", true },
		{ "*.slice", "/system.slice/nginx.service", true },
		{ "/system.slice", "/system.slice/nginx.service", true },
		{ "/system.slice/", "/system.slice/nginx.service", true },
		{ "/sys/fs/cgroup/system.slice", "/system.slice/nginx.service", true },
		{ "system.slice/nginx.service", "/system.slice/nginx.service", true },
		{ "/system.slic", "/system.slice/nginx.service", false },
		{ "/system.slice/*.service", "/system.slice/a.service/b", true },
		{ "/*.service", "/system.slice/a.service", false },
		{ "/user.slice", "/system.slice/a.service", false },
		{ "/", "/system.slice/a.service", true },
		{ "docker:*", "/docker/" ID, true },
		{ "docker:0123456789ab", "/system.slice/docker-" ID ".scope", true },
		{ "docker:*", "/system.slice/docker.service", false },
		{ "pod:" UID "/*", "/kubepods/pod" UID "/" ID, true },
		{ "pod:*", "/kubepods/pod" UID "/" ID, true },
		{ "lxc:web", "/lxc.payload.web/init.scope", true },
		{ "", "/a", false },
		{ "[", "/a", false },
		{ "*", "/", false },
	};

	for (unsigned int i = 0; i < sizeof(rule) / sizeof(*rule); i++) {
		EXPECT_EQ(rule[i].match, cgname_matches(rule[i].pattern, rule[i].path))
		{
			TH_LOG("%s of %s", rule[i].pattern, rule[i].path);
		}
	}
}

TEST_HARNESS_MAIN
