"""The half of the JupyterLab plugin that runs in the Jupyter server.

It reads model files and lists lessons. It never imports Keras: starting it would take
seconds and memory in a process that every notebook shares, and a model file is only data
as long as nobody deserializes it.
"""

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "nncompress_lab.server"}]


def _load_jupyter_server_extension(server_app: Any) -> None:
    from nncompress_lab.server.handlers import routes

    web_app = server_app.web_app
    web_app.add_handlers(".*$", routes(web_app.settings["base_url"]))
