"""`python -m awsroll`: the same as the `awsroll` program."""

from awsroll.cli.main import main

if __name__ == "__main__":
    main()
