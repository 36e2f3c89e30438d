"""Build the C kernel as a static library, and each cext/ilprouter/**/*.pyx as an extension module.

Owns compiler flags, what is rebuilt when, and the checks that fail a build. Must not know what
any module does.

Environment
    ILPROUTER_DEBUG=1        bounds checks, asserts, leak counters, frame pointers
    ILPROUTER_SANITIZE=LIST  passed to -fsanitize, e.g. address,undefined
    ILPROUTER_BUILD_EXT=0    leave the compiled modules out (./dev builds them in place by itself)
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from setuptools import Command, Extension, setup
from setuptools.command.build_clib import build_clib
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, PlatformError
from setuptools.modified import newer_group

DEBUG = os.environ.get("ILPROUTER_DEBUG") == "1"
SANITIZE = os.environ.get("ILPROUTER_SANITIZE", "")
KERNEL = sorted(
    str(path) for part in ("kernel", "ledger") for path in Path("cext", part).glob("*.c")
)
HEADERS = sorted(str(path) for path in Path("cext").rglob("*.h"))
INCLUDE = ["cext/kernel", "cext"]
# Every object depends on this file: other flags, or another list of sources, rebuild everything.
FLAGS_FILE = "build/flags"
JOBS = len(os.sched_getaffinity(0))

# Library of a `# distutils: libraries =` line -> a header of it, and the Debian package it is in.
SYSTEM_LIBRARIES = {"nghttp2": ("nghttp2/nghttp2.h", "libnghttp2-dev")}

# What `# distutils:` lines in a .pyx file may set, and the .c file in place of the .pyx file.
TRANSLATED_FIELDS = (
    "sources",
    "libraries",
    "library_dirs",
    "include_dirs",
    "define_macros",
    "language",
)

DIRECTIVES = {
    "language_level": "3",
    "boundscheck": DEBUG,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "embedsignature": True,
    "freethreading_compatible": False,
}


def compiler_flags() -> tuple[list[str], list[str]]:
    """Flags for compiling and for linking; they come after those of the Python build and win."""
    cflags = ["-std=gnu11", "-g", "-fPIC", "-fvisibility=hidden", "-fno-strict-aliasing"]
    cflags += ["-Wall", "-Wextra", "-Wno-unused-parameter"]
    ldflags = ["-Wl,-z,relro,-z,now,-z,noexecstack"]
    cflags += ["-UNDEBUG", "-DILPROUTER_DEBUG=1"] if DEBUG else ["-DNDEBUG"]
    cflags += ["-O1", "-fno-omit-frame-pointer"] if DEBUG or SANITIZE else ["-O2"]
    # Some builds of Python define _FORTIFY_SOURCE already: without -U the compiler warns.
    cflags += ["-U_FORTIFY_SOURCE", "-fstack-protector-strong"]
    if SANITIZE:  # sees more than _FORTIFY_SOURCE, and the two disagree about wrapped functions
        cflags += [f"-fsanitize={SANITIZE}", "-fno-sanitize-recover=all"]
        ldflags += [f"-fsanitize={SANITIZE}"]
    else:
        cflags += ["-D_FORTIFY_SOURCE=3", "-fstack-clash-protection"]
    return cflags, ldflags


CFLAGS, LDFLAGS = compiler_flags()
# What Cython generates compares signed with unsigned and leaves helpers unused; our own C may not.
KERNEL_CFLAGS = [*CFLAGS, "-Werror"]
EXTENSION_CFLAGS = [*CFLAGS, "-Wno-sign-compare", "-Wno-unused-function"]


def extension(path: Path) -> Extension:
    """The extension module whose name mirrors its path below cext/."""
    name = ".".join(path.with_suffix("").parts[1:])
    return Extension(
        name,
        [str(path)],
        include_dirs=INCLUDE,
        extra_compile_args=EXTENSION_CFLAGS,
        extra_link_args=LDFLAGS,
    )


def write_flags_file() -> None:
    """Touch FLAGS_FILE only when what it says changes, so that its time stamp means something."""
    text = "\n".join([*KERNEL_CFLAGS, *EXTENSION_CFLAGS, *LDFLAGS, *KERNEL, sys.version])
    path = Path(FLAGS_FILE)
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@contextlib.contextmanager
def stderr_copied(lines: list[str]) -> Iterator[None]:
    """Append to `lines` what this process and its children write to file descriptor 2; show it."""
    with tempfile.TemporaryFile() as copy:
        sys.stderr.flush()
        saved = os.dup(2)
        os.dup2(copy.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            copy.seek(0)
            text = copy.read().decode(errors="replace")
            sys.stderr.write(text)
            lines += text.splitlines()


def cythonize_checked(modules: list[Extension], build_dir: str, **options: Any) -> list[Extension]:
    """Translate .pyx to C below build_dir.

    A performance hint is an error: it means a hidden lock or exception check on the packet path.
    raises   CompileError naming each hint. The C files of this run are removed, or the next run
             would find them up to date and pass
    """
    from Cython.Build import cythonize

    Path(build_dir).mkdir(parents=True, exist_ok=True)
    before = {path: path.stat().st_mtime_ns for path in Path(build_dir).rglob("*.c")}
    lines: list[str] = []
    with stderr_copied(lines):
        translated = cythonize(
            modules,
            include_path=["cext"],
            build_dir=build_dir,
            nthreads=JOBS,
            compiler_directives=DIRECTIVES,
            **options,
        )
    hints = sorted({line for line in lines if line.startswith("performance hint:")})
    if hints:
        for path in Path(build_dir).rglob("*.c"):
            if before.get(path) != path.stat().st_mtime_ns:
                path.unlink()
        raise CompileError("Cython performance hints are errors here:\n  " + "\n  ".join(hints))
    return list(translated)


class BuildKernel(build_clib):
    """build_clib, with the archive made anew when a source, a header or a flag changed."""

    def run(self) -> None:
        write_flags_file()
        super().run()

    def build_libraries(self, libraries: Any) -> None:
        archive = Path(self.build_clib, "libilpkernel.a")
        if newer_group([*KERNEL, *HEADERS, FLAGS_FILE], str(archive)):
            archive.unlink(missing_ok=True)  # `ar` would keep members whose source is gone
        super().build_libraries(libraries)


class BuildExtensions(build_ext):
    """build_ext, which translates .pyx files, checks for system headers, relinks a new kernel."""

    def initialize_options(self) -> None:
        super().initialize_options()
        self.parallel = JOBS

    def run(self) -> None:
        if self.extensions:
            self.run_command("build_clib")
            build_dir = "build/cython-debug" if DEBUG else "build/cython"
            modules = cythonize_checked(self.extensions, build_dir, quiet=self.verbose == 0)
            translated = {module.name: module for module in modules}
            for module in self.extensions:  # these objects carry what finalize_options found out
                for field in TRANSLATED_FIELDS:
                    setattr(module, field, getattr(translated[module.name], field))
        super().run()

    def build_extensions(self) -> None:
        for library in sorted({name for module in self.extensions for name in module.libraries}):
            if library in SYSTEM_LIBRARIES:
                self.require_header(library, *SYSTEM_LIBRARIES[library])
        kernel = self.get_finalized_command("build_clib")
        archive = str(Path(kernel.build_clib, "libilpkernel.a"))
        for module in self.extensions:
            module.depends = [*HEADERS, FLAGS_FILE, archive]
        compile_all = self.compiler.compile

        def compile_changed(sources: list[str], output_dir: str, **options: Any) -> list[str]:
            # A newer archive asks for a new link only, not for compiling again.
            depends = [path for path in options.pop("depends") if path != archive]
            objects = self.compiler.object_filenames(sources, output_dir=output_dir)
            pairs = zip(sources, objects, strict=True)
            changed = [source for source, made in pairs if newer_group([source, *depends], made)]
            if changed:
                compile_all(changed, output_dir=output_dir, depends=depends, **options)
            return objects

        self.compiler.compile = compile_changed
        super().build_extensions()

    def build_extension(self, ext: Extension) -> None:
        path = Path(self.get_ext_fullpath(ext.name))
        if newer_group([*ext.sources, *ext.depends], str(path)):
            path.unlink(missing_ok=True)  # the linker step compares with the objects only
        super().build_extension(ext)

    def require_header(self, library: str, header: str, package: str) -> None:
        """Stop with the name of the package to install when the compiler cannot find `header`."""
        command = [*self.compiler.compiler_so, "-E", "-x", "c", "-"]
        text = f"#include <{header}>\n".encode()
        if subprocess.run(command, input=text, capture_output=True, check=False).returncode != 0:
            raise PlatformError(
                f"{header} of lib{library} not found; to install it: sudo apt-get install {package}"
            )


class Annotate(Command):
    """Write build/annotate/**/*.html: which lines of each .pyx file call into Python (yellow)."""

    user_options: ClassVar[list[tuple[str, str, str]]] = []

    def initialize_options(self) -> None:
        pass

    def finalize_options(self) -> None:
        pass

    def run(self) -> None:
        modules = self.distribution.ext_modules or []
        cythonize_checked(modules, "build/annotate", annotate=True, force=True, quiet=True)


if __name__ == "__main__":
    compiled = os.environ.get("ILPROUTER_BUILD_EXT") != "0"
    sources = sorted(Path("cext/ilprouter").rglob("*.pyx"))
    kernel_library = {
        "sources": KERNEL,
        "obj_deps": {"": [*HEADERS, FLAGS_FILE]},
        "include_dirs": INCLUDE,
        "cflags": KERNEL_CFLAGS,
    }
    setup(
        cmdclass={"build_clib": BuildKernel, "build_ext": BuildExtensions, "annotate": Annotate},
        libraries=[("ilpkernel", kernel_library)] if compiled else [],
        ext_modules=[extension(path) for path in sources] if compiled else [],
    )
