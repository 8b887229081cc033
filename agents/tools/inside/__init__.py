"""Programs that run inside the sandbox, with its own Python and the toolbox; never imported by the harness.

Each reads one JSON request from standard input. What a library raises is left to end the program: the last line
of its traceback is the reason that the model is told. Toolbox packages are imported by name at the place of use,
since the harness's own environment does not have them.
"""
