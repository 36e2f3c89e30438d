"""The page docs/configuration.md, from the types; `python -m ilprouter.config.manual` prints it.

Owns the page's words around the keys; knows no key by name beyond its examples.
"""

from __future__ import annotations

from ilprouter.config.keys import REQUIRED, Key, Table, tables
from ilprouter.config.text import toml

HEAD = """\
# Configuration

`ilprouter run` reads one TOML file, `/etc/ilprouter/ilprouter.toml` unless `--config` names
another, and every `conf.d/*.toml` beside it, in the order of their names.

```toml
[node]
address = "g.acme"

[[listen]]
endpoint = "http"
address = "127.0.0.1:7770"

[[peer]]
name = "alice"
relation = "child"
asset = { code = "USD", scale = 9 }
link = { endpoint = "http", incoming_tokens_file = "tokens/alice-in" }
balance = { credit_limit = 100_000_000 }
```

- **Check before use.** `ilprouter check --config FILE` lists every error and exits 78 if there is
  one. A running router that is told to reload a bad file keeps its old configuration.
- **Errors** name the file, the key, the value found and what would be accepted. An unknown key is
  an error; the nearest known one is suggested. Tokens never appear in a message.
- **Several files.** Lists (`[[peer]]`, `[[route]]`, `[[rate]]`, `[[listen]]`) of all files are
  joined. A key of any other table may be set in one file only.
- **Secrets.** Every token has a `*_file` twin; such a file holds one token a line, lines that start
  with `#` are comments. A file that every user can read is warned about. `ilprouter config show`
  and every log line hide tokens.
- **Paths** that are relative are taken from the directory of the file they stand in.
- **Amounts** are integers in units of the peer's asset, at most 9223372036854775807.
- **Prices** are text, so that no digit is lost: `"0.52"` or `"13/25"`.

`ilprouter config default` prints a file with every key, `ilprouter config schema` the JSON Schema,
`ilprouter config show` what a file comes to with all defaults, and each peer's pipeline.

## Profiles

- `core`: endpoints and the switch, no middleware. A peer's only limit is `in_flight`.
- `relay`: also rate limits, size limits, throughput, in-flight caps and expiry.
- `connector`, the default: also exchange and balances.

In `core` and `relay` a peer has no `balance` and no `settlement`, and its asset is the base asset:
nothing is converted there.

## Pipelines

The order of the stages is the profile's, unless `[pipeline]` gives another. A stage is left out for
a peer whose tables give it nothing to do. The order of `connector`:

| side | stages |
|---|---|
| incoming | rate-limit, max-amount, throughput, in-flight, balance, exchange |
| outgoing | expiry, exchange, balance, throughput |

A stage on a side where it may not stand, a stage named twice, or a missing `exchange` where a peer
needs one is an error.

## Routes

A `[[route]]` wins over the routes that follow from relations: a child gets `ADDRESS.NAME`, a parent
gets the default route. A peer gets only what a `[[route]]` names. Prefixes match whole segments.

# Keys
"""


def manual() -> str:
    """The whole page."""
    return HEAD + "".join(section(table) for table in tables())


def section(table: Table) -> str:
    """One table of the file: a heading, a sentence, and its keys."""
    header = f"[[{table.path}]]" if table.many else f"[{table.path}]"
    rows = "".join(row(key) for key in table.keys)
    columns = "| key | accepted | default | example | meaning |\n|---|---|---|---|---|\n"
    return f"\n## `{header}`\n\n{table.about}\n\n{columns if rows else ''}{rows}"


def row(key: Key) -> str:
    """One key."""
    of = f" ({key.endpoint})" if key.endpoint else ""
    default = {True: "required", False: "none"}.get(key.default is REQUIRED)
    if key.default is not REQUIRED and key.default is not None:
        default = f"`{toml(key.default)}`"
    cells = (
        f"`{key.path}`{of}",
        key.accepted,
        default,
        f"`{toml(key.example)}`",
        key.about,
    )
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    print(manual(), end="")
