"""`python -m gateway.cli`: `pdmp` where its script is not installed."""

from gateway.cli import main

if __name__ == "__main__":
    main(prog_name="pdmp")
