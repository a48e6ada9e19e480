# SPDX-License-Identifier: Apache-2.0
"""One page of text from the results."""


def format_value(value):
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1e3 else f"{value:.0f}"
    if isinstance(value, (list, tuple)):
        return " + ".join(format_value(part) for part in value) or "none"
    return str(value)


def format_facts(facts):
    """Words of a line each; a value below its goal is marked."""
    goals = facts.get("goal", {})
    words = []
    for name, value in facts.items():
        if name == "goal":
            continue
        text = f"{name} {format_value(value)}"
        if name in goals:
            text += f" (goal {goals[name]:g}: {'reached' if value >= goals[name] else 'MISSED'})"
        words.append(text)
    return words


def wrap(words, width, indent):
    lines, line = [], ""
    for word in words:
        if line and len(line) + 2 + len(word) > width - indent:
            lines.append(line + ",")
            line = word
        else:
            line = f"{line}, {word}" if line else word
    return [" " * indent + text for text in (*lines, line) if text]


def write_result(result):
    lines = [f"{result.status:8} {result.name} ({result.seconds:.1f} s)"]
    if result.problem:
        lines.append(" " * 9 + result.problem)
    return "\n".join(lines + wrap(format_facts(result.facts), 120, 9))


def write_summary(results):
    count = {status: sum(result.status == status for result in results) for status in ("passed", "failed", "skipped")}
    missed = sum(value < goal for result in results for name, goal in result.facts.get("goal", {}).items()
                 for value in [result.facts[name]])
    return (f"{count['passed']} steps passed, {count['failed']} failed, {count['skipped']} skipped"
            f"{f'; {missed} goals of speed missed' if missed else ''}")
