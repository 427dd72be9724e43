"""What the live view of a run costs: its processor time with `--progress bar` and without.

Run it from the project's folder, with the project installed:

    python -m benchmarks.view
    python -m benchmarks.view --targets 3000 --rounds 9 --json

Each round runs the same batch three times, as the real command in a process of its own, against a
simulator in another, without throttles, whose jobs end at once: with the live view on a terminal
of 120 columns and 40 rows, without it, and without it once more. Which comes first changes from
round to round. What is told is the processor time of the command (user and system), the median of
the rounds, and by how much the view's is more. The two without it tell how far chance goes: what
is less than their difference says nothing.
"""
