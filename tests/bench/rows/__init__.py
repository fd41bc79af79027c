"""The rows. Each module defines `async def measure(bench) -> AsyncIterator[Result]`; its name is the row's,
its docstring says what is measured and how, `ORDER` when it is its turn.
"""
