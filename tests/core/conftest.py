"""How hypothesis looks for counterexamples to the core's promises."""

from hypothesis import Phase, settings

# No time decides a test: by default an example that takes long on a busy machine fails.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

# For `mutmut run`: the same examples for each mutant, none made smaller, since one is enough.
settings.register_profile(
    "mutants",
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    max_examples=50,
)
