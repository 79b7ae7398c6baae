"""`python -m nurture` is the same program as the installed command `nurture`."""

from nurture.commands import main

if __name__ == "__main__":
    main()
