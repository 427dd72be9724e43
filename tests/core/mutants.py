"""How hypothesis looks for mutants of the core: a plugin for pytest that `mutmut run` loads.

The same examples for each mutant, and none is made smaller: that one fails is all that counts.
"""

from hypothesis import Phase, settings

settings.register_profile(
    "mutants",
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    max_examples=50,
)
