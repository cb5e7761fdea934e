"""libfrank, installed into a folder of its own, builds a stranger's program by pkg-config and by CMake."""
import os
import re
import subprocess
import sys
import tempfile

build, compiler, sanitize = sys.argv[1:4]
source = os.environ["FRANK_SOURCE"]
sanitize = sanitize.removeprefix("--sanitize=")  # a library with sanitizers wants them in its user too
flags = [f"-fsanitize={sanitize}"] if sanitize else []


def run(*command, env=None):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nexit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def check_example(path, env=None):
    output = run(path, env=env)
    assert re.match(r"MSMR-Key: v=1; a=ed25519-sha256; n=[0-9a-f]{8};\n\th=000[0-9a-f]{61}\npass: ", output), output


CMAKE = """cmake_minimum_required(VERSION 3.25)
project(stranger LANGUAGES C)
find_package(Frank 0.1 REQUIRED)
add_executable(example {source}/host/proof/example.c)
target_link_libraries(example PRIVATE Frank::frank)
"""

with tempfile.TemporaryDirectory() as folder:
    prefix = os.path.join(folder, "prefix")
    run("cmake", "--install", build, "--component", "libfrank", "--prefix", prefix)
    installed = [os.path.join(at, name) for at, _, names in os.walk(prefix) for name in names]
    pc_dirs = [os.path.dirname(path) for path in installed if path.endswith("/frank.pc")]
    assert len(pc_dirs) == 1, installed
    libdir = os.path.dirname(pc_dirs[0])

    # Nothing of the source tree may be needed: every header includes what it needs, in C and in C++.
    env = dict(os.environ, PKG_CONFIG_PATH=pc_dirs[0], LD_LIBRARY_PATH=libdir)
    cflags = run("pkg-config", "--cflags", "frank", env=env).split()
    libs = run("pkg-config", "--libs", "frank", env=env).split()
    assert cflags and all(source not in flag for flag in cflags + libs), cflags + libs
    headers = sorted(path for path in installed if path.endswith(".h"))
    assert any(path.endswith("/include/frank/proof/frank.h") for path in headers), headers
    for header in headers:
        for language in ("c", "c++"):
            run(compiler, "-x", language, "-Wall", "-Werror", "-fsyntax-only", *cflags, header)

    program = os.path.join(folder, "by-pkg-config")
    run(compiler, "-std=c17", "-Wall", "-Wextra", "-Werror", *flags, *cflags,
        os.path.join(source, "host/proof/example.c"), *libs, "-o", program)
    check_example(program, env)

    project = os.path.join(folder, "project")
    os.mkdir(project)
    with open(os.path.join(project, "CMakeLists.txt"), "w") as out:
        out.write(CMAKE.format(source=source))
    run("cmake", "-S", project, "-B", project + "/build", f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_C_COMPILER={compiler}", f"-DCMAKE_C_FLAGS={' '.join(flags)}")
    run("cmake", "--build", project + "/build")
    check_example(project + "/build/example", env)

print("libfrank, installed, serves a program by pkg-config and by find_package")
