"""ro-crate-metadata.json: what a folder of results holds and how it was made, as archives and repositories read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exotrack import __version__
from exotrack.io.plain import to_json

CRATE = "ro-crate-metadata.json"
_VERSION = "https://w3id.org/ro/crate/1.1"
_MEDIA = {
    ".parquet": "application/vnd.apache.parquet", ".csv": "text/csv", ".json": "application/json", ".toml": "application/toml",
    ".html": "text/html", ".tif": "image/tiff",
}  # fmt: skip
_ABOUT = {
    "provenance": "How the results were made: input, versions, parameters, time and memory",
    "datapackage": "Data dictionary: every column with its unit (Frictionless Data Package)",
    "params": "All parameters; they reproduce the results",
    "report": "The results for people",
    "comparison": "All numbers of the comparison with models, for programs",
    "footprint": "Where the cells lie: a label image",
}


def crate(folder: Path, title: str, description: str, provenance: Mapping[str, Any], created: str) -> dict[str, Any]:
    """The content of the file for what lies in `folder` now (RO-Crate 1.1: https://w3id.org/ro/crate/1.1).

    Parameters
    ----------
    folder : with all other files already in it.
    title, description : of what was analysed.
    provenance : as provenance.json holds it. created : date and time, ISO 8601.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != CRATE)
    named = [_link(path.name) for path in files]
    inputs = _inputs(provenance)
    run = {
        "@id": "#run", "@type": "CreateAction", "name": f"exotrack of {title}", "instrument": _link("#exotrack"),
        "result": _one_or_more(named), "endTime": created,
    }  # fmt: skip
    graph: list[dict[str, Any]] = [
        {"@id": CRATE, "@type": "CreativeWork", "about": _link("./"), "conformsTo": _link(_VERSION)},
        {
            "@id": "./", "@type": "Dataset", "name": title, "description": description, "datePublished": created,
            "license": _link("#licence"), "hasPart": _one_or_more(named), "mentions": _link("#run"),
        },
        {
            "@id": "#licence", "@type": "CreativeWork", "name": "No licence chosen yet",
            "description": "Whoever publishes this folder chooses the licence of the data.",
        },
        {"@id": "#exotrack", "@type": "SoftwareApplication", "name": "exotrack", "version": __version__},
        run | ({"object": _one_or_more([_link(one["@id"]) for one in inputs])} if inputs else {}),
        *inputs,
        *(_file(path) for path in files),
    ]  # fmt: skip
    return {"@context": f"{_VERSION}/context", "@graph": graph}


def write_crate(folder: Path, title: str, description: str, provenance: Mapping[str, Any], created: str) -> None:
    """Write the file into `folder`, all other files being there; parameters as of `crate`."""
    (folder / CRATE).write_bytes(to_json(crate(folder, title, description, provenance, created)))


def _file(path: Path) -> dict[str, Any]:
    # A report may be made again later, so its size is not told.
    size = {} if path.suffix == ".html" else {"contentSize": str(path.stat().st_size)}
    return {
        "@id": path.name, "@type": "File", "name": path.name, **size,
        "encodingFormat": _MEDIA.get(path.suffix, "application/octet-stream"),
        "description": _ABOUT.get(path.stem, f"Table {path.stem}"),
    }  # fmt: skip


def _inputs(provenance: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was analysed; a name and a checksum, since it is not part of the folder."""
    record = provenance.get("input")
    if not isinstance(record, Mapping):
        return []
    name = Path(str(record.get("path", "input"))).name
    return [
        {"@id": "#input", "@type": "CreativeWork", "name": name, "identifier": f"sha256:{record['sha256']}"}
        if record.get("sha256")
        else {"@id": "#input", "@type": "CreativeWork", "name": name}
    ]


def _link(name: str) -> dict[str, str]:
    return {"@id": name}


def _one_or_more(links: list[dict[str, str]]) -> Any:
    return links[0] if len(links) == 1 else links
