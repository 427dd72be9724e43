"""What click leaves out of completion: words with `=`, such as `state=failed` and `--output=json`.

bash breaks words at `=` and `:`, and click's own script passes the pieces on. The one here passes
the line, and gives bash back only what stands behind the last break. zsh and fish replace the
whole word, of which click returns but what stands behind the option's `=`.
"""

from __future__ import annotations

import os
from typing import ClassVar

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    split_arg_string,
)

_SOURCE = """\
%(complete_func)s() {
    local IFS=$'\\n'
    local line word breaks before type value completion

    line="${COMP_LINE:0:COMP_POINT}"
    word="${line##*[[:space:]]}"
    breaks="${COMP_WORDBREAKS//[^=:]/}"
    before=''
    [[ -n $breaks ]] && before="${word%%"${word##*[$breaks]}"}"

    COMPREPLY=()
    for completion in $(env COMP_WORDS="$line" %(complete_var)s=bash_complete "$1"); do
        IFS=',' read -r type value <<< "$completion"

        if [[ $type == 'dir' ]]; then
            compopt -o dirnames
        elif [[ $type == 'file' ]]; then
            compopt -o default
        elif [[ $type == 'plain' ]]; then
            [[ $value == *= ]] && compopt -o nospace
            COMPREPLY+=("${value#"$before"}")
        fi
    done

    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class _WholeWords(ShellComplete):
    """Completes a word as a whole, with the option that it may begin with."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Return what the last word may become."""
        option, equals, _ = incomplete.partition("=")
        found = super().get_completions(args, incomplete)
        if not (equals and option.startswith("--")):
            return found
        return [
            CompletionItem(f"{option}={item.value}", item.type, item.help)
            if item.type == "plain"
            else item
            for item in found
        ]


class Bash(_WholeWords, BashComplete):
    """What bash is given, and what it asks."""

    source_template: ClassVar[str] = _SOURCE

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor, and the one that is to be completed."""
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)
        incomplete = "" if line[-1:].isspace() else words.pop()
        return words[1:], incomplete


class Zsh(_WholeWords, ZshComplete):
    """What zsh is given, and what it asks."""


class Fish(_WholeWords, FishComplete):
    """What fish is given, and what it asks."""


SHELLS: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": Zsh, "fish": Fish}
