"""Entry point: parse, call one workflow, print; a user's mistake is one line on stderr and exit code 2."""

from __future__ import annotations

import errno
import os
import re
import sys
import warnings

import typer

from featkit_cli import analysis, preparation, whole

app = typer.Typer(
    name="featkit",
    help="Embedding-first analysis of frozen features for computational pathology.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
for group in (whole, preparation, analysis):
    group.add_to(app)

_DISK = {
    errno.ENOSPC: ("there must be room on the disk", "Free some space and run the same command again"),
    errno.EDQUOT: ("there must be room in the disk quota", "Free some space and run the same command again"),
    errno.EROFS: ("the output must be on a writable disk", "Choose another folder with --output or the workspace"),
    errno.EACCES: ("the file must be readable and its folder writable", "Change its permissions or choose another"),
    errno.EPERM: ("the file must be readable and its folder writable", "Change its permissions or choose another"),
}

_INTERRUPTED = 130  # what the parser returns when it was interrupted


def main() -> None:
    """Run the command line."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code.

    0 done, 2 a user's mistake, 1 a bug, 130 interrupted, 141 the reader of the output has gone.
    """
    from featkit.core.errors import FeatkitError, InputError
    from featkit.core.progress import reporting_to
    from featkit_cli.progress import reporter

    shown = reporter()
    try:
        with reporting_to(shown), warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code = app(arguments or ["--help"], standalone_mode=False, prog_name="featkit")
        sys.stdout.flush()  # a full disk behind a redirected output is met here, not after the end
        return _interrupted() if code == _INTERRUPTED else int(code or 0)
    except FeatkitError as error:
        return _fail(str(error))
    except (BrokenPipeError, SystemExit):  # the reader of the output has gone, as 'head' does; so says the parser
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:  # outside the command itself
        return _interrupted()
    except typer.Exit as stop:
        return stop.exit_code
    except Exception as error:
        if hasattr(error, "format_message"):  # a mistake on the command line itself
            return _fail(_usage(error))
        code = _system_error(error)
        if code not in _DISK:
            raise
        must, fix = _DISK[code]
        where = getattr(error, "filename", None) or "output"
        return _fail(str(InputError(must, f"{os.strerror(code)}: {where}", fix)))


def _system_error(error: Exception) -> int:
    """Return the system's number of what went wrong, 0 if it was no system error; polars says it in its text alone."""
    number = getattr(error, "errno", None)
    told = re.search(r"\(os error (\d+)\)", str(error))
    return number or (int(told[1]) if told else 0)


def _interrupted() -> int:
    print("Interrupted. What was finished is kept: run the same command again to go on.", file=sys.stderr)
    return _INTERRUPTED


def _usage(error: Exception) -> str:
    text = " ".join(error.format_message().split()).rstrip(".")  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", "featkit")
    return f"{text}. See '{command} --help'." if text else f"See '{command} --help'."


def _fail(message: str) -> int:
    print(f"featkit: {message}", file=sys.stderr)
    return 2


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: str | None = None,
) -> None:
    from featkit.core.errors import FeatkitWarning

    if issubclass(category, FeatkitWarning):
        print(f"note: {message}", file=sys.stderr)


if __name__ == "__main__":
    main()
