"""Builds the kernels: always for the CPU, and for CUDA if its toolkit is found.

Environment variables:

* ``VFI_CORRELATION_CUDA``: ``0`` builds for the CPU only, ``1`` fails without CUDA.
* ``CUDA_HOME``: folder of the toolkit; default: the one that ``nvcc`` belongs to.
* ``TORCH_CUDA_ARCH_LIST``: GPU architectures such as ``8.0;9.0+PTX``; default: those of this machine's GPUs,
  without a GPU all from Turing to Blackwell that the toolkit supports.
* ``MAX_JOBS``: number of compiler processes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import site
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, NoReturn

from setuptools import setup
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
SHARED_KERNELS = "vfi_ops_cuda"
"""Folder of an sdist for the CUDA sources, which in a clone belong to vfi, because CuPy uses them too."""
ARCHITECTURES = ("7.5", "8.0", "9.0")
BLACKWELL_ARCHITECTURES = ("10.0", "12.0")
BLACKWELL_CUDA = (12, 8)
"""First version of CUDA, of PyTorch as of the toolkit, that supports Blackwell."""


def stop(message: str) -> NoReturn:
    """End the build with one sentence that names the cause and the remedy."""
    raise SystemExit(f"\nvfi-correlation cannot be built: {message} vfi works without it, only slower.\n")


def find_torch() -> Any:
    """PyTorch of the target environment, also from within pip's isolated build."""
    for folder in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages()):
        site.addsitedir(folder)
    try:
        import torch
    except ImportError as error:
        stop(
            f"PyTorch is not installed here ({error}); install vfi first, then build with "
            "--no-build-isolation."
        )
    return torch


def require_compiler() -> None:
    """Stop the build if there is no suitable C++ compiler."""
    if sys.platform == "win32":
        stop("its vectors need GCC or Clang, which PyTorch for Windows is not compatible with.")
    compiler = os.environ.get("CXX") or "c++"
    if shutil.which(compiler.split()[0]) is None:
        stop(f"there is no C++ compiler called {compiler!r}; install g++ or clang, or set CXX to one.")


def find_cuda_home() -> str | None:
    """Folder of the CUDA toolkit: ``CUDA_HOME``, or the one that nvcc reports, which may be a wrapper."""
    named = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    if named:
        return named
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        return "/usr/local/cuda" if Path("/usr/local/cuda/bin/nvcc").is_file() else None
    output = subprocess.run(
        [nvcc, "--dryrun", "-x", "cu", "-c", os.devnull], capture_output=True, text=True
    ).stderr
    folder = re.search(r"_HERE_=(.+)", output)
    return str(Path(folder[1].strip()).parent) if folder else str(Path(nvcc).resolve().parents[1])


def choose_cuda(torch: Any) -> str | None:
    """Configure the build for CUDA, or return the reason why it is left out."""
    asked = os.environ.get("VFI_CORRELATION_CUDA", "")
    if asked not in ("", "0", "1"):
        stop(f"VFI_CORRELATION_CUDA must be 0 or 1, not {asked!r}.")
    home = find_cuda_home()
    reason = None
    if asked == "0":
        reason = "VFI_CORRELATION_CUDA was 0"
    elif torch.version.cuda is None:
        reason = "PyTorch was built without CUDA"
    elif home is None or not Path(home, "bin", "nvcc").is_file():
        reason = f"there was no CUDA toolkit{f' in {home}' if home else ''}"
    if reason is None and home is not None:
        os.environ["CUDA_HOME"] = home
        toolkit = toolkit_version(torch, home)
        if not torch.cuda.is_available():
            every = every_architecture(str(torch.version.cuda), toolkit)
            os.environ.setdefault("TORCH_CUDA_ARCH_LIST", every)
    elif asked == "1":
        stop(f"VFI_CORRELATION_CUDA is 1, but {reason}.")
    return reason


def toolkit_version(torch: Any, home: str) -> str:
    """Version of the toolkit; stops the build if its major version is not PyTorch's: they do not link."""
    nvcc = str(Path(home, "bin", "nvcc"))
    output = subprocess.run([nvcc, "--version"], capture_output=True, text=True).stdout
    release = re.search(r"release (\d+)\.(\d+)", output)
    if release is None:
        stop(f"{nvcc} does not report its version; set CUDA_HOME to a working toolkit.")
    if release[1] != torch.version.cuda.split(".")[0]:
        stop(
            f"the CUDA toolkit in {home} is {release[1]}.{release[2]}, but PyTorch was built for CUDA "
            f"{torch.version.cuda}; set CUDA_HOME to a toolkit of that version, or VFI_CORRELATION_CUDA=0 "
            "for the CPU only."
        )
    return f"{release[1]}.{release[2]}"


def every_architecture(*versions: str) -> str:
    """The list of all GPU architectures that these versions of CUDA support, for ``TORCH_CUDA_ARCH_LIST``."""
    oldest = min(tuple(map(int, version.split("."))) for version in versions)
    blackwell = BLACKWELL_ARCHITECTURES if oldest >= BLACKWELL_CUDA else ()
    return ";".join((*ARCHITECTURES, *blackwell)) + "+PTX"


def shared_kernels() -> Path:
    """Folder of the CUDA sources."""
    for folder in (HERE / SHARED_KERNELS, HERE.parent / "vfi" / "ops" / "backends" / "cuda"):
        if folder.is_dir():
            return folder
    stop("the folder vfi/ops/backends/cuda is missing; build it in a clone of vfi, or from an sdist.")


def extension(cpp_extension: Any, with_cuda: bool) -> Any:
    """The extension: its sources, and the options of the compilers and the linker."""
    sources = ["csrc/cpu.cpp", "csrc/cpu_kernels.cpp"]
    openmp = ["-fopenmp"] if sys.platform == "linux" else []  # the threads of PyTorch on Linux
    flags = {"cxx": ["-O3", "-g0", "-std=c++17", "-fvisibility=hidden", *openmp]}
    if not with_cuda:
        return cpp_extension.CppExtension(
            "vfi_correlation.kernels", sources, extra_compile_args=flags, extra_link_args=openmp
        )
    sources += ["csrc/cuda.cpp", "csrc/launch.cu"]
    flags["nvcc"] = ["-O3", "-std=c++17"]
    return cpp_extension.CUDAExtension(
        "vfi_correlation.kernels",
        sources,
        include_dirs=[str(shared_kernels())],
        extra_compile_args=flags,
        extra_link_args=openmp,
    )


def build_command(torch: Any, cpp_extension: Any, without_cuda: str | None) -> type:
    """The command that compiles the kernels and records what they were built for."""

    class Build(cpp_extension.BuildExtension):  # type: ignore[misc]
        def finalize_options(self) -> None:
            super().finalize_options()
            # The objects of an earlier build may be for another PyTorch, or lack CUDA.
            self.force = True
            self.build_temp = f"{self.build_temp}-{torch.__version__}"

        def get_export_symbols(self, ext: Any) -> list[str]:
            return []  # not a Python module: PyTorch loads the library

        def build_extension(self, ext: Any) -> None:
            super().build_extension(ext)
            built_for = {
                "torch": torch.__version__,
                "cuda": None if without_cuda else torch.version.cuda,
                "architectures": None
                if without_cuda
                else os.environ.get("TORCH_CUDA_ARCH_LIST", "of this machine"),
                "without_cuda": without_cuda,
            }
            record = Path(self.get_ext_fullpath(ext.name)).with_name("built_for.json")
            record.write_text(json.dumps(built_for, indent=2) + "\n", encoding="utf-8")

    return Build.with_options(no_python_abi_suffix=True)


class SourceDistribution(sdist):
    """An sdist that contains the CUDA sources."""

    def make_release_tree(self, base_dir: str, files: Any) -> None:
        """Copy the files that setuptools lists, and the sources."""
        super().make_release_tree(base_dir, files)
        shutil.copytree(shared_kernels(), Path(base_dir, SHARED_KERNELS), dirs_exist_ok=True)
        shutil.copytree(HERE / "csrc", Path(base_dir, "csrc"), dirs_exist_ok=True)


def main() -> None:
    """Describe the distribution; look for compilers only if something is to be compiled."""
    needs_compiler = {"bdist_wheel", "build", "build_ext", "editable_wheel", "install", "develop"} & set(
        sys.argv
    )
    if not needs_compiler:
        setup(cmdclass={"sdist": SourceDistribution})
        return
    torch = find_torch()
    require_compiler()
    without_cuda = choose_cuda(torch)
    print(f"vfi-correlation: {'CPU only: ' + without_cuda if without_cuda else 'CPU and CUDA'}", flush=True)
    from torch.utils import cpp_extension

    setup(
        ext_modules=[extension(cpp_extension, with_cuda=without_cuda is None)],
        cmdclass={
            "sdist": SourceDistribution,
            "build_ext": build_command(torch, cpp_extension, without_cuda),
        },
    )


main()
