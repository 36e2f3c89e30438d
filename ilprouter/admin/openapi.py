"""The OpenAPI 3.1 document of the admin API, made from the table of operations and its structs.

Owns the form of the document; adds nothing the table does not say.
"""

from __future__ import annotations

import http
import re
from functools import cache
from typing import Any

import msgspec

from ilprouter import __version__
from ilprouter.admin.problems import Problem
from ilprouter.admin.table import OPERATIONS, Operation
from ilprouter.config.text import secret_schema

REF = "#/components/schemas/{name}"
# What any request may meet, whatever it asks for: the token, the Host, the guard.
ANYWHERE = (400, 401, 403, 421, 500, 503)
WITH_BODY = (413, 415)


@cache
def document() -> dict[str, Any]:
    """The whole document, as JSON-able dicts."""
    types = [Problem, *(operation.answer for operation in OPERATIONS)]
    types += [operation.body for operation in OPERATIONS if operation.body not in (None, dict)]
    distinct = list(dict.fromkeys(types))
    schemas, components = msgspec.json.schema_components(
        distinct, schema_hook=secret_schema, ref_template=REF
    )
    named = dict(zip(distinct, schemas, strict=True))
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = described(operation, named)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ilprouter admin API",
            "version": __version__,
            "description": "Errors are RFC 9457 and promise that nothing was changed.",
        },
        "paths": paths,
        "components": {"schemas": components},
    }


def described(operation: Operation, named: dict[Any, Any]) -> dict[str, Any]:
    """One operation."""
    found: dict[str, Any] = {
        "operationId": operation.run.__name__,
        "summary": operation.summary,
        "parameters": parameters(operation),
        "responses": responses(operation, named),
    }
    if operation.method != "GET":
        schema = named.get(operation.body, {"type": "object"})
        found["requestBody"] = {
            "required": operation.body is not None,
            "content": {"application/json": {"schema": schema}},
        }
    return found


def parameters(operation: Operation) -> list[dict[str, Any]]:
    """Parts of the path, names of the query, and If-Match where there is something to protect."""
    text = {"type": "string"}
    found = [
        {"name": name, "in": "path", "required": True, "schema": text}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    for name, about in operation.query.items():
        flag = about.startswith("true:")
        found.append(
            {
                "name": name,
                "in": "query",
                "description": about,
                "required": not flag,
                "schema": {"type": "boolean"} if flag else text,
            }
        )
    if 412 in operation.errors:
        found.append({"name": "If-Match", "in": "header", "required": False, "schema": text})
    return found


def responses(operation: Operation, named: dict[Any, Any]) -> dict[str, Any]:
    """The good answer and every error, all with their bodies."""
    errors = {*ANYWHERE, *operation.errors}
    if operation.method != "GET":
        errors |= {*WITH_BODY}
    found: dict[str, Any] = {
        "200": {
            "description": "OK",
            "content": {"application/json": {"schema": named[operation.answer]}},
        }
    }
    for status in sorted(errors):
        found[str(status)] = {
            "description": http.HTTPStatus(status).phrase,
            "content": {"application/problem+json": {"schema": named[Problem]}},
        }
    return found
