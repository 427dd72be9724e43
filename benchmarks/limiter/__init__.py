"""How fast, and at what price, limiters use up a quota that they don't know.

    python -m benchmarks.limiter                    all scenarios, all limiters, 20 seeds
    python -m benchmarks.limiter --quick            a few seconds: small scenarios, 3 seeds
    python -m benchmarks.limiter --only 20/10       scenarios whose name contains this
    python -m benchmarks.limiter --limiter ours     one limiter (may be repeated)
    python -m benchmarks.limiter --ablate SPACING   ours beside ours without that constant

Time is virtual and chance is seeded, so the figures are the same everywhere. The real limiter class
runs; the service, the network and the other callers are simulated (`world`, `simulate`). For each
scenario and limiter the table shows

- *ratio*: time to the last acceptance by the service, plus half a median latency for its answer,
  over the ideal: what exceeds the burst at the quota's rate, plus one latency;
- *waste*: refused calls over calls sent;

each as median/worst of all seeds, and for ours whether the medians meet the project's targets and
whether the worst seed does. Nothing in the limiter was chosen on these seeds.
"""
