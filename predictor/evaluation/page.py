"""One HTML page with tables and plots; the page needs no other file and no network."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence

from predictor.evaluation.table import EXPLANATIONS, Table

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 68rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.facts { color: #555; } dl { font-size: .92rem; } dt { font-weight: 600; }
dd { margin: 0 0 .35rem 1.2rem; } .warning { background: #fdebd9; border-left: 4px solid #d55e00;
  padding: .6rem 1rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .86rem; }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
th { border-bottom: 2px solid #bbb; vertical-align: bottom; white-space: normal; }
td { border-bottom: 1px solid #e4e4e4; }
th:first-child, td:first-child { text-align: left; }
tbody tr.mean td { font-weight: 600; background: #f3f6f9; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; } figcaption { color: #555; }
"""

_CAPTIONS = {
    "reliability.png": "Left: how often the actual length falls at each level of the forecast "
    "distribution. Flat bars: the forecasts are calibrated. A hill: the intervals are too wide. A "
    "bowl: the intervals are too narrow. Right: how many answers lie in the central interval of "
    "each nominal coverage. A curve below the dashed line: the intervals are too narrow.",
    "predicted.png": "Every answer to every prompt by every model. Part of the vertical spread is "
    "sampling noise between answers to the same prompt, which no predictor can remove.",
    "skill.png": "CRPS skill of each model: 0 is a forecast that knows only the model's lengths, 1 "
    "a forecast that knows other answers to the same prompt. Corpus x model: the baseline that "
    "knows the model's lengths in the prompt's corpus.",
    "tau.png": "How well each forecast orders prompts by length, for each model. The noise ceiling "
    "is the tau of the median of the prompt's other answers.",
}


def page(
    facts: Sequence[tuple[str, str]],
    warning: str,
    tables: Sequence[Table],
    images: Mapping[str, bytes],
) -> str:
    """The HTML text of the page.

    ``facts`` are pairs (name, value) on what was measured; ``images`` are PNG files by name;
    ``warning`` is shown at the top unless "".
    """
    alarm = f'<p class="warning"><strong>Warning.</strong> {_text(warning)}.</p>' if warning else ""
    lines = "<br>\n".join(f"{_text(name)}: {_text(value)}" for name, value in facts)
    terms = "\n".join(
        f"<dt>{_text(term)}</dt><dd>{_text(meaning)}</dd>" for term, meaning in EXPLANATIONS
    )
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Evaluation of a length predictor</title><style>{_STYLE}</style></head><body>",
            f"<h1>Evaluation of a length predictor</h1>\n<p class=facts>{lines}</p>",
            alarm,
            *(_table(table) for table in tables),
            f"<h2>Terms</h2>\n<dl>{terms}</dl>",
            "<h2>Plots</h2>" if images else "",
            *(_image(name, data) for name, data in images.items()),
            "</body></html>",
            "",
        ]
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in table.columns)
    rows = "\n".join(_row(row) for row in table.rows)
    return (
        f"<h2>{_text(table.title)}</h2>\n<div class=scroll><table><thead><tr>{head}</tr></thead>"
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _row(row: tuple[str, ...]) -> str:
    mark = " class=mean" if row[0].startswith("mean") else ""
    return f"<tr{mark}>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>"


def _image(name: str, data: bytes) -> str:
    caption = _CAPTIONS.get(name, "")
    uri = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return (
        f'<figure><img src="{uri}" alt="{_text(name.removesuffix(".png"))}">'
        f"<figcaption>{_text(caption)}</figcaption></figure>"
    )


def _text(text: str) -> str:
    return html.escape(text)
