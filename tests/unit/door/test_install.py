"""The client library, installed into a folder of its own, builds a stranger's program by pkg-config and
by CMake, and the program gets a stamp from a frankd."""
import hashlib
import os
import re
import subprocess
import sys
import tempfile

from harness import Frankd, random_b

build, compiler, sanitize = sys.argv[1:4]
source = os.environ["FRANK_SOURCE"]
sanitize = sanitize.removeprefix("--sanitize=")  # a library with sanitizers wants them in its user too
flags = [f"-fsanitize={sanitize}"] if sanitize else []
example = os.path.join(source, "host/door/example_client.c")


def run(*command, env=None):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nexit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def check_example(path, frankd, env):
    b = random_b()
    output = run(path, frankd.ipc, b, env=env)
    stamp = re.fullmatch(r"MSMR-Key: v=1; a=rsa-sha256; n=([0-9a-f]+);\n\th=([0-9a-f]{64})\n", output)
    assert stamp, output
    assert hashlib.sha256((stamp[1] + b).encode()).hexdigest() == stamp[2], output
    assert int(stamp[2], 16) * 1000 < 2**256, output


CMAKE = """cmake_minimum_required(VERSION 3.25)
project(stranger LANGUAGES C)
find_package(FrankClient 0.1 REQUIRED)
add_executable(example {example})
target_link_libraries(example PRIVATE Frank::client)
"""

with tempfile.TemporaryDirectory() as folder, Frankd(["--factor", "1000", "--device", "cpu:0"]) as frankd:
    prefix = os.path.join(folder, "prefix")
    for component in ("libfrank", "libfrank-client"):
        run("cmake", "--install", build, "--component", component, "--prefix", prefix)
    installed = [os.path.join(at, name) for at, _, names in os.walk(prefix) for name in names]
    pc_dirs = [os.path.dirname(path) for path in installed if path.endswith("/frank-client.pc")]
    assert len(pc_dirs) == 1, installed
    libdir = os.path.dirname(pc_dirs[0])

    # Nothing of the source tree may be needed; the header includes what it needs, in C and in C++.
    env = dict(os.environ, PKG_CONFIG_PATH=pc_dirs[0], LD_LIBRARY_PATH=libdir)
    cflags = run("pkg-config", "--cflags", "frank-client", env=env).split()
    libs = run("pkg-config", "--libs", "frank-client", env=env).split()
    assert cflags and all(source not in flag for flag in cflags + libs), cflags + libs
    headers = [path for path in installed if path.endswith("/include/frank/door/client.h")]
    assert len(headers) == 1, installed
    for language in ("c", "c++"):
        run(compiler, "-x", language, "-Wall", "-Werror", "-fsyntax-only", *cflags, headers[0])

    program = os.path.join(folder, "by-pkg-config")
    run(compiler, "-std=c17", "-Wall", "-Wextra", "-Werror", *flags, *cflags, example, *libs,
        "-o", program)
    check_example(program, frankd, env)

    project = os.path.join(folder, "project")
    os.mkdir(project)
    with open(os.path.join(project, "CMakeLists.txt"), "w", encoding="utf-8") as out:
        out.write(CMAKE.format(example=example))
    run("cmake", "-S", project, "-B", project + "/build", f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_C_COMPILER={compiler}", f"-DCMAKE_C_FLAGS={' '.join(flags)}")
    run("cmake", "--build", project + "/build")
    check_example(project + "/build/example", frankd, env)

print("the client library, installed, serves a program by pkg-config and by find_package")
