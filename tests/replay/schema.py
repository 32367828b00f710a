#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""schema.py SCHEMA FILE…: does every line of the files hold by the JSON Schema?

Knows the keywords that our schema uses and refuses others, so that the test needs no
package. Every branch of the schema's oneOf must have been met once.
"""
import json
import re
import sys

TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
}
IGNORED = {"$schema", "$id", "$defs", "$comment", "title", "description", "contentEncoding"}


class Bad(Exception):
    pass


class Schema:
    def __init__(self, root):
        self.root = root
        self.met = set()

    def check(self, s, v, at="$"):
        for key, arg in s.items():
            if key in IGNORED:
                continue
            rule = getattr(self, "rule_" + key.lstrip("$"), None)
            if not rule:
                raise Bad(f"{at}: unknown keyword {key}")
            rule(arg, v, at, s)

    def holds(self, s, v, at):
        try:
            self.check(s, v, at)
            return True
        except Bad:
            return False

    def want(self, ok, at, why):
        if not ok:
            raise Bad(f"{at}: {why}")

    def rule_ref(self, ref, v, at, _):
        s = self.root
        for part in ref.removeprefix("#/").split("/"):
            s = s[part]
        self.check(s, v, at)

    def rule_type(self, t, v, at, _):
        self.want(TYPES[t](v), at, f"not of type {t}")

    def rule_const(self, c, v, at, _):
        self.want(v == c and type(v) is type(c), at, f"is not {c!r}")

    def rule_enum(self, values, v, at, _):
        self.want(v in values, at, f"is none of {values}")

    def rule_pattern(self, p, v, at, _):
        self.want(not isinstance(v, str) or re.search(p, v), at, f"does not match {p}")

    def rule_minimum(self, n, v, at, _):
        self.want(v >= n, at, f"is below {n}")

    def rule_maximum(self, n, v, at, _):
        self.want(v <= n, at, f"is above {n}")

    def rule_minLength(self, n, v, at, _):
        self.want(len(v) >= n, at, f"is shorter than {n}")

    def rule_maxLength(self, n, v, at, _):
        self.want(len(v) <= n, at, f"is longer than {n}")

    def rule_minItems(self, n, v, at, _):
        self.want(len(v) >= n, at, f"has less than {n}")

    def rule_required(self, keys, v, at, _):
        for k in keys:
            self.want(k in v, at, f"lacks {k}")

    def rule_properties(self, props, v, at, _):
        for k, s in props.items():
            if k in v:
                self.check(s, v[k], f"{at}.{k}")

    def rule_additionalProperties(self, allowed, v, at, s):
        more = set(v) - set(s.get("properties", {}))
        self.want(allowed or not more, at, f"has unknown keys {sorted(more)}")

    def rule_dependentRequired(self, deps, v, at, _):
        for k, need in deps.items():
            if k in v:
                self.rule_required(need, v, at, None)

    def rule_items(self, s, v, at, _):
        for i, e in enumerate(v):
            self.check(s, e, f"{at}[{i}]")

    def rule_oneOf(self, options, v, at, _):
        fit = [i for i, s in enumerate(options) if self.holds(s, v, at)]
        if not fit:
            # Of the one that was meant, say what is wrong.
            for s in options:
                if not self.holds(s, v, at) and self.meant(s, v):
                    self.check(s, v, at)
        self.want(len(fit) == 1, at, f"fits {len(fit)} of {len(options)} alternatives")
        self.met.add((at, fit[0]))

    def meant(self, s, v):
        s = self.root["$defs"][s["$ref"].split("/")[-1]] if "$ref" in s else s
        return s.get("properties", {}).get("kind", {}).get("const") == v.get("kind")


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        root = json.load(f)
    schema, n = Schema(root), 0
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8") as f:
            for no, line in enumerate(f, 1):
                try:
                    schema.check(root, json.loads(line))
                except (Bad, ValueError) as e:
                    sys.exit(f"{path}:{no}: {e}\n{line[:2000]}")
                n += 1
    for i, s in enumerate(root["oneOf"]):
        if ("$", i) not in schema.met:
            sys.exit(f"no line is a {s}")
    print(f"{n} objects")


if __name__ == "__main__":
    main()
