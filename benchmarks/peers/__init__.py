"""Real time, real HTTP: this tool beside what one would otherwise write, all doing the same work.

Run it from the project's folder, with the project installed:

    python -m benchmarks.peers
    python -m benchmarks.peers --quota 2/5 --number 60
    python -m benchmarks.peers --only ours --only boto3-adaptive --runs 5 --json

Every peer is a process of its own that has to get N instances of one account and Region onboarded,
with long-lived credentials and without following the jobs. Each run of each peer has a new
simulator, `batch-onboard simulate`, in another process, behind a slow wire (`wire.py`): latencies
are drawn around `--latency`, for refused calls too, which the simulator's own fault `delay` leaves
as fast as they are. The peers take turns, so that what else the machine does touches all alike.

What is measured is what the simulator saw, so that the time in which a process starts is not
counted:

- ratio: from the first accepted Start to the last one, and one latency for the way there and back,
  over max(0, (N - burst) / rate) + one latency. The bucket is full in the beginning, so the first
  Start that arrives is the first accepted. 1.00 is the best that the quota allows; less shows a
  peer that gave targets up, and so waited for fewer.
- waste: throttled Starts (429) over all Starts, in percent.
- lost: targets that the peer gave up.
- CPU: seconds of the peer's process and its children, start included.

A peer is skipped, and said to be, if what it needs is missing: `pip install aiolimiter`, and an
`aws` that runs, found on PATH or named by `--aws`.
"""
