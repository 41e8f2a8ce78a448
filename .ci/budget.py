"""Fail unless `nncompress grade --json` reports full marks within the budget."""

import json
import sys

SECONDS = 120  # the goal is 60; a busy machine may take twice that
PEAK_BYTES = 1.3e9

facts = json.load(sys.stdin)
line = "lesson {lesson}: {earned} of {possible} points, {seconds} s".format(**facts)
print(f"{line}, {facts['peak_bytes'] / 1e9:.2f} GB")
sys.exit(
    facts["earned"] < facts["possible"]
    or facts["seconds"] > SECONDS
    or facts["peak_bytes"] > PEAK_BYTES
)
