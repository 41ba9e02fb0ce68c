"""`python -m bayesnu`."""

from bayesnu.cli.main import main

if __name__ == "__main__":
    main()
