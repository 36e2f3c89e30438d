"""`python -m ilprouter` is the `ilprouter` command."""

from ilprouter.cli import main

if __name__ == "__main__":
    main()
