"""All benchmark tables: `make bench`, or `make bench ARGS="stage log pipeline shipped bursts incidents x"` for some."""

import sys

from tests.bench import bursts, classifier_stage, embedded_log, open_incidents, pipeline, x_faults

SECTIONS = {
    "stage": classifier_stage.main,
    "log": embedded_log.main,
    "pipeline": lambda: pipeline.main([]),
    "shipped": lambda: pipeline.main(["--shipped"]),
    "bursts": bursts.main,
    "incidents": lambda: open_incidents.main([]),
    "x": lambda: x_faults.main([]),
}


def main(arguments: list[str]) -> int:
    unknown = [name for name in arguments if name not in SECTIONS]
    if unknown:
        print(f"no such section: {', '.join(unknown)}; there are: {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    for name in arguments or SECTIONS:
        SECTIONS[name]()
        print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
