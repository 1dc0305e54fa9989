"""YAML that remembers on which line each value stands, so that a mistake can be pointed at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from actions.eligibility.errors import PolicyError, Problem, problem

Where = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """One YAML file: its plain value and the line (from 1) of every key and list item."""

    path: Path
    data: Any
    lines: Mapping[Where, int]

    def line(self, where: Where) -> int:
        """Line of the value at `where`, or of the nearest thing around it that the file has."""
        for end in range(len(where), 0, -1):
            if where[:end] in self.lines:
                return self.lines[where[:end]]
        return 1

    def problem(self, where: Where, message: str, remedy: str) -> Problem:
        return problem(self.path, self.line(where), message, remedy)


def read_document(path: Path) -> Document:
    """The file as a Document. Raises PolicyError when it is missing, not UTF-8 or not plain YAML."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise PolicyError([problem(path, 1, "文件不存在", "补上这个文件")]) from None
    except UnicodeDecodeError:
        raise PolicyError([problem(path, 1, "文件不是 UTF-8 编码", "用 UTF-8 另存")]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise PolicyError([problem(path, line, f"YAML 写法不对（{error.problem}）", "检查缩进、冒号和引号")]) from None
    except yaml.YAMLError as error:
        raise PolicyError([problem(path, 1, f"YAML 写法不对（{error}）", "检查有没有特殊字符")]) from None
    if node is None:
        raise PolicyError([problem(path, 1, "文件是空的", "写上内容或删掉文件")])
    reader = _Reader(path)
    data = reader.build(node, ())
    if reader.problems:
        raise PolicyError(reader.problems)
    return Document(path, data, reader.lines)


class _Reader:
    """Turns YAML nodes into plain values; decimals stay exact, keys must be words and stand once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[Where, int] = {}
        self.problems: list[Problem] = []
        self._scalars = yaml.SafeLoader("")
        self._seen: set[int] = set()

    def build(self, node: yaml.Node, where: Where) -> Any:
        self.lines.setdefault(where, node.start_mark.line + 1)
        if id(node) in self._seen:
            self._complain(node, "用了 YAML 别名（*）", "把内容照抄一遍")
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, where)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*where, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, where: Where) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if isinstance(key, bool):
                key = key_node.value if key_node.value in {"true", "false"} else None
            elif isinstance(key, int):
                key = str(key)
            if not isinstance(key, str):
                self._complain(key_node, f"键 {key_node.value!r} 不是文字", "给键加引号，或换一个名字")
                continue
            if key in result:
                self._complain(key_node, f"键 {key} 写了两次", "留一个")
            self.lines[(*where, key)] = key_node.start_mark.line + 1
            result[key] = self.build(value_node, (*where, key))
        return result

    def _scalar(self, node: yaml.Node) -> Any:
        if node.tag == "tag:yaml.org,2002:float":
            try:
                return Decimal(str(node.value).replace("_", ""))
            except InvalidOperation:
                return str(node.value)
        try:
            return self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError):
            self._complain(node, f"看不懂的值 {node.value!r}", "改成文字、数字、日期或 true/false")
            return None

    def _complain(self, node: yaml.Node, message: str, remedy: str) -> None:
        self.problems.append(problem(self.path, node.start_mark.line + 1, message, remedy))
