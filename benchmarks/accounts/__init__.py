"""What an account costs: a run over many accounts, one instance and one role in each.

Run it from the project's folder, with the project installed:

    python -m benchmarks.accounts
    python -m benchmarks.accounts --accounts 1000 --sessions 20 --json
    python -m benchmarks.accounts --only-start

Three contenders do the same four calls for each account, against a simulator in a process of its
own without throttles: AssumeRole, GetInstanceOnboardingJobStatus, GetConnectInstanceConfig, and
StartInstanceOnboardingJob. With `--only-start` nothing is read first, which leaves two of them.

- ours: `batch-onboard run --no-wait`, with manifest, limiters and a ledger that is fsynced.
- bare: an aioboto3 loop of as many tasks, with one client for each service, whose credentials are
  looked up per call; it paces, checks, retries and writes nothing.
- sessions: a boto3 session and client for each account in a pool of threads, as botocove and the
  like do it, all kept, on fewer accounts (`--sessions`). They share the one STS client.

Each contender is played with one account and with all. The difference, divided by the accounts
between, is what one more costs: processor time of the process, and its highest resident memory. The
whole of the long play, start included, stands beside it, and the connections that the simulator
saw in it.
"""
