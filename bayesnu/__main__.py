"""`python -m bayesnu`."""

from bayesnu.cli import main

if __name__ == "__main__":
    main()
