"""Which of a processor's instructions decide how fast small numbers are multiplied."""

from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
# What Linux calls them, and what everybody else does; the later, the faster.
KNOWN = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx_vnni": "VNNI",
    "avx512_vnni": "VNNI",
    "avx512_bf16": "bfloat16",
    "amx_int8": "AMX",
    "asimd": "NEON",
    "asimddp": "dot products",
    "i8mm": "int8 matrices",
}


def instructions(info: Path = CPU_INFO) -> tuple[str, ...]:
    """What the processor has for vectors and for products of small integers.

    Without `"VNNI"` (or `"AMX"`; on ARM `"dot products"`) sums of products of 8-bit
    integers take several instructions, and a runtime gains little or nothing by them.

    Args:
        info: Where the kernel describes the processor.

    Returns:
        Of `"AVX2"`, `"AVX-512"`, `"VNNI"`, `"bfloat16"`, `"AMX"`, `"NEON"`,
        `"dot products"` and `"int8 matrices"` those that there are; nothing where the
        system does not tell, which is everywhere but on Linux.

    References:
        Rodriguez et al., "Lower Numerical Precision Deep Learning Inference and
        Training", Intel, 2018 (why VNNI matters for 8 bits).
    """
    if not info.exists():
        return ()
    lines = info.read_text(encoding="utf-8").splitlines()
    lists = (line.partition(":")[2] for line in lines if _lists_flags(line))
    flags = set(next(lists, "").split())
    return tuple(dict.fromkeys(said for flag, said in KNOWN.items() if flag in flags))


def _lists_flags(line: str) -> bool:
    return line.partition(":")[0].strip() in {"flags", "Features"}
