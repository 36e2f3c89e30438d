"""Build the C kernel once as a static library and every cext/ilprouter/**/*.pyx as an extension of the same import path."""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("ILPROUTER_DEBUG") == "1"
KERNEL = sorted(str(path) for path in Path("cext/kernel").glob("*.c"))
HEADERS = sorted(str(path) for path in Path("cext/kernel").glob("*.h"))
WARN = ["-Wall", "-Wextra", "-Wno-unused-parameter"]
CFLAGS = ["-std=gnu11", "-O2", "-g", "-fvisibility=hidden", "-fno-strict-aliasing", *WARN]
if DEBUG:
    CFLAGS += ["-UNDEBUG", "-DILPROUTER_DEBUG=1"]
else:
    CFLAGS += ["-DNDEBUG"]


def extension(path: Path) -> Extension:
    """An Extension whose name mirrors its path below cext/; libraries come from `# distutils:` lines in the source."""
    name = ".".join(path.with_suffix("").parts[1:])
    return Extension(
        name,
        [str(path)],
        include_dirs=["cext/kernel", "cext"],
        depends=HEADERS,
        extra_compile_args=[*CFLAGS, "-Wno-sign-compare", "-Wno-unused-function"],
    )


setup(
    libraries=[
        (
            "ilpkernel",
            {
                "sources": KERNEL,
                "obj_deps": {"": HEADERS},
                "include_dirs": ["cext/kernel"],
                "cflags": [*CFLAGS, "-Werror", "-fPIC"],
            },
        )
    ],
    ext_modules=cythonize(
        [extension(path) for path in sorted(Path("cext/ilprouter").rglob("*.pyx"))],
        include_path=["cext"],
        build_dir="build/cython",
        nthreads=os.cpu_count() or 1,
        compiler_directives={
            "language_level": "3",
            "boundscheck": DEBUG,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "embedsignature": True,
            "freethreading_compatible": False,
        },
        show_all_warnings=False,
    ),
)
