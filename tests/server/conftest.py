"""A Jupyter server without JupyterLab's pages: it starts faster."""

from collections.abc import Iterator

import pytest
from browser.lab_server import Lab, running_lab


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    pytest.importorskip("jupyter_server")
    folder = tmp_path_factory.mktemp("server")
    with running_lab(folder, application="jupyter_server") as running:
        yield running
