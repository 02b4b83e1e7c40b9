"""The images of deploy/image: built with a storage of their own, and run as a container runtime would run them."""
import ctypes
import fcntl
import json
import os
import re
import shutil
import socket
import struct
import subprocess

import lib

PLACE = os.path.join(lib.ROOT, "build", "image")
STORAGE_CONF = os.path.join(PLACE, "storage.conf")
NO_BASE = 69           # deploy/image: nothing to build on
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
MOST_KEPT_KIB = 3 << 20
NO_NETWORK = re.compile(r"Could not resolve|Unable to connect|Could not connect|Temporary failure|Failed to fetch")

# Runs inside new mount, process and control group namespaces, as their process 1. What is seen of /sys is the
# control group alone.
LAUNCH = """
set -e
root=$1 uid=$2 gid=$3 hosts=$4 group=$5 group_at=$6
shift 6
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --bind "$hosts" "$root/etc/hosts"
if [ -n "$group" ]; then
    mount -t tmpfs tmpfs "$root/sys"
    mkdir -p "$root$group_at"
    mount --bind "$group" "$root$group_at"
fi
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs unshare --root="$root" --wd=/ --setgid "$gid" --setuid "$uid" -- "$@"
"""


def skip(reason):
    lib.say("skipped: " + reason)
    lib.done()


def must_find(pattern, text):
    """What the pattern's group is in the text; it must be there."""
    found = re.search(pattern, text, re.M)
    lib.must(found, "%s is in: %s" % (pattern, text[-400:]))
    return found.group(1)


def run(*command, limit=60, **options):
    """A command to its end: what it printed; None when it failed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit, cwd=lib.ROOT, **options)
    if done.returncode != 0:
        lib.say("%s: %d: %s" % (" ".join(command)[:120], done.returncode, done.stderr.strip()[-400:]))
        return None
    return done.stdout


def buildah(*arguments, **options):
    return run("buildah", *arguments, **options)


def release():
    """Unmounts and removes the working containers; the layers stay for the next time."""
    if shutil.which("buildah") is not None and os.path.exists(STORAGE_CONF):
        subprocess.run(["buildah", "rm", "--all"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)


def prepare():
    """Ends the test, skipped, where images cannot be built; whatever ends it, nothing stays mounted."""
    if os.getuid() != 0:
        skip("images are built by root here")
    if shutil.which("apt-get") is None:
        skip("not a Debian machine")
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        skip("this machine allows no new namespaces")
    if run("sh", "-c", ". deploy/packages.sh; need_packages buildah debootstrap", limit=200) is None:
        skip("buildah and debootstrap are not installed and cannot be fetched")
    os.makedirs(PLACE, exist_ok=True)
    with open(STORAGE_CONF, "w", encoding="ascii") as f:
        f.write('[storage]\ndriver = ""\ngraphroot = "%s/storage"\nrunroot = "%s/run"\n' % (PLACE, PLACE))
    os.environ["CONTAINERS_STORAGE_CONF"] = STORAGE_CONF
    release()
    # Every change of the sources leaves layers behind.
    if int((run("du", "-sk", PLACE) or "0").split()[0]) > MOST_KEPT_KIB:
        shutil.rmtree(os.path.join(PLACE, "storage"), ignore_errors=True)
    plain = lib.done

    def done():
        for program in lib._programs:
            program.kill()
        release()
        plain()

    lib.done = done


def build():
    """Runs deploy/image; the version it has tagged."""
    log = os.path.join(PLACE, "log")
    env = dict(os.environ, BASE=os.environ.get("BASE", "debootstrap"))
    with open(log, "w", encoding="utf-8") as out:
        status = subprocess.run([os.path.join(lib.ROOT, "deploy", "image")], stdout=out, stderr=subprocess.STDOUT,
                                env=env, timeout=270).returncode
    with open(log, encoding="utf-8", errors="replace") as f:
        text = f.read()
    if status == NO_BASE or (status != 0 and NO_NETWORK.search(text)):
        skip("no mirror of Debian can be reached: " + text.strip().splitlines()[-1])
    lib.must(status == 0, "deploy/image ends with 0: %d: %s" % (status, text[-2000:]))
    return must_find(r"^Successfully tagged localhost/weir:(\S+)", text)


def own_network():
    """From here on this test and what it starts have a network of their own, with loopback alone: the ports of
    the image and of compose.yaml are free in it."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        skip("this machine allows no new network namespace")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


class Image:
    """A built image: its configuration, and its root file system mounted."""

    def __init__(self, name):
        self.name = name
        whole = json.loads(buildah("inspect", "--type", "image", name))
        self.config = whole["Docker"]["config"]
        self.size = whole["Docker"].get("Size") or 0
        self.container = buildah("from", "--pull-never", name).strip()
        self.root = buildah("mount", self.container).strip()

    def files(self):
        """Every path in it, from its root, with what lstat says."""
        for folder, folders, files in os.walk(self.root):
            for name in folders + files:
                path = os.path.join(folder, name)
                yield os.path.relpath(path, self.root), os.lstat(path)

    def env(self):
        return dict(line.split("=", 1) for line in self.config["Env"])


class Contained(lib.Program):
    """A program of an image as a container runtime starts it: process 1, the image's user and environment,
    root file system read-only, no new privileges. The network is this test's own."""

    def __init__(self, image, arguments=(), env=None, group="", group_at=""):
        hosts = lib.write_file("hosts", "127.0.0.1 localhost profile preferences activity\n")
        for name in ("hosts", "resolv.conf"):  # a runtime makes these to mount its own on them
            open(os.path.join(image.root, "etc", name), "a", encoding="ascii").close()
        uid, gid = image.config["User"].split(":")
        inside = ["unshare", "--mount", "--pid", "--cgroup", "--fork", "--kill-child", "--",
                  "sh", "-c", LAUNCH, "launch", image.root, uid, gid, hosts, group, group_at]
        if group:
            inside = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', group] + inside
        whole = image.env()
        whole.update(env or {})
        super().__init__(image.name.rsplit("/", 1)[-1], inside + image.config["Entrypoint"] + list(arguments), whole)
        self.pid = lib.wait_until(self._child, 10)
        lib.must(self.pid, "%s is started" % image.name)

    def _child(self):
        """Process 1 of the new namespace, seen from outside."""
        try:
            with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid), encoding="ascii") as f:
                return int(f.read().split()[0])
        except (OSError, IndexError):
            return self.process.poll() is not None and -1

    def signal(self, number):
        if self.process.poll() is None:
            os.kill(self.pid, number)

    def status(self, field):
        with open("/proc/%d/status" % self.pid, encoding="ascii") as f:
            return must_find(r"^%s:[ \t]*(.*)$" % field, f.read())
