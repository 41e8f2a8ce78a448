"""JupyterLab in a real browser: one server and one Chromium for all tests here.

Without a browser or playwright these tests are skipped; with NNCOMPRESS_BROWSER=required
in the environment that is a failure instead, and with NNCOMPRESS_BROWSER=none they are
skipped wherever they are.
"""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from lab_server import Lab, running_lab

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--no-first-run",
    "--no-sandbox",
)
# Jupytext comes with our build tools; its plugin does not load in older JupyterLab.
NOT_OURS = "/lab/extensions/jupyterlab-jupytext/"
# A busy machine, of which JupyterLab complains.
SLOW = r"took [\d.]+ms to activate|is taking too long to activate"
TIMEOUT = 30_000  # milliseconds
WANTED = os.environ.get("NNCOMPRESS_BROWSER", "")
REQUIRED = WANTED == "required"
FAILED = pytest.StashKey[bool]()


# Test modules import playwright, so without it they cannot even be collected.
if find_spec("playwright") is None:
    if REQUIRED:
        raise pytest.UsageError(
            "NNCOMPRESS_BROWSER=required, but no playwright is here"
        )
    collect_ignore_glob = ["test_*.py", "lab_*.py"]


@dataclass
class Watch:
    """What a page did beside what it showed.

    A test that provokes an error in the console adds a pattern of it to `expected`.
    """

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def message(self, message: Any) -> None:
        told = f"{message.text} ({message.location['url']})"
        ours = message.type == "warning" and "nncompress" in told
        if message.type == "error" or ours:
            self.errors.append(told)

    def unexpected(self) -> list[str]:
        return [
            error
            for error in self.errors
            if not any(re.search(p, error) for p in [NOT_OURS, SLOW, *self.expected])
        ]

    def hosts(self) -> set[str]:
        parts = [urlsplit(url) for url in self.requests]
        return {str(part.hostname) for part in parts if part.scheme in {"http", "ws"}}


def unavailable(reason: str) -> None:
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def lab(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running JupyterLab; needs the browser first, or nobody would look at it."""
    if find_spec("jupyterlab") is None:
        unavailable("JupyterLab is not installed")
    with running_lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, started once."""
    if WANTED == "none":
        unavailable("NNCOMPRESS_BROWSER=none")
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    if not found:
        unavailable("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=found[0], headless=True, args=list(ARGUMENTS)
        )
        yield running
        running.close()


@pytest.fixture
def watch() -> Watch:
    """The console's errors and all requests of the test's page."""
    return Watch()


@pytest.fixture
def page(
    browser: Any,
    lab: Lab,
    watch: Watch,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> Iterator[Any]:
    """A page of its own, with nothing passed yet.

    At the end no error and no foreign host may have been seen.
    """
    lab.progress.unlink(missing_ok=True)
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, reduced_motion="reduce"
    )
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.on("console", watch.message)
    page.on("pageerror", lambda error: watch.errors.append(str(error)))
    page.on("request", lambda sent: watch.requests.append(sent.url))
    yield page
    if request.node.stash.get(FAILED, False):
        picture = tmp_path / "failure.png"
        page.screenshot(path=str(picture))
        request.node.add_report_section("teardown", "screenshot", str(picture))
    context.close()
    assert watch.unexpected() == []
    assert watch.hosts() <= {"127.0.0.1"}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these tests last: Playwright's event loop runs on until the session ends.

    A test after that which starts a loop of its own would fail.
    """
    here = Path(__file__).parent
    items.sort(key=lambda item: here in item.path.parents)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report: Any = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report
