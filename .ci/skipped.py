"""Fail if a test was skipped in every stage, but for the reasons that are named here.

Takes the JUnit files of all stages.
"""

import sys
from collections import defaultdict
from xml.etree import ElementTree

# Reasons that hold wherever this is run.
NAMED = {"the administrator may write everywhere"}


def outcomes(paths: list[str]) -> dict[str, list[str | None]]:
    """For each test, the reason why each stage skipped it; None where it ran."""
    found = defaultdict(list)
    for path in paths:
        for case in ElementTree.parse(path).iter("testcase"):
            skipped = case.find("skipped")
            test = f"{case.get('classname')}.{case.get('name')}"
            found[test].append(None if skipped is None else skipped.get("message", ""))
    return found


found = outcomes(sys.argv[1:])
unexplained = {
    test: reasons[0]
    for test, reasons in found.items()
    if None not in reasons and not NAMED & set(reasons)
}
ran = sum(None in reasons for reasons in found.values())
print(f"{ran} tests ran in {len(sys.argv) - 1} stages")
for test, reason in unexplained.items():
    print(f"skipped everywhere: {test}: {reason}")
sys.exit(bool(unexplained) or not ran)
