"""The addresses that the plugin calls: a model file's summary, and the lessons."""

# Jupyter Server and Tornado are partly untyped.
# mypy: allow-subclassing-any, allow-untyped-decorators

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import to_os_path, url_path_join
from tornado.web import HTTPError, authenticated

from nncompress_lab.errors import CompressionError, ModelFileError

if TYPE_CHECKING:
    from nncompress_lab.course.catalogue import LessonEntry
    from nncompress_lab.course.progress import Record

NAMESPACE = "nncompress-lab"


def routes(base_url: str) -> list[tuple[str, type[APIHandler]]]:
    """The addresses and who answers them.

    Args:
        base_url: Where the server's own addresses start.
    """
    return [
        (url_path_join(base_url, NAMESPACE, "inspect"), InspectHandler),
        (url_path_join(base_url, NAMESPACE, "lessons"), LessonsHandler),
    ]


class _Handler(APIHandler):
    def root(self) -> Path:
        """The folder that the server shows."""
        root = getattr(self.contents_manager, "root_dir", None)
        if not root:
            raise HTTPError(
                501,
                "This Jupyter server keeps its files somewhere else than in a folder, "
                "so the compression lab cannot reach them.",
            )
        return Path(root)

    def home(self) -> Path:
        """The folder that the server starts in: a user's own on a hub."""
        return self.root() / getattr(self.contents_manager, "preferred_dir", "")

    def reply(self, value: dict[str, Any]) -> None:
        """Answer with JSON."""
        self.finish(json.dumps(value, allow_nan=False))


class InspectHandler(_Handler):
    """`GET inspect?path=model.keras`: the file's summary, or `{"error": sentence}`."""

    _waiting: asyncio.Future[Any] | None = None
    _gone = False

    @authenticated
    async def get(self) -> None:
        """Look into a model file."""
        from nncompress_lab.server.readings import READINGS

        path = await self._checked(self.get_query_argument("path", ""))
        self._waiting = asyncio.ensure_future(READINGS.summary(path))
        try:
            self.reply(await self._waiting)
        except ModelFileError as error:
            self.reply({"error": str(error)})
        except asyncio.CancelledError:
            if not self._gone:
                raise

    def on_connection_close(self) -> None:
        """Wait no longer for a file that nobody wants any more."""
        self._gone = True
        if self._waiting is not None:
            self._waiting.cancel()
        super().on_connection_close()

    async def _checked(self, path: str) -> Path:
        """The file of a contents path; what Jupyter would not show is refused."""
        if not path.strip("/"):
            raise HTTPError(400, "The address lacks ?path= with a model file.")
        # Refuses what is hidden, missing or outside of the server's folder.
        get = self.contents_manager.get
        try:
            await ensure_async(get(path, content=False, type="file"))
        except (OSError, RuntimeError) as error:  # a link to itself, say
            raise HTTPError(404, "This file cannot be reached.") from error
        return Path(to_os_path(path.strip("/"), str(self.root())))


class LessonsHandler(_Handler):
    """`GET lessons`: the course and its progress. `POST lessons`: open one."""

    @authenticated
    async def get(self) -> None:
        """List the lessons with what was earned in each, and the best results."""
        sessions = await ensure_async(self.session_manager.list_sessions())
        answer = await asyncio.to_thread(_lessons, sessions, self.root(), self._pids())
        self.reply({"lessons": answer, "results": await asyncio.to_thread(_results)})

    @authenticated
    async def post(self) -> None:
        """Copy a lesson into the learner's folder, unless it is there; say where.

        With `"start_over": true` the copy that is there is kept under another name.
        """
        from nncompress_lab.course import copies

        try:
            body = self.get_json_body()
        except UnicodeDecodeError:  # Jupyter expects other damage only
            body = None
        lesson = body.get("id") if isinstance(body, dict) else None
        if not isinstance(lesson, str):
            raise HTTPError(400, 'The body must be like {"id": "02"}.')
        folder = copies.course_folder(self.home())
        over = body.get("start_over") is True
        copy = copies.start_over if over else copies.copy_lesson
        try:
            path = await asyncio.to_thread(copy, lesson, folder)
        except LookupError as error:
            raise HTTPError(404, str(error.args[0])) from error
        except CompressionError as error:
            raise HTTPError(409, str(error)) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise HTTPError(
                500,
                f"The lesson cannot be copied to {folder}: {reason}. Start Jupyter in a "
                "folder that you can write to.",
            ) from error
        self.reply({"path": path.relative_to(self.root()).as_posix()})

    def _pids(self) -> dict[str, int]:
        """The processes of all kernels that run on this machine."""
        manager = self.kernel_manager
        provisioners = {
            kernel: getattr(manager.get_kernel(kernel), "provisioner", None)
            for kernel in manager.list_kernel_ids()
        }
        found = {
            kernel: getattr(one, "pid", None) for kernel, one in provisioners.items()
        }
        return {kernel: pid for kernel, pid in found.items() if pid is not None}


def _lessons(
    sessions: list[dict[str, Any]], root: Path, pids: dict[str, int]
) -> list[dict[str, Any]]:
    from nncompress_lab.course import catalogue, progress
    from nncompress_lab.server.kernels import running_lessons

    records, running = progress.load(), running_lessons(sessions, root, pids)
    return [
        {**_lesson(lesson, records), "running": running.get(lesson.id, [])}
        for lesson in catalogue.lessons()
    ]


def _results() -> list[dict[str, Any]]:
    """The best that the learner measured with each technique."""
    from nncompress_lab.course import results

    rows = results.load()
    return [
        {
            "model": row.model,
            "technique": row.technique,
            "setting": row.setting,
            "accuracy": row.accuracy,
            "packed": row.packed_bytes,
        }
        for row in results.best_rows(rows)
    ]


def _lesson(lesson: "LessonEntry", records: dict[str, "Record"]) -> dict[str, Any]:
    from nncompress_lab.course import progress

    untried = progress.Record(progress.UNATTEMPTED)
    checks, earned = [], 0
    for exercise in lesson.exercises:
        record = records.get(f"{lesson.id}/{exercise.name}", untried)
        earned += exercise.points if record.passed else 0
        checks.append(
            {
                "name": exercise.name,
                "title": exercise.title,
                "points": exercise.points,
                "status": record.status,
                "message": record.message,
            }
        )
    return {
        "id": lesson.id,
        "title": lesson.title,
        "minutes": lesson.minutes,
        "difficulty": lesson.difficulty,
        "points": lesson.points,
        "earned": earned,
        "checks": checks,
    }
