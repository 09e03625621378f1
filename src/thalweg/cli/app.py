"""The commands, their options and their help. The work is done elsewhere."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

STARTED = time.monotonic()  # the time limit counts from here, imports included

app = typer.Typer(
    name="thalweg",
    help="Find the best neural network for your data in the time you give it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Run = Annotated[Path, typer.Argument(help="A run directory, as `fit --out` made it.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress display.")]


@app.command()
def fit(
    data: Annotated[
        Path,
        typer.Argument(
            help="A table (CSV, TSV or Parquet, also as .gz), or a folder of images "
            "with one folder per class."
        ),
    ],
    out: Annotated[Path, typer.Option(help="A new directory for the run.")],
    target: Annotated[
        str | None, typer.Option(help="The column of a table to predict.")
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(
            help="Seconds, everything included. [default: 60, or no limit "
            "with --trials]"
        ),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(help="Configurations to train, instead or as well.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="classification or regression; inferred if not given."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="What is optimised: log_loss, accuracy, rmse, …")
    ] = None,
    cv: Annotated[
        int | None, typer.Option(help="Folds; by default by the size of the table.")
    ] = None,
    preset: Annotated[str, typer.Option(help="fast, balanced or best.")] = "balanced",
    proposer: Annotated[
        str | None, typer.Option(help="The search algorithm; see `thalweg list`.")
    ] = None,
    image_size: Annotated[
        int | None,
        typer.Option(help="Longest side of images in pixels. [default: 64 at most]"),
    ] = None,
    ensemble: Annotated[
        bool, typer.Option(help="Combine the best networks, or return one.")
    ] = True,
    seed: Annotated[
        int, typer.Option(help="The same seed and trials: the same result.")
    ] = 0,
    quiet: Quiet = False,
) -> None:
    """Search for the best network for a table or images; a run directory keeps it."""
    with errors_in_words():
        from thalweg.automl.run import begin
        from thalweg.automl.settings import Settings
        from thalweg.cli.progress import Display, say_notes, say_result

        if time_limit is None and trials is None:
            time_limit = 60.0
        settings = Settings(
            time_limit=time_limit,
            trials=trials,
            seed=seed,
            cv=cv,
            metric=metric,
            preset=preset,
            proposer=proposer,
            ensemble=ensemble,
            image_size=image_size,
        )
        with Display(settings, quiet=quiet) as display:
            found = begin(
                data,
                target,
                out,
                settings,
                task=task,
                command=f"thalweg {' '.join(sys.argv[1:])}",
                watch=display.show,
                notes=lambda notes: say_notes(notes, quiet=quiet),
                started=STARTED,
            )
        say_result(found, out)
        leave(found)


@app.command()
def resume(
    run: Run,
    time_limit: Annotated[float | None, typer.Option(help="Seconds more.")] = None,
    trials: Annotated[int | None, typer.Option(help="Configurations in all.")] = None,
    quiet: Quiet = False,
) -> None:
    """Go on with a search that was ended, interrupted or killed."""
    with errors_in_words():
        from thalweg.automl.run import resume
        from thalweg.automl.settings import Settings
        from thalweg.cli.progress import Display, say_result

        limits = Settings(time_limit=time_limit or 60.0, trials=trials)
        with Display(limits, quiet=quiet) as display:
            found = resume(
                run, time_limit=time_limit, trials=trials, watch=display.show
            )
        say_result(found, run)
        leave(found)


@app.command()
def predict(
    run: Run,
    data: Annotated[
        Path, typer.Argument(help="Rows to predict; or images: a folder, or one.")
    ],
    out: Annotated[Path, typer.Option(help="Where to write: CSV, TSV or Parquet.")],
    proba: Annotated[
        bool, typer.Option("--proba", help="Class probabilities too.")
    ] = False,
) -> None:
    """Predict new rows with the model of a run."""
    with errors_in_words():
        from thalweg.cli.predict import predict

        predict(run, data, out, proba=proba)


@app.command()
def report(
    run: Run,
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
) -> None:
    """Write one self-contained HTML page about a run."""
    with errors_in_words():
        from thalweg.report import write_report

        typer.echo(f"Report: {write_report(run, out)}")


@app.command()
def show(
    run: Run,
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    top: Annotated[int, typer.Option(help="Rows of the leaderboard.")] = 10,
) -> None:
    """Show a run's leaderboard and its answer in the terminal."""
    with errors_in_words():
        from thalweg.report import collect, print_report, to_json

        data = collect(run)
        if json:
            typer.echo(to_json(data))
        else:
            print_report(data, top=top)


@app.command(name="list")
def list_(
    kind: Annotated[
        str,
        typer.Argument(
            help="optimizers, schedules, activations, losses, networks, proposers, …"
        ),
    ],
) -> None:
    """List the algorithms that there are, with what each is for."""
    with errors_in_words():
        from thalweg.cli.listing import show_registry

        show_registry(kind)


@contextmanager
def errors_in_words() -> Iterator[None]:
    """An error becomes one sentence on standard error, and an exit status."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("Interrupted: nothing was trained yet.", err=True)
        raise typer.Exit(130) from None
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except MemoryError:
        typer.echo("Error: the table does not fit in memory. Use fewer rows.", err=True)
        raise typer.Exit(2) from None
    except Exception as error:
        from thalweg.core.errors import ThalwegError

        if os.environ.get("THALWEG_DEBUG"):
            raise
        if isinstance(error, ThalwegError):
            typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(2) from None
        typer.echo(
            f"Error: Thalweg failed with {type(error).__name__}: {error}. This is a "
            "fault of the program's; THALWEG_DEBUG=1 shows where.",
            err=True,
        )
        raise typer.Exit(1) from None


def leave(found: object) -> None:
    """End with status 130 if the search was interrupted; its result is kept."""
    if found.search.engine.interrupted:  # type: ignore[attr-defined]
        raise typer.Exit(130)
