"""Reading a SPARQL text without parsing it: its form, what it asks of other hosts, and how deep and long it is.

A lexer over the terminals of the grammar (strings, IRIs, comments and names kept apart) and a walk over the tokens.
It never says that a text is right: the engine does, in a worker. It says what must not reach the engine.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple, NoReturn
from urllib.parse import urljoin

from service.errors import BadRequest, QueryError, QuerySyntaxError, QueryTooLarge, RemoteAccess
from service.store.base import Update

# Every character beyond ASCII that can be part of a name: a little more than the grammar has, never less.
_BEYOND = r"\u00b7\u00c0-\U0010ffff"
_FIRST_TERMINALS = r"""
      (?P<comment>\#[^\r\n]*+)
    | (?P<iri><(?:[^\x00-\x20<>"{}|^`\\]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*+>)
    | (?P<string>'''(?:[^'\\]|\\[\s\S]|'(?!''))*+''' | \"\"\"(?:[^"\\]|\\[\s\S]|"(?!""))*+\"\"\"
        | '(?!'')(?:[^'\\\r\n]|\\.)*+' | "(?!"")(?:[^"\\\r\n]|\\.)*+")
    | (?P<variable>[?$][\wBEYOND]++)
    | (?P<blank>_:[\wBEYOND](?:[\w.BEYOND-]*[\wBEYOND-])?)
    """
_NAME = r"""
    | (?P<name>(?:[A-Za-zBEYOND][\w.BEYOND-]*+)?:
        (?:(?:[\w:BEYOND]|%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?\#@%])
           (?:(?:[\w:.BEYOND-]|%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?\#@%])*
              (?:[\w:BEYOND-]|%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?\#@%]))?)?)
    """
_LAST_TERMINALS = r"""
    | (?P<number>(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?)
    | (?P<language>@[A-Za-z]++(?:-[A-Za-z0-9]++)*+(?:--[A-Za-z]++)?)
    | (?P<word>[A-Za-z_]\w*+)
    | (?P<mark>\|\||&&|\^\^|!=|<=|>=|<<\(|\)>>|<<|>>|\{\||\|\}|[{}()\[\].,;*/|^!=<>+\-?:~])
    """


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace("BEYOND", _BEYOND), re.VERBOSE)


_TERMINALS = _compiled(_FIRST_TERMINALS + _NAME + _LAST_TERMINALS)
# Where no colon follows the run of letters, there is no name: looking for one at each letter of `a.a.a.…` takes
# the square of its length.
_TERMINALS_BUT_NAMES = _compiled(_FIRST_TERMINALS + _LAST_TERMINALS)
_RUN = _compiled(r"[\w.BEYOND-]*+")
_SPACE = re.compile(r"[ \t\r\n]*+")
_DECLARATIONS = re.compile(
    r"""(?:[ \t\r\n]*+PREFIX[ \t\r\n]++(?:[A-Za-z][A-Za-z0-9_-]*+)?:[ \t\r\n]*+<[^\x00-\x20<>"{}|^`\\]*+>)++""",
    re.IGNORECASE | re.ASCII,
)
# Fifty prefixes; a program has fewer.
_MAX_KEPT_DECLARATIONS = 4096
_OPENING = {"{": "}", "(": ")", "[": "]", "<<": ">>", "<<(": ")>>", "{|": "|}"}
_CLOSING = frozenset(_OPENING.values())
_OPERATORS = {"||", "&&", "=", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", "|", "^", "!"}
_SIGNS, _SEPARATORS = {"+", "-", "!", "^", "^^"}, {",", ".", ";"}
# Clauses that the engine nests one in the other when they stand side by side.
_CLAUSES = {"UNION", "OPTIONAL", "MINUS", "GRAPH", "FILTER"}
_QUERY_FORMS = {"SELECT", "ASK", "CONSTRUCT", "DESCRIBE"}
_UPDATE_FORMS = {"INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH"}
_VOLATILE = {"NOW", "RAND", "UUID", "STRUUID", "BNODE"}
_UPDATE = "UPDATE"
_UNNAMED = ""
# Characters of prefixes that are said again for each operation; 4000 operations after 100 kB would be 400 MB.
_MOST_PROLOGUES = 4 * 2**20
# Characters of a base. Every relative IRI is put together with it: thousands of both take the square of the text.
_MAX_BASE = 1000
_HAS_SCHEME = re.compile(r"<[A-Za-z][A-Za-z0-9+.-]*:")


class Token(NamedTuple):
    """A terminal: its kind, its text and where it begins in the whole text."""

    kind: str
    text: str
    start: int

    @property
    def word(self) -> str:
        """The keyword in capitals; empty if the token is none."""
        return self.text.upper() if self.kind == "word" else ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a text may be, with the names of the settings for messages."""

    max_bytes: int
    max_nesting: int
    max_chain: int
    max_tokens: int = 500_000
    bytes_setting: str = "MARSAD_MAX_QUERY_BYTES"


@dataclass(frozen=True)
class Reading:
    """What a SPARQL text says about itself.

    `form` is SELECT, ASK, CONSTRUCT, DESCRIBE, UPDATE or empty when the text shows none.
    `dataset` are the graphs of FROM, FROM NAMED, USING and USING NAMED, as absolute IRIs where they can be told.
    `names_dataset` is true if there is any such clause. `volatile`: the answer may differ each time.
    `relative`: some IRI needs a base. `text` has TRUE and FALSE in small letters, as the engine wants them.
    """

    text: str
    tokens: Sequence[Token]
    form: str
    dataset: tuple[str, ...]
    names_dataset: bool
    volatile: bool
    relative: bool
    prefixes: dict[str, str] = field(default_factory=dict)
    base: str | None = None

    @cached_property
    def lines(self) -> list[int]:
        """Where each line begins."""
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def place(self, position: int) -> tuple[int, int]:
        """One-based line and column of a position in the text."""
        return place_of(self.text, position)

    def token_at(self, line: int, column: int) -> str | None:
        """The text of the token at a place, or of the one before it; None at the start and beyond the end."""
        if not 1 <= line <= len(self.lines):
            return None
        position = self.lines[line - 1] + column - 1
        before = None
        for token in self.tokens:
            if token.start > position:
                break
            before = token
        return before.text if before is not None else None


def place_of(text: str, position: int) -> tuple[int, int]:
    """One-based line and column, in code points, of a position in a text."""
    return text.count("\n", 0, position) + 1, position - (text.rfind("\n", 0, position) + 1) + 1


def read_query(
    text: str, bounds: Bounds, *, known: Mapping[str, str] | None = None, base: str | None = None
) -> Reading:
    """What a SPARQL query or update says about itself.

    `known` are prefixes that need no declaration, and their IRIs. `base` resolves relative IRIs where the text declares no BASE.

    Raises QueryTooLarge: its length, nesting, or a chain of operators is beyond the bounds.
    Raises QuerySyntaxError: no token fits, a bracket is not closed, or a prefix is not declared.
    Raises RemoteAccess: it has SERVICE.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > bounds.max_bytes:
        raise QueryTooLarge(
            f"the text has {size} bytes; {bounds.max_bytes} are allowed",
            limit="bytes of a query text",
            value=bounds.max_bytes,
            setting=bounds.bytes_setting,
        )
    end, declaring, declared = _declarations(text, base)
    rest = list(itertools.islice(_within(bounds, text, _tokens(text, end)), bounds.max_tokens + 1))
    tokens = [*declaring, *rest]
    if len(tokens) > bounds.max_tokens:
        raise QueryTooLarge(
            f"the text has more than {bounds.max_tokens} words, names and signs; the Graph Store Protocol takes more",
            limit="words, names and signs of a text",
            value=bounds.max_tokens,
            setting="MARSAD_MAX_TOKENS",
        )
    words = {token.text.upper() for token in tokens if token.kind == "word"}
    if words & {"TRUE", "FALSE"}:
        text = _with_small_booleans(text, tokens)
    if "SERVICE" in words:
        _check_service(text, tokens)
    prefixes, base = _prologue(text, rest, {**(known or {}), **declared}, base)
    dataset = tuple(_dataset(tokens, prefixes, base)) if words & {"FROM", "USING"} else ()
    return Reading(
        text=text,
        tokens=tokens,
        form=_form(tokens),
        dataset=tuple(iri for iri in dataset if iri is not None),
        names_dataset=bool(dataset),
        volatile=bool(words & _VOLATILE),
        relative=any(token.kind == "iri" and not _HAS_SCHEME.match(token.text) for token in tokens),
        prefixes=prefixes,
        base=base,
    )


_ENGINE_PLACE = re.compile(r"error at (\d+):(\d+): (?:expected (?:one of )?)?(.*)", re.DOTALL)
# What the engine lists when any letter of a name, a number or a space would have done.
_NOISE = re.compile(r"\['?[^\]]*\]|\"\\\\[uU]?\"|\[_\]")
_SENTENCES = {
    "Prefix not found": "a prefix is not declared",
    "IRI parsing failed": "this is not an IRI",
}


def located(error: QuerySyntaxError, reading: Reading) -> QuerySyntaxError:
    """The engine's error with its place and its token: the engine says only how far it came, and what it expected."""
    found = _ENGINE_PLACE.match(error.message)
    if found is None:
        return error
    line, column = int(found.group(1)), int(found.group(2))
    position = reading.lines[min(line, len(reading.lines)) - 1] + column - 1
    token = next((token for token in reversed(reading.tokens) if token.start <= position), None)
    if token is not None:
        line, column = reading.place(token.start)
    return QuerySyntaxError(
        _in_words(found.group(3)), line=line, column=column, token=token.text if token is not None else None
    )


def _in_words(expected: str) -> str:
    parts = [part.strip() for part in _NOISE.sub("", expected).replace("\n", " ").split(",")]
    words = list(dict.fromkeys(part.strip('"') for part in parts if part.strip("| ")))
    for word in words:
        if word in _SENTENCES:
            return _SENTENCES[word]
        if " " in word and word[0].isupper():  # a sentence of the engine
            return word[0].lower() + word[1:]
    if not words:
        return "this is not SPARQL 1.1"
    return f"this is not SPARQL 1.1; here could stand: {' '.join(words[:10])}"


def _declarations(text: str, base: str | None) -> tuple[int, Sequence[Token], dict[str, str]]:
    """What a text begins with: how far its declarations of prefixes go, their tokens, and the prefixes.

    Programs send the same ones with every query, so they are kept; what has a comment, a BASE or an escape is not.
    """
    found = _DECLARATIONS.match(text)
    if found is None or found.end() > _MAX_KEPT_DECLARATIONS:
        return 0, (), {}
    return found.end(), *_declared(found.group(), base)


@lru_cache(maxsize=128)
def _declared(text: str, base: str | None) -> tuple[Sequence[Token], dict[str, str]]:
    tokens = tuple(_tokens(text))
    prefixes, _ = _prologue(text, tokens, {}, base)
    return tokens, prefixes


def _tokens(text: str, position: int = 0) -> Iterator[Token]:
    size, run_end = len(text), -1
    match = _TERMINALS.match
    while (position := _SPACE.match(text, position).end()) < size:  # type: ignore[union-attr]
        if position >= run_end:
            run = _RUN.match(text, position)
            run_end = run.end() if run is not None else position
            is_prefix = text.startswith(":", run_end) and (run_end == position or text[run_end - 1] != ".")
            match = _TERMINALS.match if is_prefix else _TERMINALS_BUT_NAMES.match
        found = match(text, position)
        if found is None:
            _fail(text, position, _why_no_token(text, position))
        kind = found.lastgroup or ""
        if kind != "comment":
            yield Token(kind, found.group(), position)
        position = found.end()


def _why_no_token(text: str, position: int) -> str:
    if text[position] in "'\"":
        return "this string is not closed"
    return f"the character {text[position]!r} has no meaning here"


def _fail(text: str, position: int, message: str, token: str | None = None) -> NoReturn:
    line, column = place_of(text, position)
    raise QuerySyntaxError(message, line=line, column=column, token=token or text[position : position + 1])


def _within(bounds: Bounds, text: str, tokens: Iterable[Token]) -> Iterator[Token]:
    """The tokens, as long as nesting and chains stay within bounds: what is too deep is not read to its end.

    A chain is a run of operators and clauses side by side in one pair of brackets.
    """
    open_brackets: list[Token] = []
    operators, clauses = [0], [0]
    signs = 0
    for token in tokens:
        kind, mark, _ = token
        yield token
        if kind == "word":
            signs, longest = 0, 0
            word = mark.upper()
            if word == "IN":
                operators[-1] = longest = operators[-1] + 1
            elif word in _CLAUSES:
                clauses[-1] = longest = clauses[-1] + 1
            elif word == "AS" and len(clauses) > 1:  # (… AS ?x) nests what stands before the bracket
                clauses[-2] = longest = clauses[-2] + 1
        elif kind != "mark":
            signs = 0
            continue
        elif mark in _OPENING:
            open_brackets.append(token)
            operators.append(0)
            clauses.append(0)
            signs = longest = 0
            if len(open_brackets) > bounds.max_nesting:
                raise QueryTooLarge(
                    _at(text, token, f"brackets are nested deeper than {bounds.max_nesting}"),
                    limit="depth of brackets",
                    value=bounds.max_nesting,
                    setting="MARSAD_MAX_NESTING",
                )
        elif mark in _CLOSING:
            if not open_brackets or _OPENING[open_brackets[-1].text] != mark:
                _fail_bracket(text, open_brackets, token)
            open_brackets.pop()
            operators.pop()
            clauses.pop()
            signs = longest = 0
        elif mark in _SEPARATORS:
            operators[-1] = signs = longest = 0
        else:
            signs = signs + 1 if mark in _SIGNS else 0
            if mark in _OPERATORS:
                operators[-1] += 1
            longest = max(operators[-1], signs)
        if longest > bounds.max_chain:
            raise QueryTooLarge(
                _at(text, token, f"more than {bounds.max_chain} operators or clauses stand in one chain"),
                limit="operators or clauses in one chain",
                value=bounds.max_chain,
                setting="MARSAD_MAX_CHAIN",
            )
    if open_brackets:
        _fail(text, open_brackets[-1].start, f"this {open_brackets[-1].text} is not closed", open_brackets[-1].text)


def _fail_bracket(text: str, open_brackets: Sequence[Token], token: Token) -> NoReturn:
    if not open_brackets:
        _fail(text, token.start, f"this {token.text} closes nothing", token.text)
    line, column = place_of(text, open_brackets[-1].start)
    opened = open_brackets[-1].text
    message = f"this {token.text} comes where the {opened} of line {line}, column {column} is still open"
    _fail(text, token.start, message, token.text)


def _at(text: str, token: Token, message: str) -> str:
    line, column = place_of(text, token.start)
    return f"line {line}, column {column}: {message}"


def _with_small_booleans(text: str, tokens: Sequence[Token]) -> str:
    parts, done = [], 0
    for token in tokens:
        if token.word in ("TRUE", "FALSE") and not token.text.islower():
            parts += [text[done : token.start], token.text.lower()]
            done = token.start + len(token.text)
    return "".join([*parts, text[done:]]) if parts else text


def _check_service(text: str, tokens: Sequence[Token]) -> None:
    for token in tokens:
        if token.word == "SERVICE":
            raise _remote(text, token)


def _remote(text: str, token: Token) -> RemoteAccess:
    line, column = place_of(text, token.start)
    message = f"{token.word} would make a request to another host; this endpoint makes none"
    return RemoteAccess(message, line=line, column=column, token=token.text)


def _form(tokens: Sequence[Token]) -> str:
    token = _after_prologue(tokens)
    if token is not None and token.word in _UPDATE_FORMS:
        return _UPDATE
    return token.word if token is not None and token.word in _QUERY_FORMS else ""


def _after_prologue(tokens: Sequence[Token]) -> Token | None:
    index = 0
    while index < len(tokens):
        size = {"PREFIX": 3, "BASE": 2}.get(tokens[index].word)
        if size is None:
            return tokens[index]
        index += size
    return None


def require_query(reading: Reading) -> None:
    """Raise QuerySyntaxError, with the place, if the text does not begin as a query does."""
    if not reading.form:
        token = _after_prologue(reading.tokens)
        start, text = (token.start, token.text) if token is not None else (len(reading.text), "")
        _fail(reading.text, start, "a query begins with SELECT, ASK, CONSTRUCT or DESCRIBE", text)


def _prologue(
    text: str, tokens: Sequence[Token], known: Mapping[str, str], base: str | None
) -> tuple[dict[str, str], str | None]:
    """The declared prefixes and the base; every name must have one of them or a known one."""
    if base is not None:
        _check_base(base, 1, 1)
    prefixes = dict(known)
    declaring = ""
    for index, token in enumerate(tokens):
        if token.kind not in ("word", "name"):
            continue
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        if token.word == "BASE" and following is not None and following.kind == "iri":
            base = _resolved(following.text, base)
            _check_base(base, *place_of(text, following.start))
        elif token.word == "PREFIX":
            declaring = "PREFIX"
        elif token.kind == "name":
            prefix = token.text.split(":", 1)[0]
            if declaring and following is not None and following.kind == "iri":
                prefixes[prefix] = _resolved(following.text, base)
            elif not declaring and prefix not in prefixes:
                _fail(text, token.start, f"the prefix {prefix}: is not declared", token.text)
            declaring = ""
    return prefixes, base


def _resolved(token: str, base: str | None) -> str:
    """The absolute IRI of an IRI in brackets. `urljoin` would lose the # at the end of a namespace."""
    iri = token[1:-1]
    if not base or _HAS_SCHEME.match(token):
        return iri
    joined = urljoin(base, iri)
    return joined + "#" if iri.endswith("#") and not joined.endswith("#") else joined


def _check_base(base: str, line: int, column: int) -> None:
    if len(base) > _MAX_BASE:
        raise QueryError(f"a base of more than {_MAX_BASE} characters is not taken", line=line, column=column)


def _dataset(tokens: Sequence[Token], prefixes: dict[str, str], base: str | None) -> Iterator[str | None]:
    for index, token in enumerate(tokens):
        if token.word not in ("FROM", "USING"):
            continue
        rest = [other for other in tokens[index + 1 : index + 3] if other.word != "NAMED"]
        yield _absolute(rest[0], prefixes, base) if rest else None


def _absolute(token: Token, prefixes: dict[str, str], base: str | None) -> str | None:
    """The IRI of a token as far as it can be told here: None for names with escapes, unknown prefixes, variables."""
    if token.kind == "iri" and "\\" not in token.text:
        return _resolved(token.text, base)
    if token.kind == "name":
        prefix, local = token.text.split(":", 1)
        if prefix in prefixes and "\\" not in local:
            return prefixes[prefix] + local
    return None


@dataclass(frozen=True, slots=True)
class _Operation:
    """One operation of an update: its tokens without the prologue, and the prologue up to it."""

    tokens: Sequence[Token]
    prologue: str
    end: int

    @property
    def verb(self) -> str:
        """INSERT, DELETE, WITH, CLEAR, … or empty."""
        return self.tokens[0].word if self.tokens else ""

    @property
    def is_data(self) -> bool:
        """Whether this is INSERT DATA or DELETE DATA."""
        return self.verb in ("INSERT", "DELETE") and len(self.tokens) > 1 and self.tokens[1].word == "DATA"


def plan_update(
    text: str,
    bounds: Bounds,
    *,
    known: Mapping[str, str] | None = None,
    base: str | None = None,
    using: Sequence[str] = (),
    using_named: Sequence[str] = (),
) -> Update:
    """A SPARQL Update and what it may touch, for `Store.change`.

    `using` and `using_named` are the dataset of the protocol (`using-graph-uri`, `using-named-graph-uri`).

    Raises what `read_query` raises. Raises BadRequest: the text names a dataset and so does the protocol.
    Raises RemoteAccess: it has LOAD. LOAD SILENT does nothing, as when the host cannot be reached.
    """
    reading = _without_load(read_query(text, bounds, known=known, base=base), bounds, known)
    if using or using_named:
        reading = read_query(_with_using(reading, using, using_named), bounds, known=known, base=base)
    text, operations = reading.text, _operations(reading)
    steps: list[tuple[str, str]] = []
    prologues = 0
    if operations and all(operation.is_data for operation in operations):
        for operation in operations:
            body = text[operation.tokens[1].start : operation.end]
            prologues += len(operation.prologue)
            if prologues > _MOST_PROLOGUES:
                steps = []
                break
            steps.append(("+" if operation.verb == "INSERT" else "-", f"{operation.prologue}\nINSERT {body}"))
    return Update(
        text,
        steps=tuple(steps),
        touched=_touched(reading, operations),
        base_iri=base if reading.relative else None,
        known_prefixes=bool(known),
    )


_LOAD_FORMS = (
    ("LOAD", "iri"),
    ("LOAD", "SILENT", "iri"),
    ("LOAD", "iri", "INTO", "GRAPH", "iri"),
    ("LOAD", "SILENT", "iri", "INTO", "GRAPH", "iri"),
)


def _without_load(reading: Reading, bounds: Bounds, known: Mapping[str, str] | None) -> Reading:
    """The text with each LOAD SILENT, which fails in silence here, made an operation that does nothing."""
    text = reading.text
    for operation in _operations(reading):
        load = next((token for token in operation.tokens if token.word == "LOAD"), None)
        if load is None:
            continue
        shape = tuple("iri" if token.kind in ("iri", "name") else token.word for token in operation.tokens)
        if shape not in _LOAD_FORMS:
            _fail(text, load.start, "this is not LOAD <iri> or LOAD <iri> INTO GRAPH <iri>", load.text)
        if "SILENT" not in shape:
            raise _remote(text, load)
        last = operation.tokens[-1]
        end = last.start + len(last.text)
        text = text[: load.start] + "INSERT DATA {}".ljust(end - load.start) + text[end:]
    return reading if text is reading.text else read_query(text, bounds, known=known, base=reading.base)


def _operations(reading: Reading) -> list[_Operation]:
    found: list[_Operation] = []
    prologue, depth, index = "", 0, 0
    own: list[Token] = []
    tokens: list[Token] = list(reading.tokens)
    while index < len(tokens):
        token = tokens[index]
        size = {"PREFIX": 3, "BASE": 2}.get(token.word, 0) if depth == 0 and not own else 0
        if size:
            part = tokens[index : index + size]
            prologue += " ".join(entry.text for entry in part) + "\n"
            index += size
            continue
        if token.kind == "mark" and token.text in _OPENING:
            depth += 1
        elif token.kind == "mark" and token.text in _CLOSING:
            depth -= 1
        if token.kind == "mark" and token.text == ";" and depth == 0:
            if not own:
                _fail(reading.text, token.start, "there is no operation before this ;", token.text)
            found.append(_Operation(own, prologue, token.start))
            own = []
        else:
            own.append(token)
        index += 1
    found.append(_Operation(own, prologue, len(reading.text)))
    return [operation for operation in found if operation.tokens]


def _touched(reading: Reading, operations: Sequence[_Operation]) -> tuple[str, ...] | None:
    """The graphs that the operations can change; None if that cannot be told from the text."""
    declared = [
        following.text
        for token, following in itertools.pairwise(reading.tokens)
        if token.word == "PREFIX" or (token.word == "BASE" and following.kind == "iri")
    ]
    bases = sum(1 for token in reading.tokens if token.word == "BASE")
    if len(declared) != len(set(declared)) or bases > 1:
        return None
    graphs: dict[str, None] = {}
    for operation in operations:
        for name in _touched_by(operation, reading):
            if name is None:
                return None
            graphs[name] = None
    return tuple(graphs)


def _touched_by(operation: _Operation, reading: Reading) -> Iterator[str | None]:
    tokens = operation.tokens
    if operation.verb in ("CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY"):
        for token in tokens[1:]:
            if token.word in ("NAMED", "ALL"):
                yield None
            elif token.word == "DEFAULT":
                yield _UNNAMED
            elif token.kind in ("iri", "name"):
                yield _absolute(token, reading.prefixes, reading.base)
        return
    if operation.verb == "WITH" and len(tokens) > 1:
        yield _absolute(tokens[1], reading.prefixes, reading.base)
    else:
        yield _UNNAMED
    for token, following in itertools.pairwise(tokens):
        # GRAPH in the pattern only reads, but telling the pattern from the templates is not worth it here.
        if token.word == "GRAPH":
            yield _absolute(following, reading.prefixes, reading.base)


def _with_using(reading: Reading, using: Sequence[str], using_named: Sequence[str]) -> str:
    """The text with the dataset of the protocol as USING clauses of every operation that has a pattern."""
    clauses = "".join([f" USING <{iri}>" for iri in using] + [f" USING NAMED <{iri}>" for iri in using_named]) + " "
    edits: list[tuple[int, str]] = []
    for operation in _operations(reading):
        words = [token.word for token in operation.tokens]
        if operation.is_data or "WHERE" not in words:
            continue
        if operation.verb == "WITH" or "USING" in words:
            raise BadRequest("the update names its dataset (WITH, USING) and so does the request; only one can hold")
        where = operation.tokens[words.index("WHERE")]
        if operation.verb == "DELETE" and words[1] == "WHERE":  # DELETE WHERE { p } is DELETE { p } WHERE { p }
            pattern = reading.text[operation.tokens[2].start : operation.end].strip()
            edits.append((where.start, f"{pattern}{clauses}"))
        else:
            edits.append((where.start, clauses))
    text = reading.text
    for position, addition in reversed(edits):
        text = text[:position] + addition + text[position:]
    return text
