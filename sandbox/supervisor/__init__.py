"""The program that runs inside every sandbox, and the harness's end of the wire to it."""
