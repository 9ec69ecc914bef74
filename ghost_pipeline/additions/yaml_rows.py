"""YAML: a list of mappings, one a model. Anchors and merges (``<<``) are fine, tags of other languages are not."""

from typing import Any

import yaml

from ghost_pipeline.additions.columns import addition
from ghost_pipeline.errors import InvalidAdditions
from ghost_pipeline.lifecycle.additions import Addition

_MERGE = "tag:yaml.org,2002:merge"


def read_yaml(text: str) -> list[Addition]:
    """The models of a YAML text. Raises InvalidAdditions for what is no YAML list."""
    try:
        loader = yaml.SafeLoader(text)
        try:
            return _additions(loader, loader.get_single_node())
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InvalidAdditions(f"line {mark.line + 1 if mark else 1}: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidAdditions(f"is no YAML that can be read: {' '.join(str(error).split())[:200]}") from error


def _additions(loader: yaml.SafeLoader, root: yaml.Node | None) -> list[Addition]:
    if root is None:
        return []
    if not isinstance(root, yaml.SequenceNode):
        line = root.start_mark.line + 1
        raise InvalidAdditions(f"line {line}: a list of models is expected, each beginning with '- '")
    return [_addition(loader, node) for node in root.value]


def _addition(loader: yaml.SafeLoader, node: yaml.Node) -> Addition:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        return Addition(f"line {line}", problem="is no mapping: give each model as 'column: value' lines")
    keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE]
    twice = [key for key in keys if keys.count(key) > 1]
    if twice:
        return Addition(f"line {line}", problem=f"column {twice[0][:80]!r} is there twice")
    try:
        stated: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    except yaml.MarkedYAMLError as error:
        return Addition(f"line {line}", problem=f"can't be read: {error.problem or error.context}")
    except (ValueError, LookupError, AttributeError) as error:
        # What the library raises for 2027-02-30, and for texts that a tag (!!int, !!bool, !!timestamp) does not fit.
        return Addition(f"line {line}", problem=f"has a value that can't be read: {error}")
    return addition(line, stated.items())
