"""`python -m batch_onboard` is the command `batch-onboard`."""

from batch_onboard.cli.entry import main

if __name__ == "__main__":
    main()
